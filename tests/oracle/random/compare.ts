/** One random case: a query with its values and formats, asked of pgring and of one PostgreSQL. */

import { difference, readAnswer, refusalIn, type Answer } from '../answer.js';
import type { Parameters as BoundParameters, RawClient } from '../raw-client.js';
import type { Choices } from './choices.js';
import type { ParameterValue } from './expressions.js';
import { randomQuery } from './query.js';
import type { ColumnType } from './tables.js';

/** Parameters with the types that Parse declares. */
interface Parameters extends BoundParameters {
  readonly types: readonly number[];
}

export interface RandomCase {
  readonly sql: string;
  readonly ordered: boolean;
  /** Undefined: by the simple protocol. */
  readonly parameters: Parameters | undefined;
  /** Runs before it, in a transaction that is rolled back. */
  readonly change: string | undefined;
  readonly choices: readonly number[];
}

export type Outcome =
  | { readonly kind: 'equal' }
  | { readonly kind: 'refused'; readonly construct: string }
  /** The oracle itself gave up: the query runs too long. */
  | { readonly kind: 'skipped' }
  | { readonly kind: 'different'; readonly text: string };

const typeOids: Readonly<Record<ColumnType, number>> = {
  int4: 23,
  int8: 20,
  numeric: 1700,
  text: 25,
  date: 1082,
  bool: 16,
  uuid: 2950,
  jsonb: 3802,
  float8: 701,
  'int4[]': 1007,
  timestamptz: 1184,
};

/** What a transaction may have done before its query. */
const changes: readonly string[] = [
  'INSERT INTO si (id, a, t) VALUES (100, 1, NULL), (101, 2, $$a$$), (102, 3, $$b$$)',
  'UPDATE sj SET a = a + 1 WHERE k < 10',
  'DELETE FROM su WHERE a > 1',
  'UPDATE rf SET a = 3',
  'UPDATE hm SET t = $$new$$ WHERE id < 4',
  'SET TRANSACTION READ ONLY',
  'SET LOCAL TimeZone = $$Asia/Tokyo$$',
  'TRUNCATE si',
  'ALTER TABLE sj ALTER COLUMN t SET DEFAULT $$x$$',
];

export function makeCase(choices: Choices): RandomCase {
  const { sql, parameters, ordered } = randomQuery(choices);
  const change = choices.percent(12) ? choices.pick(changes) : undefined;
  const isExtended = parameters.length > 0 || choices.percent(40);
  if (!isExtended) return { sql, ordered, parameters: undefined, change, choices: choices.taken };
  const binary = choices.percent(40);
  const known = choices.percent(50);
  const values = parameters.map((parameter) => encode(parameter, binary));
  return {
    sql,
    ordered,
    parameters: {
      types: known ? parameters.map(({ type }) => typeOids[type]) : [],
      formats: values.map(({ format }) => format),
      values: values.map(({ bytes }) => bytes),
      resultFormats: choices.pick([[], [1], [0]]),
    },
    change,
    choices: choices.taken,
  };
}

function encode({ type, literal }: ParameterValue, binary: boolean): { format: number; bytes: Buffer } {
  const text = literal.startsWith("'") ? literal.slice(1, -1).replaceAll("''", "'") : literal;
  if (binary) {
    const bytes = encodeBinary(type, text);
    if (bytes !== undefined) return { format: 1, bytes };
  }
  return { format: 0, bytes: Buffer.from(text) };
}

function encodeBinary(type: ColumnType, text: string): Buffer | undefined {
  switch (type) {
    case 'int4': {
      const bytes = Buffer.alloc(4);
      bytes.writeInt32BE(Number(text));
      return bytes;
    }
    case 'int8': {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64BE(BigInt(text));
      return bytes;
    }
    case 'float8': {
      const bytes = Buffer.alloc(8);
      bytes.writeDoubleBE(Number(text));
      return bytes;
    }
    case 'bool':
      return Buffer.from([text === 'true' ? 1 : 0]);
    case 'uuid':
      return Buffer.from(text.replaceAll('-', ''), 'hex');
    case 'text':
      return Buffer.from(text);
    default:
      return undefined;
  }
}

export async function runCase(pgring: RawClient, oracle: RawClient, random: RandomCase): Promise<Outcome> {
  const { sql, parameters, ordered, change } = random;
  const ask = async (client: RawClient): Promise<readonly Buffer[]> => {
    if (change === undefined) return await send(client, sql, parameters);
    const begun = readAnswer(await client.simple(`BEGIN; ${change}`));
    const failed = begun.parts.find((part) => part.kind === 'error');
    if (failed !== undefined) throw new Error(`${change}: ${JSON.stringify(failed)}`);
    const answer = await send(client, sql, parameters);
    await client.simple('ROLLBACK');
    return answer;
  };
  const expected = readAnswer(await ask(oracle));
  if (expected.parts.some((part) => part.kind === 'error' && part.sqlstate === '57014')) return { kind: 'skipped' };
  const actual = readAnswer(await ask(pgring));
  const construct = refusalIn(actual);
  if (construct !== undefined) return { kind: 'refused', construct };
  const text = difference(loosened(actual, sql), loosened(expected, sql), ordered ? 'ordered' : 'any order');
  return text === undefined ? { kind: 'equal' } : { kind: 'different', text };
}

async function send(client: RawClient, sql: string, parameters: Parameters | undefined): Promise<readonly Buffer[]> {
  return parameters === undefined
    ? await client.simple(sql)
    : await client.pipeline(sql, parameters.types, [parameters], 0);
}

/**
 * Of a set operation PostgreSQL tells other type modifiers of a portal than of its statement (its planner takes them
 * from the left arm where the parser takes none), so they are not compared.
 */
function loosened(told: Answer, sql: string): Answer {
  // What a failed transaction had SET is reported back at once by PostgreSQL, at its end by pgring.
  const answer = { ...told, reported: new Map<string, string>() };
  if (!/ (UNION|EXCEPT|INTERSECT) /.test(sql)) return answer;
  const parts = answer.parts.map((part) =>
    part.kind === 'said' && part.text.startsWith('columns ')
      ? { ...part, text: part.text.replaceAll(/:-?\d+:(\d:\d+)/g, ':$1') }
      : part,
  );
  return { ...answer, parts };
}
