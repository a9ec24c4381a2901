/** DDL and maintenance on all shards, or on the session's temporary objects: the home shard first, so that two such statements meet there and not crosswise. */

import { PgError } from '../../base/errors.js';
import { placeSql, pruneSql } from '../../catalog/pgring-schema.js';
import type { ShardId } from '../../catalog/topology.js';
import type { PlacementChange, Plan, SqlTemplate } from '../../planner/plan/plan.js';
import { readCommandComplete, readErrorResponse } from '../../wire/backend.js';
import { encodeNoticeResponse } from '../../wire/encode-backend.js';
import { encodeQuery } from '../../wire/encode-frontend.js';
import { backendType } from '../../wire/frame.js';
import { runCommand } from '../backend/command.js';
import { describeAddress, type BackendConnection } from '../backend/connection.js';
import { Exchange } from '../backend/exchange.js';
import { shardOf } from '../transaction/session-backends.js';
import { allShards, send, type BoundStatement, type ExecutionContext } from './context.js';
import { deliverTag } from './deliver.js';
import { withGatheredRows, type TableName } from './gathered-rows.js';
import { inTransaction } from './in-transaction.js';
import { numberRows } from './number-rows.js';
import { withVerifier } from './role-password.js';
import { bindValues, renderSql } from './route.js';

export type DdlPlan = Extract<Plan, { readonly kind: 'ddl' }>;

export async function executeDdl(context: ExecutionContext, statement: BoundStatement, plan: DdlPlan): Promise<void> {
  const sql = renderSql(plan.sql, statement, await bindValues(context, statement, []));
  const { home } = context.topology;
  for (const database of plan.releases ?? []) await context.releaseDatabase(database);
  const others = plan.where === 'home' ? [] : allShards(context.topology).filter((shard) => shard !== home);
  const tag =
    (plan.transactional && plan.where === 'everywhere') || context.transaction.isOpen
      ? await inTransaction(context, async () =>
          plan.gathers === undefined
            ? await runEverywhere(context, sql, plan, home, others)
            : await fillAtHome(context, statement, { sql, ...plan.gathers, home, others }),
        )
      : await runOneByOne(context, sql, home, others);
  if (plan.agesConnections === true) context.backends.noteAged();
  if (plan.where === 'home') await context.noteTemporaryChange();
  if (plan.where === 'everywhere' ? plan.changesCatalog : plan.isShared === true) await context.noteCatalogChange();
  for (const notice of plan.notices) {
    await send(context.output, encodeNoticeResponse({ severity: 'NOTICE', sqlstate: '00000', ...notice }));
  }
  await deliverTag(context.output, tag);
}

async function runEverywhere(
  context: ExecutionContext,
  given: string | Buffer,
  { changes, unchecked, password, numbers }: DdlPlan,
  home: ShardId,
  others: readonly ShardId[],
): Promise<string> {
  const sql =
    password === undefined ? given : await withVerifier(await context.transaction.enter(home, true), given, password);
  const run = async (shard: ShardId): Promise<string> => {
    const connection = await context.transaction.enter(shard, true);
    const sent = unchecked === true && shard !== home ? withoutCheck(sql) : sql;
    const tag = await runForTag(context, connection, sent, shard === home);
    for (const change of changes) await runCommand(connection, placementSql(change));
    return tag;
  };
  const tag = await run(home);
  await Promise.all(others.map(run));
  if (numbers !== undefined) await numberRows(context, numbers, others);
  return tag;
}

interface Filling {
  readonly sql: string | Buffer;
  readonly tables: readonly TableName[];
  readonly elsewhere: SqlTemplate | undefined;
  readonly home: ShardId;
  readonly others: readonly ShardId[];
}

/** A materialized view: the home shard fills it with the rows of all shards, and the others know of it. */
async function fillAtHome(context: ExecutionContext, statement: BoundStatement, filling: Filling): Promise<string> {
  const { sql, tables, elsewhere, home, others } = filling;
  const tag = await withGatheredRows(context, tables, async () => {
    return await runForTag(context, await context.transaction.enter(home, true), sql, true);
  });
  if (elsewhere !== undefined) {
    const other = renderSql(elsewhere, statement, await bindValues(context, statement, []));
    await Promise.all(
      others.map(async (shard) => {
        await runForTag(context, await context.transaction.enter(shard, true), other, false);
      }),
    );
  }
  return tag;
}

/** As it is, but for check_function_bodies, which the transaction has again behind it. */
function withoutCheck(sql: string | Buffer): string {
  return (
    "SELECT set_config('pgring.checks', current_setting('check_function_bodies'), true); " +
    `SET LOCAL check_function_bodies = off; ${String(sql)}\n; ` +
    "SELECT set_config('check_function_bodies', current_setting('pgring.checks'), true)"
  );
}

/** What cannot run in a transaction block: one shard after the other, and an error tells how far it came. */
async function runOneByOne(
  context: ExecutionContext,
  sql: string | Buffer,
  home: ShardId,
  others: readonly ShardId[],
): Promise<string> {
  const done: ShardId[] = [];
  let tag = '';
  for (const shard of [home, ...others]) {
    try {
      const connection = await context.transaction.enter(shard, true);
      const answer = await runForTag(context, connection, sql, shard === home);
      if (shard === home) tag = answer;
      done.push(shard);
    } catch (error) {
      if (!(error instanceof PgError) || done.length === 0) throw error;
      const names = done.map((id) => shardOf(context.topology, id).name).join(', ');
      throw new PgError(error.sqlstate, error.message, {
        ...error.fields,
        detail: [
          ...(error.fields.detail === undefined ? [] : [error.fields.detail]),
          `It was done on ${names} and failed on ${describeAddress(shardOf(context.topology, shard))}.`,
        ].join(' '),
        hint: 'This statement cannot be undone as a whole. Remove the cause, then repeat it with IF EXISTS or IF NOT EXISTS.',
      });
    }
  }
  return tag;
}

/** Runs a statement and returns its tag; only the home shard's notices are told, for all shards say the same. */
async function runForTag(
  context: ExecutionContext,
  connection: BackendConnection,
  sql: string | Buffer,
  tellNotices: boolean,
): Promise<string> {
  const exchange = new Exchange(connection);
  if (tellNotices) {
    exchange.onNotice = (frame) => {
      context.onNotice(frame);
    };
  }
  exchange.send([encodeQuery(sql)], 1);
  let tag = '';
  let failure: PgError | undefined;
  while (connection.outstandingReady > 0) {
    const item = await exchange.next();
    if (item.kind === 'rows') continue;
    if (item.type === backendType.commandComplete) tag = readCommandComplete(item.frame);
    if (item.type === backendType.errorResponse) failure ??= readErrorResponse(item.frame);
  }
  exchange.release();
  if (failure !== undefined) throw failure;
  return tag;
}

/** The statement that records a change of placements. */
export function placementSql(change: PlacementChange): string {
  return change.kind === 'prune' ? pruneSql() : placeSql(change.schema, change.name, change.placement);
}
