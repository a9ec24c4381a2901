/** Column types of the random tables, with values that tie, are negative, empty or missing, and add up exactly. */

import type { Dice } from './dice.js';

export type TypeName =
  | 'int'
  | 'bigint'
  | 'smallint'
  | 'numeric'
  | 'text'
  | 'varchar(20)'
  | 'float8'
  | 'bool'
  | 'date'
  | 'timestamptz'
  | 'uuid';

export const keyTypes: readonly TypeName[] = [
  'int',
  'int',
  'bigint',
  'text',
  'text',
  'numeric',
  'date',
  'uuid',
  'smallint',
  'varchar(20)',
  'timestamptz',
];
export const columnTypes: readonly TypeName[] = [
  'int',
  'int',
  'text',
  'numeric',
  'float8',
  'bool',
  'date',
  'bigint',
  'timestamptz',
];

interface TypeFacts {
  readonly oid: number;
  readonly samples: readonly string[];
  /** The binary form of a value; undefined: only text is sent. */
  readonly binary?: (text: string) => Buffer;
  readonly quoted: boolean;
}

function integer(bytes: 2 | 4 | 8): (text: string) => Buffer {
  return (text) => {
    const buffer = Buffer.alloc(bytes);
    if (bytes === 2) buffer.writeInt16BE(Number(text));
    else if (bytes === 4) buffer.writeInt32BE(Number(text));
    else buffer.writeBigInt64BE(BigInt(text));
    return buffer;
  };
}

const integers = ['0', '1', '2', '3', '4', '5', '6', '7', '-1', '-7', '10', '42', '100', '-100'];
const day = 86_400_000;
const words = [
  '',
  'a',
  'b',
  'A',
  'aa',
  'ab',
  ' ',
  "it's",
  'é',
  'z',
  'Z',
  '10',
  '9',
  'NULL',
  'x"y',
  'back\\slash',
  '日本',
];

const facts: Readonly<Record<TypeName, TypeFacts>> = {
  int: { oid: 23, samples: integers, binary: integer(4), quoted: false },
  bigint: { oid: 20, samples: [...integers, '5000000000', '-5000000000'], binary: integer(8), quoted: false },
  smallint: { oid: 21, samples: integers, binary: integer(2), quoted: false },
  numeric: {
    oid: 1700,
    samples: ['0.00', '1.00', '1.50', '-1.50', '2.25', '100.00', '-0.25', '12345678901234567890.25'],
    quoted: false,
  },
  text: { oid: 25, samples: words, binary: (text) => Buffer.from(text), quoted: true },
  'varchar(20)': { oid: 1043, samples: words, binary: (text) => Buffer.from(text), quoted: true },
  float8: {
    oid: 701,
    samples: ['0', '1.5', '-1.5', '2.25', '100', 'NaN', 'Infinity', '-Infinity', '0.25'],
    binary: (text) => {
      const buffer = Buffer.alloc(8);
      buffer.writeDoubleBE(Number(text));
      return buffer;
    },
    quoted: true,
  },
  bool: {
    oid: 16,
    samples: ['true', 'false'],
    binary: (text) => Buffer.from([text === 'true' ? 1 : 0]),
    quoted: false,
  },
  date: {
    oid: 1082,
    samples: ['2024-01-01', '2024-01-02', '2024-02-29', '1999-12-31', '2024-12-31'],
    binary: (text) => {
      const buffer = Buffer.alloc(4);
      buffer.writeInt32BE((Date.parse(text) - Date.UTC(2000, 0, 1)) / day);
      return buffer;
    },
    quoted: true,
  },
  timestamptz: {
    oid: 1184,
    samples: ['2024-01-01 00:00:00+00', '2024-01-01 01:00:00+01', '2024-06-01 12:30:00.5+00', '1999-12-31 23:59:59+00'],
    quoted: true,
  },
  uuid: {
    oid: 2950,
    samples: [
      '00000000-0000-0000-0000-000000000000',
      'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
      'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12',
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
      '12345678-1234-1234-1234-123456789abc',
    ],
    binary: (text) => Buffer.from(text.replaceAll('-', ''), 'hex'),
    quoted: true,
  },
};

export function isNumber(type: TypeName): boolean {
  return ['int', 'bigint', 'smallint', 'numeric', 'float8'].includes(type);
}

/** A value in a statement; in the extended protocol it may become a parameter. */
export interface Value {
  readonly type: TypeName;
  /** Undefined: NULL. */
  readonly text: string | undefined;
  readonly nullable: boolean;
  /** It must be written with its type, which is not that of the column beside it. */
  readonly explicit: boolean;
}

export function randomValue(dice: Dice, type: TypeName, nullable: boolean): Value {
  const text = nullable && dice.once(6) ? undefined : dice.pick(facts[type].samples);
  return { type, text, nullable, explicit: false };
}

/** The value as SQL, in one of the forms that mean the same. */
export function literalSql(dice: Dice, { type, text, explicit }: Value): string {
  if (text === undefined) return explicit ? `NULL::${type}` : 'NULL';
  const quoted = `'${text.replaceAll("'", "''")}'`;
  if (explicit && (!isNumber(type) || type === 'float8' || dice.once(2))) return `${quoted}::${type}`;
  if (dice.once(8)) return `${quoted}::${type}`;
  if (dice.once(12)) return `CAST(${quoted} AS ${type})`;
  if (type === 'text' && dice.once(6)) return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  if (type === 'text' && dice.once(8)) return `$v$${text}$v$`;
  return facts[type].quoted || dice.once(6) ? quoted : text;
}

/** Values of another type than the column's, that may be compared with it all the same. */
const likeTypes: Readonly<Partial<Record<TypeName, readonly TypeName[]>>> = {
  int: ['bigint', 'smallint', 'numeric', 'float8'],
  bigint: ['int', 'numeric', 'smallint'],
  smallint: ['int', 'bigint', 'numeric'],
  numeric: ['int', 'bigint'],
  text: ['varchar(20)'],
  'varchar(20)': ['text'],
  date: ['timestamptz'],
  timestamptz: ['date'],
};

export function likeType(dice: Dice, type: TypeName): TypeName {
  const others = likeTypes[type];
  return others !== undefined && dice.once(8) ? dice.pick(others) : type;
}

/** How a value is sent each time that its statement is executed. */
interface ParameterForm {
  readonly type: number;
  readonly format: 0 | 1;
}

export function parameterForm(dice: Dice, type: TypeName, declared: boolean): ParameterForm {
  const { oid, binary } = facts[type];
  const isBinary = binary !== undefined && dice.once(2);
  return { type: isBinary || declared || dice.once(2) ? oid : 0, format: isBinary ? 1 : 0 };
}

export function parameterValue({ type, text }: Value, form: ParameterForm): Buffer | null {
  if (text === undefined) return null;
  return form.format === 1 ? (facts[type].binary?.(text) ?? Buffer.from(text)) : Buffer.from(text);
}
