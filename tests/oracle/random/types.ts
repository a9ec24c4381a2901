/**
 * The types of random columns: eleven that expressions are made of, and all others that PostgreSQL ships. Equal samples
 * of a type look alike, so that it does not matter which of them a server shows.
 */

export const richTypes = [
  'int4',
  'int8',
  'numeric',
  'text',
  'date',
  'bool',
  'uuid',
  'jsonb',
  'float8',
  'int4[]',
  'timestamptz',
] as const;

type RichType = (typeof richTypes)[number];

interface Exotic {
  readonly samples: readonly string[];
  /** It has a default btree operator class: =, <, ORDER BY, DISTINCT. */
  readonly comparable: boolean;
  /** max() takes it. */
  readonly hasMaximum: boolean;
  readonly isKey: boolean;
}

function type(marks: string, ...samples: readonly string[]): Exotic {
  const has = (mark: string): boolean => marks.includes(mark);
  return { samples, comparable: has('c'), hasMaximum: has('m'), isKey: has('k') };
}

/** Marks: c comparable, m max() takes it, k can be a shard key. */
const exotics = {
  int2: type('cmk', '-3', '0', '1', '2', '300'),
  oid: type('cmk', '0', '1', '2', '4000000000'),
  float4: type('cmk', '-1.5', '0', '0.25', '3e10', 'Infinity', 'NaN'),
  money: type('cm', '-1.50', '0', '12.25', '1000000.01'),
  'varchar(12)': type('ck', '', 'a', 'Ab', "o'k", 'ß'),
  'character(4)': type('cmk', 'a', 'b', 'abcd', 'Ä'),
  '"char"': type('c', 'a', 'b', 'Z'),
  name: type('ck', 'a', 'b', 'pg_name'),
  bytea: type('ck', '', '\\x00', '\\x00ff', '\\x61'),
  time: type('cmk', '00:00', '12:30:00.5', '23:59:59'),
  timetz: type('cmk', '00:00+00', '12:30:00.5+02', '23:59:59-05'),
  timestamp: type('cmk', '2024-02-29 12:00', '1999-12-31 23:59:59.999999', 'infinity', '0044-03-15 BC'),
  interval: type('cmk', '0', '1 day', '-3 mons', '1 year 2 mons 3 days 04:05:06.7'),
  json: type('', '{"b": 1,  "a": 2}', '[1, null]', '"x"'),
  inet: type('cmk', '10.0.0.1', '10.0.0.0/8', '::1', 'fe80::1/64'),
  cidr: type('ck', '10.0.0.0/8', '192.168.1.0/24', '2001:db8::/32'),
  macaddr: type('ck', '08:00:2b:01:02:03', '00:00:00:00:00:00'),
  macaddr8: type('ck', '08:00:2b:01:02:03:04:05', '00:00:00:00:00:00:00:01'),
  'bit(3)': type('c', '000', '101', '111'),
  'bit varying(5)': type('c', '', '1', '10101'),
  point: type('', '(1,2)', '(-0.5,3)'),
  line: type('', '{1,-1,0}', '{0,1,2}'),
  lseg: type('', '[(0,0),(1,1)]'),
  box: type('', '(2,2),(0,0)', '(1,1),(-1,-1)'),
  path: type('', '((0,0),(1,0),(1,1))', '[(0,0),(2,2)]'),
  polygon: type('', '((0,0),(1,0),(1,1))'),
  circle: type('', '<(0,0),2>'),
  tsvector: type('c', "'a':1 'fat':2,4", "'cat'", ''),
  tsquery: type('c', "'a' & 'b'", "'fat' <-> 'cat'", "!'x'"),
  jsonpath: type('', '$."a"[*]', '$."b"'),
  int4range: type('c', '[1,5)', 'empty', '(,3)', '[2,)'),
  int8range: type('c', '[1,5)', '[7,9)'),
  numrange: type('c', '[1.5,2.5]', '(0.0,1.0)'),
  tsrange: type('c', '["2024-01-01 00:00:00","2024-01-02 00:00:00")', 'empty'),
  tstzrange: type('c', '["2024-01-01 00:00:00+00","2024-01-02 00:00:00+00")'),
  daterange: type('c', '[2024-01-01,2024-02-01)', '(,)'),
  int4multirange: type('c', '{[1,3),[5,7)}', '{}'),
  nummultirange: type('c', '{[1.5,2.5)}', '{}'),
  datemultirange: type('c', '{[2024-01-01,2024-02-01)}'),
  pg_lsn: type('cm', '0/0', '16/B374D848'),
  xid: type('', '3', '700'),
  xid8: type('cm', '3', '70000000000'),
  tid: type('cm', '(0,1)', '(5,2)'),
  pg_snapshot: type('', '10:20:10,14,15', '1:1:'),
  oidvector: type('c', '1 2 3', '23'),
  int2vector: type('', '1 2', '7'),
  regtype: type('c', 'integer', 'text', 'numeric'),
  xml: type('', '<a>1</a>', '<b x="y"/>'),
  'text[]': type('cm', '{}', '{a,NULL,"b c"}', '{{a,b},{c,d}}', '[2:3]={x,y}'),
  'numeric[]': type('cm', '{1.50,2.25}', '{NULL}'),
  'timestamp[]': type('cm', '{"2024-02-29 12:00:00"}', '{}'),
  'inet[]': type('c', '{10.0.0.1,::1}'),
  'jsonb[]': type('c', '{"{\\"a\\": 1}",null}'),
  mood: type('cm', 'sad', 'ok', 'happy'),
  'mood[]': type('cm', '{sad,happy}', '{}'),
  pair: type('c', '(1,a)', '(2,)', '(,"b c")'),
  'pair[]': type('c', '{"(1,a)","(2,b)"}'),
  few: type('cm', '1', '2', '3'),
  span: type('c', '[1.5,2.5)', 'empty'),
} as const;

type ExoticType = keyof typeof exotics;
export type ColumnType = RichType | ExoticType;

/** Types of users' own, as each schema makes them. */
export const userTypes: readonly string[] = [
  "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')",
  'CREATE TYPE pair AS (x int4, y text)',
  'CREATE DOMAIN few AS int4 CHECK (VALUE < 10)',
  'CREATE TYPE span AS RANGE (subtype = float8)',
];

// Object.keys tells less of its result than is known of a constant.
export const exoticTypes = Object.keys(exotics) as readonly ExoticType[];

export function isExotic(name: ColumnType): name is ExoticType {
  return name in exotics;
}

export function isComparable(name: ColumnType): boolean {
  return !isExotic(name) || exotics[name].comparable;
}

export function hasMaximum(name: ColumnType): boolean {
  return isExotic(name) ? exotics[name].hasMaximum : !['bool', 'uuid', 'jsonb', 'int4[]'].includes(name);
}

export const comparableTypes: readonly ColumnType[] = [...richTypes, ...exoticTypes].filter(isComparable);

export const keyTypes: readonly ColumnType[] = [
  ...(['int4', 'int8', 'int4', 'int8', 'text', 'text', 'uuid', 'uuid', 'date', 'timestamptz', 'numeric'] as const),
  ...exoticTypes.filter((name) => exotics[name].isKey),
];

export const words: readonly string[] = ['', 'a', 'b', 'B', 'ab', 'Ä', "o'k", 'zz'];

export function uuidOf(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A value of the type as an SQL literal, few different ones a type. `number` picks it. */
export function literalOf(name: ColumnType, number: number): string {
  const small = number % 7;
  switch (name) {
    case 'int4':
    case 'int8':
      return String(small - 1);
    case 'numeric':
      return `${small}.${small % 2 === 0 ? '50' : '25'}`;
    case 'text':
      return quote(words[number % words.length] ?? '');
    case 'date':
      return `'2024-02-2${small}'`;
    case 'bool':
      return small % 2 === 0 ? 'true' : 'false';
    case 'uuid':
      return quote(uuidOf(small));
    case 'jsonb':
      return small % 2 === 0 ? `'{"k": ${small}, "l": [1, "x"]}'` : `'[${small}, null]'`;
    case 'float8':
      return `${small}.${small % 2 === 0 ? '5' : '25'}`;
    case 'int4[]':
      return small === 0 ? `'{}'` : `'{${small},${small - 1},NULL}'`;
    case 'timestamptz':
      return `'2024-03-0${small + 1} 12:00:00+00'`;
    default: {
      const { samples } = exotics[name];
      return quote(samples[number % samples.length] ?? '');
    }
  }
}
