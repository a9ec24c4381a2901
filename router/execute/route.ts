/** From a plan's routing and a statement's values to the shards that run it. */

import { PgError, sqlstate } from '../../base/errors.js';
import type { ShardId } from '../../catalog/topology.js';
import { fill, noPieces } from '../../planner/parse/splice.js';
import type { ComputedExpression, Routing, SqlTemplate, ValueSource } from '../../planner/plan/plan.js';
import { computeValues, normaliseValues } from './compute.js';
import { allShards, type BoundParameters, type BoundStatement, type ExecutionContext } from './context.js';
import { locateOrHome } from './locate-now.js';
import { StatementValues } from './values.js';

/** Values of a statement, with its computed expressions evaluated. */
export async function bindValues(
  context: ExecutionContext,
  statement: BoundStatement,
  computed: readonly ComputedExpression[],
): Promise<StatementValues> {
  const values = new StatementValues(statement);
  await computeValues(context, statement, computed, values);
  return values;
}

/**
 * The shards that run a statement; never none. Where no shard can have rows (a contradiction, a NULL key), the home
 * shard runs it: the same conditions hold there, so it gives the empty answer in PostgreSQL's own form.
 */
export async function routeStatement(
  context: ExecutionContext,
  routing: Routing,
  values: StatementValues,
): Promise<readonly ShardId[]> {
  switch (routing.kind) {
    case 'all':
      return allShards(context.topology);
    case 'home':
    case 'none':
      return [context.topology.home];
    case 'any':
      return [context.transaction.shards[0] ?? context.topology.home];
    case 'byKey':
    case 'byRow':
  }
  for (;;) {
    const located = locateOrHome(routing, values, context.shardMap, context.topology.home);
    if (located.kind === 'shards') return located.shards.length === 0 ? [context.topology.home] : located.shards;
    await normaliseValues(context, located.sources, values);
  }
}

/** The parameters to send with generated SQL, which may leave some of them out: their types are made known. */
export async function parametersFor(
  context: ExecutionContext,
  statement: BoundStatement,
  sql: SqlTemplate,
): Promise<BoundParameters> {
  if (sql === 'client' || statement.parameters.values.length === 0) return statement.parameters;
  return { ...statement.parameters, types: (await context.inferShape(statement)).parameterTypes };
}

/** The SQL to send. `limit`: LIMIT + OFFSET of the statement, undefined for no limit; `owned`: which rows a shard takes. */
export function renderSql(
  sql: SqlTemplate,
  statement: BoundStatement,
  values: StatementValues,
  limit?: bigint,
  owned = '',
): string | Buffer {
  if (sql === 'client') return statement.sql;
  return fill(sql, {
    ...noPieces,
    slotText: (slot) => values.slotText(slot),
    computedText: (index) => values.computedText(index),
    limitText: () => (limit === undefined ? 'ALL' : String(limit)),
    ownedText: () => owned,
  });
}

/** A LIMIT or OFFSET: undefined for none and for NULL, as PostgreSQL takes it. */
export function readCount(source: ValueSource | undefined, values: StatementValues): bigint | undefined {
  if (source === undefined) return undefined;
  const value = values.value(source);
  if (value.kind === 'null') return undefined;
  if (value.kind === 'text') return parseCount(value.bytes.toString('utf8'));
  switch (value.bytes.length) {
    case 2:
      return BigInt(value.bytes.readInt16BE(0));
    case 4:
      return BigInt(value.bytes.readInt32BE(0));
    default:
      return value.bytes.readBigInt64BE(0);
  }
}

/** As PostgreSQL's int8in; errors: its own. */
function parseCount(text: string): bigint {
  const [, sign, digits] =
    /^\s*([+-]?)(0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|\d+(?:_\d+)*)\s*$/.exec(text) ?? [
      undefined,
      '',
      undefined,
    ];
  if (digits === undefined) {
    throw new PgError(sqlstate.invalidTextRepresentation, `invalid input syntax for type bigint: "${text}"`);
  }
  const magnitude = BigInt(digits.replaceAll('_', ''));
  const count = sign === '-' ? -magnitude : magnitude;
  if (BigInt.asIntN(64, count) !== count) {
    throw new PgError(sqlstate.numericValueOutOfRange, `value "${text}" is out of range for type bigint`);
  }
  return count;
}
