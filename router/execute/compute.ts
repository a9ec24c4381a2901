/** Values that only a server can give, asked for on the home shard before a statement is routed. */

import { present } from '../../base/assert.js';
import { PgError, sqlstate, withoutPosition } from '../../base/errors.js';
import { quoteLiteral } from '../../catalog/schema.js';
import { fill, noPieces } from '../../planner/parse/splice.js';
import type { ComputedExpression, ValueSource } from '../../planner/plan/plan.js';
import { readArray } from '../ring/array-elements.js';
import type { UndecidedSource } from '../ring/locate.js';
import type { BoundStatement, ExecutionContext } from './context.js';
import { queryHomeRow } from './query-row.js';
import { measureOthers } from './sizes.js';
import type { ComputedValue, StatementValues } from './values.js';
import { withOwnProcess } from './own-process.js';

const BINARY = 1;
/** A select list of PostgreSQL holds 1,664 entries. */
const CHUNK_EXPRESSIONS = 1_600;

/**
 * A number of a sequence is only sure not to come again after a crash of its server when the log is flushed up to it, and
 * the transaction that stores it commits elsewhere. So where that is not so the statement gets a transaction id, for the
 * commit of which the log is flushed (nextval_internal() in sequence.c does the same, but for one number in 32 only).
 */
const flushed = `CASE WHEN pg_catalog.pg_current_wal_insert_lsn() > pg_catalog.pg_current_wal_flush_lsn()
  THEN pg_catalog.pg_current_xact_id() END`;

/** Evaluates a plan's computed expressions, each once, and gives them to `values`. */
export async function computeValues(
  context: ExecutionContext,
  statement: BoundStatement,
  expressions: readonly ComputedExpression[],
  values: StatementValues,
): Promise<void> {
  if (expressions.length === 0) return;
  const texts: string[] = [];
  const { processId } = context.activity;
  for (const { sql, sizes, view } of expressions) {
    if (view === 'pg_backend_pid') texts.push(`${processId}::pg_catalog.int4`);
    else if (view !== undefined) texts.push(jsonText(await context.listOwn(view)));
    else if (sizes !== undefined) texts.push(jsonText(await measureOthers(context, sizes)));
    else {
      const own = sql.map((piece) => (typeof piece === 'string' ? withOwnProcess(piece, processId) : piece));
      texts.push(fill(own, { ...noPieces, slotText: (n) => values.slotText(n) }));
    }
  }
  const parameters = {
    ...statement.parameters,
    types: statement.parameters.values.length === 0 ? [] : (await context.inferShape(statement)).parameterTypes,
  };
  const { single, repeated } = groupRepeated(texts);
  const chunks: string[] = [];
  for (let from = 0; from < single.length; from += CHUNK_EXPRESSIONS) {
    chunks.push(typedValues(single.slice(from, from + CHUNK_EXPRESSIONS).map((index) => texts[index] ?? '')));
  }
  for (const [text, places] of repeated) chunks.push(repeatedValues(text, places.length));
  const takes = texts.some((text) => /\bnextval\b/.test(text));
  const items = takes ? [...chunks, flushed] : chunks;
  const answer = await queryHomeRow(context, `SELECT ${items.join(', ')}`, parameters, BINARY).catch(
    (error: unknown) => {
      throw error instanceof PgError ? withoutPosition(error) : error;
    },
  );
  // Outside a transaction the statement's own commit has flushed them.
  if (takes && answer.at(-1) !== null) context.transaction.noteTaken(context.topology.home);
  const arrays = answer
    .slice(0, chunks.length)
    .map((array) => readArray(present(array, 'an array is not NULL'))?.elements ?? []);
  const ofSingles = arrays.slice(0, arrays.length - repeated.size).flat();
  const computed: ComputedValue[] = [];
  const set = (index: number, text: Buffer | null, typeName: string, oid: number): void => {
    computed[index] = {
      text: text?.toString('utf8') ?? null,
      typeName: expressions[index]?.typeName ?? typeName,
      typeOid: oid,
    };
  };
  single.forEach((index, place) => {
    const [text = null, typeName, oid] = ofSingles.slice(3 * place, 3 * place + 3);
    set(index, text, textOf(typeName), Number(textOf(oid)));
  });
  [...repeated.values()].forEach((places, group) => {
    const [typeName, oid, ...texts] = arrays[arrays.length - repeated.size + group] ?? [];
    const name = textOf(typeName);
    const typeOid = Number(textOf(oid));
    places.forEach((index, place) => set(index, texts[place] ?? null, name, typeOid));
  });
  values.setComputed(computed);
}

function textOf(value: Buffer | null | undefined): string {
  return present(value, 'pg_typeof gave NULL').toString('utf8');
}

/** From so many on, one expression for all is quicker than as many expressions. */
const MINIMUM_REPEATED = 16;

interface Grouped {
  /** Places of expressions that are computed one by one. */
  readonly single: readonly number[];
  /** Expressions that stand in many places, as the next number of a sequence for each of many rows does. */
  readonly repeated: ReadonlyMap<string, readonly number[]>;
}

function groupRepeated(texts: readonly string[]): Grouped {
  const places = new Map<string, number[]>();
  texts.forEach((text, index) => {
    const known = places.get(text);
    if (known === undefined) places.set(text, [index]);
    else known.push(index);
  });
  // A subquery that reads nothing of the query around it is evaluated once, however many rows there are.
  const repeated = new Map(
    [...places].filter(([text, list]) => list.length >= MINIMUM_REPEATED && !/\bselect\b/i.test(text)),
  );
  const single = texts.flatMap((text, index) => (repeated.has(text) ? [] : [index]));
  return { single, repeated };
}

/** The same for one expression, evaluated so many times: its type's name and oid, then the values in their order. */
function repeatedValues(text: string, count: number): string {
  return (
    `(SELECT ARRAY[pg_catalog.min(pg_typeof(e)::text), pg_catalog.min(pg_typeof(e)::oid::text)] ` +
    `|| pg_catalog.array_agg(e::text) FROM (SELECT ${text} AS e FROM pg_catalog.generate_series(1, ${count}) ` +
    `OFFSET 0) AS computed)`
  );
}

/** A subquery for an array: the value of each expression, as text, with its type's name and oid. */
function typedValues(texts: readonly string[]): string {
  const inner = texts.map((text, index) => `${text} AS e${index}`).join(', ');
  const outer = texts
    .map((_text, index) => `e${index}::text, pg_typeof(e${index})::text, pg_typeof(e${index})::oid::text`)
    .join(', ');
  return `(SELECT ARRAY[${outer}] FROM (SELECT ${inner} OFFSET 0) AS computed)`;
}

function jsonText(json: string): string {
  return `${quoteLiteral(json)}::pg_catalog.jsonb`;
}

/** Has the home shard read values whose text pgring does not read itself, under the session's own settings. */
export async function normaliseValues(
  context: ExecutionContext,
  sources: readonly UndecidedSource[],
  values: StatementValues,
): Promise<void> {
  if (sources.some(({ source }) => values.isNormalised(source))) {
    throw new PgError(sqlstate.internalError, 'a shard key that the home shard has read is still not understood');
  }
  for (const { source, typeOid, typeModifier } of sources) {
    const value = values.value(source);
    // Several conditions may share a value.
    if (value.kind === 'null' || values.isNormalised(source)) continue;
    const type = value.typeOid === 0 ? typeOid : value.typeOid;
    const parameters = { formats: [value.kind === 'binary' ? 1 : 0], values: [value.bytes], types: [type] };
    const cast = typeModifier === -1 ? '$1' : `CAST($1 AS ${await typeName(context, typeOid, typeModifier)})`;
    const [bytes] = await queryHomeRow(context, `SELECT ${cast}`, parameters, 1).catch((error: unknown) => {
      throw aboutSource(error, source);
    });
    const stored = typeModifier === -1 ? type : typeOid;
    values.setNormalised(
      source,
      bytes === null || bytes === undefined ? { kind: 'null' } : { kind: 'binary', bytes, typeOid: stored },
    );
  }
}

/** The only parameter that the home shard was given is one of the client's, or a literal of the statement. */
function aboutSource(error: unknown, source: ValueSource): unknown {
  if (!(error instanceof PgError) || error.fields.where === undefined) return error;
  const { where, ...fields } = error.fields;
  if (source.kind !== 'parameter') return new PgError(error.sqlstate, error.message, fields);
  const told = where.replace('parameter $1', `parameter $${source.number}`);
  return new PgError(error.sqlstate, error.message, { ...fields, where: told });
}

async function typeName(context: ExecutionContext, oid: number, modifier: number): Promise<string> {
  const [name] = await queryHomeRow(context, `SELECT pg_catalog.format_type(${oid}, ${modifier})`);
  return present(name, 'a type has a name').toString('utf8');
}
