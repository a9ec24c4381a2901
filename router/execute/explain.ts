/** EXPLAIN: pgring's own plan, then the plan of each shard that the statement goes to. */

import { refuse, type PgError } from '../../base/errors.js';
import type { ShardId } from '../../catalog/topology.js';
import { describePlan } from '../../planner/explain-text.js';
import type { Plan, SqlTemplate } from '../../planner/plan.js';
import { readDataRow } from '../../wire/backend.js';
import { encodeDataRow, encodeRowDescription } from '../../wire/encode-backend.js';
import { shardOf } from '../transaction/session-backends.js';
import { frameEnd } from '../merge/stream.js';
import { send, type BoundStatement, type ExecutionContext } from './context.js';
import { deliverTag } from './deliver.js';
import { inTransaction } from './in-transaction.js';
import { passTo } from './pass.js';
import { bindValues, parametersFor, readCount, renderSql, routeStatement } from './route.js';
import { ShardRows } from './shard-rows.js';

type ExplainPlan = Extract<Plan, { readonly kind: 'explain' }>;

const TEXT_OID = 25;
export const explainDescription = encodeRowDescription([
  { name: 'QUERY PLAN', tableOid: 0, columnNumber: 0, typeOid: TEXT_OID, typeSize: -1, typeModifier: -1, format: 0 },
]);

export async function executeExplain(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: ExplainPlan,
): Promise<void> {
  const { inner } = plan;
  if (inner.kind === 'refuse') throw inner.error;
  if (inner.kind === 'combine') {
    await explainCombine(context, statement, plan, inner);
    return;
  }
  const shardSql = shardStatement(plan, inner);
  if (shardSql === undefined) throw cannotExplain(inner.kind);
  if (inner.kind === 'insert' && plan.analyze) {
    throw refuse('EXPLAIN ANALYZE of an INSERT that is split by owner', 'Leave out ANALYZE.');
  }
  const values = await bindValues(context, statement, shardSql.computed);
  const shards = await routeStatement(context, shardSql.routing, values);
  const limit =
    inner.kind === 'scatter' ? sumCounts(readCount(inner.limit, values), readCount(inner.offset, values)) : undefined;
  const sql = `${plan.prefix}${renderSql(shardSql.sql, statement, values, limit)}`;
  const parameters = await parametersFor(context, statement, []);
  if (plan.format !== 'text') {
    const [only] = shards;
    if (shards.length !== 1 || only === undefined) {
      throw refuse(`EXPLAIN (FORMAT ${plan.format}) of a statement for several shards`, 'Use the text format.');
    }
    await passTo(context, statement, only, inner.kind !== 'scatter', { sql, parameters });
    return;
  }
  const writes = plan.analyze && inner.kind !== 'scatter';
  const explainAll = async (): Promise<readonly string[]> => {
    const texts = await Promise.all(
      shards.map(async (shard) => await explainOn(context, shard, writes, { sql, parameters, resultFormats: [] })),
    );
    return texts.flat();
  };
  const shardLines = writes && shards.length > 1 ? await inTransaction(context, explainAll) : await explainAll();
  await deliverLines(context, statement, [...describePlan(inner), ...shardLines]);
}

async function deliverLines(
  context: ExecutionContext,
  statement: BoundStatement,
  lines: readonly string[],
): Promise<void> {
  if (statement.describe) await send(context.output, explainDescription);
  for (const line of lines) await send(context.output, encodeDataRow([line]));
  await deliverTag(context.output, 'EXPLAIN');
}

/** What is shipped, and how each shard reads it. The rest is planned when the rows are there. */
async function explainCombine(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: ExplainPlan,
  inner: Extract<Plan, { readonly kind: 'combine' }>,
): Promise<void> {
  if (plan.analyze || plan.format !== 'text') {
    throw refuse('EXPLAIN ANALYZE, or in another format than text, of a combined statement', 'Use plain EXPLAIN.');
  }
  const values = await bindValues(context, statement, inner.computed);
  const parameters = await parametersFor(context, statement, []);
  const lines = [...describePlan(inner)];
  for (const [index, shipment] of inner.shipments.entries()) {
    if (!shipment.always && !context.transaction.isOpen) continue;
    const shards = await routeStatement(context, shipment.routing, values);
    const sql = `${plan.prefix}${renderSql(shipment.sql, statement, values)}`;
    lines.push(`Shipping {relation ${index}}:`);
    for (const shard of shards) {
      lines.push(...(await explainOn(context, shard, false, { sql, parameters, resultFormats: [] })));
    }
  }
  await deliverLines(context, statement, lines);
}

/** The statement that goes to the shards; undefined for plans that PostgreSQL has no EXPLAIN for. */
function shardStatement(
  plan: ExplainPlan,
  inner: Plan,
): Pick<Extract<Plan, { kind: 'pass' }>, 'sql' | 'routing' | 'computed'> | undefined {
  switch (inner.kind) {
    case 'pass':
    case 'scatter':
    case 'modify': {
      const sql: SqlTemplate = inner.sql === 'client' ? plan.statement : inner.sql;
      return { sql, routing: inner.routing, computed: inner.computed };
    }
    case 'insert': {
      const rows = inner.rows.flatMap((row, index) => (index === 0 ? row.sql : [', ', ...row.sql]));
      return { sql: [...inner.head, ...rows, ...inner.tail], routing: { kind: 'home' }, computed: inner.computed };
    }
    default:
      return undefined;
  }
}

async function explainOn(
  context: ExecutionContext,
  shard: ShardId,
  writes: boolean,
  query: Parameters<typeof ShardRows.send>[1],
): Promise<readonly string[]> {
  const connection = await context.transaction.enter(shard, writes);
  const rows = ShardRows.send(connection, query, { portal: '', batchRows: 0 });
  const lines = [`  Shard ${shardOf(context.topology, shard).name}:`];
  try {
    await rows.describe();
    for (let run = await rows.next(); run !== undefined; run = await rows.next()) {
      for (let position = run.start; position < run.end; position = frameEnd(run.bytes, position)) {
        lines.push(`    ${readDataRow(run.bytes, position)[0]?.toString('utf8') ?? ''}`);
      }
    }
    await rows.close();
  } catch (error) {
    await rows.abort();
    throw error;
  }
  return lines;
}

function sumCounts(limit: bigint | undefined, offset: bigint | undefined): bigint | undefined {
  return limit === undefined ? undefined : limit + (offset ?? 0n);
}

function cannotExplain(kind: Plan['kind']): PgError {
  return refuse(`EXPLAIN of a statement planned as "${kind}"`, 'EXPLAIN shows SELECT, INSERT, UPDATE and DELETE.');
}
