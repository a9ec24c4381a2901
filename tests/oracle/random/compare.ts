/** One random case: a query with its values and formats, asked of pgring and of one PostgreSQL. */

import { difference, readAnswer, refusalIn, type Answer } from '../answer.js';
import type { Parameters as BoundParameters, RawClient } from '../raw-client.js';
import type { Choices } from './choices.js';
import type { ParameterValue } from './expressions.js';
import { randomQuery } from './query.js';
import type { Schema } from './tables.js';
import type { WireForms } from './wire-forms.js';

/** Parameters with the types that Parse declares. */
interface Parameters extends BoundParameters {
  readonly types: readonly number[];
}

export interface RandomCase {
  readonly sql: string;
  readonly ordered: boolean;
  /** Undefined: by the simple protocol. */
  readonly parameters: Parameters | undefined;
  /** The query's rows are copied out, or looked at in a table that is made of them; undefined: it is sent as it is. */
  readonly into: 'COPY' | 'TABLE' | 'TEMPORARY TABLE' | undefined;
  /** Runs before it, in a transaction that is rolled back. */
  readonly change: string | undefined;
  readonly choices: readonly number[];
}

export type Outcome =
  | { readonly kind: 'equal' }
  | { readonly kind: 'refused'; readonly construct: string }
  /** No answer is certain: the query runs too long, or what fails depends on the plan. */
  | { readonly kind: 'skipped' }
  | { readonly kind: 'different'; readonly text: string };

/** What a transaction may also have done before its query. */
const settings: readonly string[] = ['SET TRANSACTION READ ONLY', 'SET LOCAL TimeZone = $$Asia/Tokyo$$'];

export function makeCase(choices: Choices, schema: Schema, forms: WireForms): RandomCase {
  const { sql, parameters, ordered } = randomQuery(choices, schema.tables);
  const change = choices.percent(12) ? choices.pick([...schema.changes, ...settings]) : undefined;
  const isExtended = parameters.length > 0 || choices.percent(40);
  if (!isExtended) {
    const into = choices.percent(12) ? choices.pick(['COPY', 'TABLE', 'TEMPORARY TABLE'] as const) : undefined;
    return {
      sql,
      ordered: ordered && !(into?.endsWith('TABLE') ?? false),
      parameters: undefined,
      into,
      change,
      choices: choices.taken,
    };
  }
  const binary = choices.percent(40);
  const known = choices.percent(50);
  const values = parameters.map((parameter) => encode(parameter, binary, forms));
  return {
    sql,
    ordered,
    parameters: {
      types: known ? parameters.map(({ type }) => forms.oidOf(type)) : [],
      formats: values.map(({ format }) => format),
      values: values.map(({ bytes }) => bytes),
      resultFormats: choices.pick([[], [1], [0]]),
    },
    into: undefined,
    change,
    choices: choices.taken,
  };
}

function encode(
  { type, literal }: ParameterValue,
  wantsBinary: boolean,
  forms: WireForms,
): { format: number; bytes: Buffer } {
  const binary = wantsBinary ? forms.binaryOf(type, literal) : undefined;
  if (binary !== undefined) return { format: 1, bytes: binary };
  const text = literal.startsWith("'") ? literal.slice(1, -1).replaceAll("''", "'") : literal;
  return { format: 0, bytes: Buffer.from(text) };
}

export async function runCase(pgring: RawClient, oracle: RawClient, random: RandomCase): Promise<Outcome> {
  const { sql, parameters, ordered, change, into } = random;
  const ask = async (client: RawClient): Promise<readonly Buffer[]> => {
    if (into === 'COPY') return await client.simple(`COPY (${sql}) TO STDOUT`);
    if (into !== undefined) return await client.simple(`CREATE ${into} made AS ${sql}; TABLE made; DROP TABLE made`);
    if (change === undefined) return await send(client, sql, parameters);
    const begun = readAnswer(await client.simple(`BEGIN; ${change}`));
    const failed = begun.parts.find((part) => part.kind === 'error');
    if (failed !== undefined) throw new Error(`${change}: ${JSON.stringify(failed)}`);
    const answer = await send(client, sql, parameters);
    await client.simple('ROLLBACK');
    return answer;
  };
  const expected = readAnswer(await ask(oracle));
  if (failsWith(expected, '57014')) return { kind: 'skipped' };
  const actual = readAnswer(await ask(pgring));
  const construct = refusalIn(actual);
  if (construct !== undefined) return { kind: 'refused', construct };
  if (planDependent.some((state) => failsWith(expected, state) || failsWith(actual, state))) return { kind: 'skipped' };
  const text = difference(loosened(actual, sql), loosened(expected, sql), ordered ? 'ordered' : 'any order');
  return text === undefined ? { kind: 'equal' } : { kind: 'different', text };
}

/**
 * It depends on the plan, and on which rows it looks at first, whether and at what PostgreSQL meets a conflict of
 * collations, or asks a subquery in vain that would give several rows.
 */
const planDependent: readonly string[] = ['42P22', '21000'];

function failsWith(answer: Answer, state: string): boolean {
  return answer.parts.some((part) => part.kind === 'error' && part.sqlstate === state);
}

async function send(client: RawClient, sql: string, parameters: Parameters | undefined): Promise<readonly Buffer[]> {
  return parameters === undefined
    ? await client.simple(sql)
    : await client.pipeline(sql, parameters.types, [parameters], 0);
}

/**
 * What depends on how PostgreSQL plans a query is not compared: of a set operation, and of expressions that its planner
 * makes simpler, it tells other type modifiers of a portal than of its statement.
 */
function loosened(told: Answer, sql: string): Answer {
  const hasPlannedModifiers = / (UNION|EXCEPT|INTERSECT) |coalesce\(|CASE |greatest\(|nullif\(/.test(sql);
  const parts = told.parts.map((part) => {
    return hasPlannedModifiers && part.kind === 'said' && part.text.startsWith('columns ')
      ? { ...part, text: part.text.replaceAll(/:(\d+|user):-?\d+:(\d:\d+)/g, ':$1:$2') }
      : part;
  });
  // What a failed transaction had SET is reported back at once by PostgreSQL, at its end by pgring.
  return { ...told, parts, reported: new Map<string, string>() };
}
