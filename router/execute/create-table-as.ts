/**
 * CREATE TABLE AS and SELECT INTO. The home shard makes the table and PostgreSQL derives its columns there; the other
 * shards get a table of those columns, it is placed by the rules of CREATE TABLE, and the query's rows go to their
 * owners: all in one transaction.
 */

import { withoutPosition } from '../../base/errors.js';
import { readDerivedColumns, type DerivedColumn } from '../../catalog/derived-columns.js';
import { mayHoldOids } from '../../catalog/oid-map.js';
import { qualifiedName, quoteIdentifier } from '../../catalog/schema.js';
import type { Plan } from '../../planner/plan/plan.js';
import { readNoticeResponse } from '../../wire/backend.js';
import { formatTag } from '../../wire/command-tag.js';
import { encodeNoticeResponse } from '../../wire/encode-backend.js';
import { queryRows, runCommand, withoutTrace } from '../backend/command.js';
import type { BackendConnection } from '../backend/connection.js';
import { openCombine } from './combine.js';
import { allShards, send, type BoundParameters, type BoundStatement, type ExecutionContext } from './context.js';
import { placementSql, type DdlPlan } from './ddl.js';
import { deliverTag } from './deliver.js';
import { withGathered } from './gather.js';
import { openRows } from './open-rows.js';
import { holdRows } from './held-rows.js';
import { inTransaction } from './in-transaction.js';
import { parametersFor, bindValues, renderSql } from './route.js';
import { ShardRows } from './shard-rows.js';
import { storeRows, type StoreTarget } from './store-rows.js';

type CreateTableAsPlan = Extract<Plan, { readonly kind: 'create table as' }>;

/** "relation … already exists, skipping" */
const DUPLICATE_TABLE = '42P07';
const UNKNOWN_MODIFIER = -2;

interface Outcome {
  readonly tag: string;
  readonly notices: DdlPlan['notices'];
}

export async function executeCreateTableAs(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: CreateTableAsPlan,
): Promise<void> {
  await deliverTag(context.output, await createTableAs(context, statement, plan));
}

/** Does all but tell that it is done; returns the command tag. */
export async function createTableAs(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: CreateTableAsPlan,
): Promise<string> {
  const { tag, notices } = await inTransaction(context, async () => await createAndFill(context, statement, plan));
  if (plan.persistence === 'TEMPORARY ') await context.noteTemporaryChange();
  else await context.noteCatalogChange();
  for (const notice of notices) {
    await send(context.output, encodeNoticeResponse({ severity: 'NOTICE', sqlstate: '00000', ...notice }));
  }
  return tag;
}

async function createAndFill(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: CreateTableAsPlan,
): Promise<Outcome> {
  const values = await bindValues(context, statement, []);
  const parameters = await parametersFor(context, statement, plan.sql);
  const home = await context.transaction.enter(context.topology.home, true);
  const isNew = await createAtHome(context, home, String(renderSql(plan.sql, statement, values)), parameters);
  if (!isNew) return { tag: 'CREATE TABLE AS', notices: [] };
  const columns = await withoutTrace(
    home,
    async () => await readDerivedColumns(async (sql) => await queryRows(home, sql), plan),
  );
  const options = String(renderSql(plan.options, statement, values));
  const placed =
    plan.placement === undefined ? undefined : await placeNew(context, plan, plan.placement, columns, options);
  const notices = placed?.notices ?? [];
  if (plan.query === undefined) return { tag: 'CREATE TABLE AS', notices };
  const query = Buffer.from(renderSql(plan.query, statement, values));
  const count = await fill(context, { query, parameters }, await storeTarget(context, plan, columns, placed));
  return { tag: formatTag('SELECT', count), notices };
}

/** False: the table is there already, and IF NOT EXISTS lets it be. */
async function createAtHome(
  context: ExecutionContext,
  home: BackendConnection,
  sql: string,
  parameters: BoundParameters,
): Promise<boolean> {
  let isNew = true;
  const onNotice = (frame: Buffer): void => {
    if (readNoticeResponse(frame).sqlstate === DUPLICATE_TABLE) isNew = false;
    context.onNotice(frame);
  };
  const answer = ShardRows.send(home, { sql, parameters, resultFormats: [] }, { portal: '', batchRows: 0, onNotice });
  try {
    await answer.next();
  } finally {
    await answer.close();
  }
  return isNew;
}

/** Makes the table on the other shards, and places it as CREATE TABLE with these columns would. */
async function placeNew(
  context: ExecutionContext,
  plan: CreateTableAsPlan,
  placement: string,
  columns: readonly DerivedColumn[],
  options: string,
): Promise<DdlPlan> {
  const list = columns.map(({ definition }) => definition).join(', ');
  const table = `${qualifiedName(plan)} (${list})`;
  const { plan: placed } = context.planStatement(Buffer.from(`CREATE TABLE ${table}${placement}`), []);
  if (placed.kind === 'refuse') throw withoutPosition(placed.error);
  if (placed.kind !== 'ddl') throw new Error(`CREATE TABLE was planned as ${placed.kind}`);
  const sql = `CREATE ${plan.persistence}TABLE ${table} ${options}`;
  const { home } = context.topology;
  await Promise.all(
    allShards(context.topology).map(async (shard) => {
      const connection = await context.transaction.enter(shard, true);
      if (shard !== home) await runCommand(connection, sql);
      for (const change of placed.changes) await runCommand(connection, placementSql(change));
    }),
  );
  return placed;
}

async function storeTarget(
  context: ExecutionContext,
  plan: CreateTableAsPlan,
  columns: readonly DerivedColumn[],
  placed: DdlPlan | undefined,
): Promise<StoreTarget & { readonly definition: string }> {
  const change = placed?.changes.find((each) => each.kind === 'place');
  const placement = change?.placement ?? { kind: 'home' };
  const key = placement.kind === 'sharded' ? placement.key : [];
  const mayDiffer = columns.some(({ typeOid }) => mayHoldOids(typeOid));
  const format = mayDiffer && (await oidsDiffer(context)) ? 'text' : 'binary';
  return {
    relation: qualifiedName(plan),
    columnList: '',
    columns: columns.map(({ name }) => quoteIdentifier(name)),
    key: key.map((name) => {
      const index = columns.findIndex((column) => column.name === name);
      const { typeOid = 0, baseTypeOid = 0, typeModifier = -1 } = columns[index] ?? {};
      return { index, typeOid: baseTypeOid, typeModifier: typeOid === baseTypeOid ? typeModifier : UNKNOWN_MODIFIER };
    }),
    target: placement.kind,
    format,
    definition: columns.map(({ definition }) => definition).join(', '),
  };
}

/** Values in binary that hold oids mean something else on a shard where those differ; their text does not. */
async function oidsDiffer({ transaction, topology }: ExecutionContext): Promise<boolean> {
  const connections = await Promise.all(
    allShards(topology).map(async (shard) => await transaction.enter(shard, false)),
  );
  return connections.some((connection) => connection.oidMap() !== undefined);
}

/** Runs the query by its own plan, and stores its rows. */
async function fill(
  context: ExecutionContext,
  { query, parameters }: { readonly query: Buffer; readonly parameters: BoundParameters },
  target: StoreTarget & { readonly definition: string },
): Promise<number> {
  const planned = context.planStatement(query, parameters.types);
  const { plan } = planned;
  if (plan.kind === 'refuse') throw withoutPosition(plan.error);
  const resultFormats = [target.format === 'binary' ? 1 : 0];
  const inner: BoundStatement = { ...planned, parameters, resultFormats, describe: false };
  if (plan.kind === 'combine') {
    const gathered = await openCombine(context, inner, plan);
    return await withGathered(gathered, async () => await storeRows(context, target, gathered.rows));
  }
  const gathered = await openRows(context, inner, plan);
  const held = await withGathered(gathered, async () => await holdRows(context, gathered.rows, target));
  try {
    return await storeRows(context, target, held.rows);
  } finally {
    await held.end();
  }
}
