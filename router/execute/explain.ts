/**
 * EXPLAIN: pgring's own plan, with what keeps the statement from a lower rung, and the plan of every shard that takes part.
 * With ANALYZE all of it runs, writes included; what is shipped is then read twice, once to be explained.
 */

import { PgError, refuse } from '../../base/errors.js';
import type { ShardId } from '../../catalog/topology.js';
import type { Plan, Routing, Shipment, SqlTemplate } from '../../planner/plan/plan.js';
import { combinesInside, openInsideSession } from './combine-inside.js';
import { openCombineSession } from './combine-session.js';
import type { BoundParameters, BoundStatement, ExecutionContext } from './context.js';
import { createTableAs } from './create-table-as.js';
import { deliverExplanation } from './explain-deliver.js';
import { explainOn, explainSql } from './explain-shard.js';
import type { ExplainedPart, ExplainPlan, Explanation } from './explanation.js';
import { inTransaction } from './in-transaction.js';
import { insertSelect } from './insert-select.js';
import { ownedBy } from '../ring/sql-hash.js';
import { bindValues, parametersFor, readCount, renderSql, routeStatement } from './route.js';
import { splitByOwner } from './write.js';

type Inner<Kind extends Plan['kind']> = Extract<Plan, { readonly kind: Kind }>;

export async function executeExplain(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: ExplainPlan,
): Promise<void> {
  const started = performance.now();
  const explanation = await explain(context, statement, plan);
  await deliverExplanation(context, statement, plan, explanation, performance.now() - started);
}

async function explain(context: ExecutionContext, statement: BoundStatement, plan: ExplainPlan): Promise<Explanation> {
  const { inner } = plan;
  switch (inner.kind) {
    case 'pass':
    case 'scatter':
    case 'modify':
      return await explainOnShards(context, statement, plan, inner);
    case 'insert':
      return await explainInsert(context, statement, plan, inner);
    case 'combine':
      return await explainCombine(context, statement, plan, inner);
    case 'staged': {
      await context.inferShape(statement);
      return { parts: [], report: undefined, notes: [], values: await bindValues(context, statement, []) };
    }
    case 'insert select': {
      if (!plan.analyze) return await explainShipments(context, statement, plan, inner);
      const values = await bindValues(context, statement, []);
      const count = await insertSelect(context, statement, inner);
      return { parts: [], report: undefined, notes: [`Inserted: ${count} rows`], values };
    }
    case 'create table as': {
      const values = await bindValues(context, statement, []);
      return {
        parts: [],
        report: undefined,
        notes: [`Done: ${await createTableAs(context, statement, inner)}`],
        values,
      };
    }
    case 'refuse':
      throw inner.error;
    default:
      throw cannotExplain(inner.kind);
  }
}

/** Shards and what each of them is to explain. */
interface Task {
  readonly shard: ShardId;
  readonly sql: string | Buffer;
  /** The SQL is the client's own: what a server finds wrong in it, it finds there. */
  readonly verbatim?: boolean;
}

async function explainOnShards(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: ExplainPlan,
  inner: Inner<'pass'> | Inner<'scatter'> | Inner<'modify'>,
): Promise<Explanation> {
  const template: SqlTemplate = inner.sql === 'client' ? plan.statement : inner.sql;
  const values = await bindValues(context, statement, inner.computed);
  const isOpen = leavesParameters(plan, statement);
  const limit =
    inner.kind !== 'scatter' || isOpen
      ? undefined
      : sumCounts(readCount(inner.limit, values), readCount(inner.offset, values));
  const unknown = isOpen && dependsOnParameters(inner.routing);
  const shards = unknown ? [context.topology.home] : await routeStatement(context, inner.routing, values);
  const wrote = inner.kind === 'pass' ? inner.access === 'write' : inner.kind === 'modify' || inner.locks;
  const owned = inner.kind === 'modify' ? inner.owned : undefined;
  const tasks = shards.map((shard) => {
    // What is only planned is shown without the list of the shard's arcs, hundreds of numbers.
    const rows = owned === undefined || !plan.analyze ? 'true' : ownedBy(context.shardMap.arcsOf(shard), owned);
    return { shard, sql: renderSql(template, statement, values, limit, rows), verbatim: inner.sql === 'client' };
  });
  const part = await explainTasks(context, statement, plan, tasks, plan.analyze && wrote);
  const notes = unknown ? ["The values of the parameters say which shard: this is the home shard's plan."] : [];
  return { parts: [part], report: undefined, notes, values };
}

async function explainInsert(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: ExplainPlan,
  inner: Inner<'insert'>,
): Promise<Explanation> {
  const values = await bindValues(context, statement, inner.computed);
  const tasks = await splitByOwner(context, statement, inner, values);
  return {
    parts: [await explainTasks(context, statement, plan, tasks, plan.analyze)],
    report: undefined,
    notes: [],
    values,
  };
}

async function explainTasks(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: ExplainPlan,
  tasks: readonly Task[],
  wrote: boolean,
  role: ExplainedPart['role'] = 'statement',
): Promise<ExplainedPart> {
  const parameters = await parametersFor(context, statement, []);
  const all = async (): Promise<ExplainedPart['shards']> =>
    await settled(
      tasks.map(async ({ shard, sql, verbatim }) => {
        const connection = await context.transaction.enter(shard, wrote);
        const query = { sql: explainSql(plan, sql), parameters };
        try {
          return { shard, explanation: await explainOn(connection, plan, query) };
        } catch (error) {
          throw inExplained(error, query.sql, verbatim === true ? String(sql) : undefined, String(statement.sql));
        }
      }),
    );
  return { role, shards: wrote && tasks.length > 1 ? await inTransaction(context, all) : await all() };
}

/** The error with its position in the client's text, where what a server read stands in it; else without one. */
function inExplained(error: unknown, sent: string, own: string | undefined, client: string): unknown {
  if (!(error instanceof PgError) || error.fields.position === undefined) return error;
  const { position, ...fields } = error.fields;
  const inOwn = position - countCharacters(sent.slice(0, sent.length - (own ?? '').length));
  const start = own === undefined ? -1 : client.indexOf(own);
  const known = start >= 0 && inOwn > 0 ? { position: countCharacters(client.slice(0, start)) + inOwn } : {};
  return new PgError(error.sqlstate, error.message, { ...fields, ...known });
}

/** As PostgreSQL counts them: code points. */
function countCharacters(text: string): number {
  return Array.from(text).length;
}

/** All results; the first error only when nothing runs any more, so that every connection is free again. */
async function settled<T>(work: readonly Promise<T>[]): Promise<readonly T[]> {
  const outcomes = await Promise.allSettled(work);
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}

/** How the shards read what is shipped. The rest is planned when the rows are there. */
async function explainShipments(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: ExplainPlan,
  inner: Inner<'combine'> | Inner<'insert select'>,
): Promise<Explanation> {
  const values = await bindValues(context, statement, inner.computed);
  const isShipped = ({ always }: Shipment): boolean => always || context.transaction.isOpen;
  const parts: ExplainedPart[] = [];
  for (const [index, shipment] of inner.shipments.entries()) {
    if (!isShipped(shipment)) continue;
    const shards = await routeStatement(context, shipment.routing, values);
    const sql = renderSql(shipment.sql, statement, values);
    const tasks = shards.map((shard) => ({ shard, sql }));
    const role = { shipment: index, relation: shipment.relation };
    parts.push(await explainTasks(context, statement, plan, tasks, false, role));
  }
  return { parts, report: undefined, notes: [], values };
}

async function explainCombine(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: ExplainPlan,
  inner: Inner<'combine'>,
): Promise<Explanation> {
  const explanation = await explainShipments(context, statement, plan, inner);
  if (!plan.analyze) return explanation;
  if (inner.session === 'own') {
    throw refuse('EXPLAIN ANALYZE of a statement over several shards that takes from a sequence', 'Use EXPLAIN.');
  }
  const session = (await combinesInside(context, inner))
    ? await openInsideSession(context, statement, inner)
    : await openCombineSession(context, statement, inner);
  try {
    await session.shardsFree;
    const query: { sql: string; parameters: BoundParameters } = session;
    const finish = await explainOn(session.connection, plan, { ...query, sql: explainSql(plan, query.sql) });
    const shards = [{ shard: context.topology.home, explanation: finish }];
    return { ...explanation, parts: [...explanation.parts, { role: 'finish', shards }], report: session.report };
  } finally {
    await session.end();
  }
}

/** GENERIC_PLAN: the statement has parameters, and nobody gives them values. */
function leavesParameters({ options }: ExplainPlan, { parameters }: BoundStatement): boolean {
  return parameters.values.length === 0 && options.some((option) => option.startsWith('GENERIC_PLAN'));
}

function dependsOnParameters(routing: Routing): boolean {
  if (routing.kind === 'byRow') return routing.key.some(({ kind }) => kind === 'parameter');
  if (routing.kind !== 'byKey') return false;
  return routing.alternatives
    .flat()
    .some((source) =>
      source.kind === 'elements'
        ? source.array.kind === 'parameter'
        : source.values.some(({ kind }) => kind === 'parameter'),
    );
}

function sumCounts(limit: bigint | undefined, offset: bigint | undefined): bigint | undefined {
  return limit === undefined ? undefined : limit + (offset ?? 0n);
}

function cannotExplain(kind: Plan['kind']): PgError {
  return refuse(`EXPLAIN of a statement planned as "${kind}"`, 'EXPLAIN shows SELECT, INSERT, UPDATE and DELETE.');
}
