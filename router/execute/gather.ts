/** The rows of several shards as one stream (rungs 3 and 4). */

import { present } from '../../base/assert.js';
import { PgError } from '../../base/errors.js';
import type { ShardId } from '../../catalog/topology.js';
import type { Plan, ScatterPlan } from '../../planner/plan/plan.js';
import { formatTag, readTagCommand } from '../../wire/command-tag.js';
import { readRowDescription } from '../../wire/backend.js';
import { encodeDescribe, encodeParse, syncFrame } from '../../wire/encode-frontend.js';
import { backendType } from '../../wire/frame.js';
import { readErrorResponse } from '../../wire/backend.js';
import { Exchange } from '../backend/exchange.js';
import { typesForShard } from '../backend/shard-oids.js';
import { aggregate, combinationFormats } from '../merge/aggregate.js';
import { concatenate, inSequence } from '../merge/concatenate.js';
import { limitRows } from '../merge/limit.js';
import { lockInOrder, lockInSequence } from '../merge/locked-rows.js';
import { merge } from '../merge/merge.js';
import type { RowsOfMany, RowStream } from '../merge/stream.js';
import { nextReadingPortal, openReading } from './atomic-reading.js';
import type { BoundStatement, ExecutionContext } from './context.js';
import type { ExecutionReport } from './execution-report.js';
import { describeInFormats, expandFormats } from './describe.js';
import type { StatementValues } from './values.js';
import { bindValues, parametersFor, readCount, renderSql, routeStatement } from './route.js';
import { bindFrames, ShardRows, type RowDemand, type ShardQuery } from './shard-rows.js';

/** An answer that is being gathered. Whoever holds it must close or abort it. */
export interface Gathered {
  /** RowDescription for the client. */
  readonly description: Buffer | undefined;
  readonly rows: RowStream;
  /** What was shipped to answer it. */
  readonly report?: ExecutionReport | undefined;
  /** The command tag, once the rows have been read to the end; `rows` of them went to the client. */
  tag(rows: number): string;
  /** Ends the shards' part and frees their connections. */
  close(): Promise<void>;
  /** As close, for an answer that is not wanted any more: what still runs is cancelled. Never throws. */
  abort(): Promise<void>;
  /** The transaction has ended: gives up what does not belong to it. Never throws. */
  forget(): Promise<void>;
  /** Of rows that are locked as they are read in batches. */
  readonly locked?: LockedRows;
}

interface LockedRows {
  /** So many rows are wanted next: no more than these are locked (of an ordered answer, one more on each shard). */
  want(rows: number): void;
  /** Where the row is that came last, and by which portal it was read. */
  standing(): { readonly shard: ShardId; readonly portal: string } | undefined;
}

/** Runs work on an answer, which is closed afterwards, or aborted when the work fails. */
export async function withGathered<T>(gathered: Gathered, work: () => Promise<T>): Promise<T> {
  try {
    const result = await work();
    await gathered.close();
    return result;
  } catch (error) {
    await gathered.abort();
    throw error;
  }
}

/** Whether rows are locked up to a limit, which takes a transaction. */
export function locksUpToLimit(plan: Plan): boolean {
  return plan.kind === 'scatter' && plan.locks && (plan.limit !== undefined || plan.offset !== undefined);
}

/** Starts the shards at once. */
export async function openScatter(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: ScatterPlan,
  demand: RowDemand,
): Promise<Gathered> {
  if (locksUpToLimit(plan)) {
    return await openLimitedLocks(context, statement, plan, demand.batchRows === 0);
  }
  const { shards, query, limit, offset, described } = await bindScatter(context, statement, plan);
  const reading = openReading(context, plan.locks ? [] : shards);
  let parts: readonly ShardRows[] = [];
  try {
    parts = await startShards(context, shards, plan.locks, query, demand);
    await Promise.all(parts.map(async (part) => await part.describe()));
    const gathered = combine(plan, parts, statement, demand.batchRows === 0);
    return {
      ...(plan.locks && 'last' in gathered ? { locked: lockedRows(plan, shards, parts, gathered) } : {}),
      description: described ?? visibleDescription(plan, describedBy(context, shards, parts), statement),
      rows: limitRows(gathered, limit, offset),
      tag: (rows) => tagOf(parts, rows),
      close: async () => {
        await Promise.all(parts.map(async (part) => await part.close()));
        await reading.leave('commit');
      },
      abort: async () => {
        await abortAll(parts);
        await reading.leave('rollback');
      },
      forget: async () => await Promise.resolve(),
    };
  } catch (error) {
    await abortAll(parts);
    await reading.leave('rollback');
    throw error;
  }
}

/** A scatter with its values: where it goes, what is sent there, and how much of it is wanted. */
interface BoundScatter {
  readonly shards: readonly ShardId[];
  readonly query: ShardQuery;
  readonly values: StatementValues;
  readonly limit: bigint | undefined;
  readonly offset: bigint;
  /** RowDescription where the shards' own will not do. */
  readonly described: Buffer | undefined;
}

async function bindScatter(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: ScatterPlan,
): Promise<BoundScatter> {
  const values = await bindValues(context, statement, plan.computed);
  const shards = await routeStatement(context, plan.routing, values);
  // PostgreSQL looks at OFFSET first (nodeLimit.c, recompute_limits).
  const offset = checkCount(readCount(plan.offset, values), '2201X', 'OFFSET must not be negative') ?? 0n;
  const limit = checkCount(readCount(plan.limit, values), '2201W', 'LIMIT must not be negative');
  const sql = renderSql(plan.sql, statement, values, limit === undefined ? undefined : limit + offset);
  const parameters = await parametersFor(context, statement, plan.sql);
  const resultFormats = await shardFormats(context, plan, statement, sql, shards);
  const described = await viewDescription(context, plan, statement);
  return { shards, query: { sql, parameters, resultFormats }, values, limit, offset, described };
}

/**
 * Rows that are locked up to a limit: of an unordered answer one shard after the other, of an ordered one as the order
 * of all shards demands. Only inside a transaction. `whole`: nothing else happens in it before the answer's end.
 */
async function openLimitedLocks(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: ScatterPlan,
  whole: boolean,
): Promise<Gathered> {
  const { shards, query, values, limit, offset, described } = await bindScatter(context, statement, plan);
  const wanted = limit === undefined ? Number.POSITIVE_INFINITY : Number(limit + offset);
  const start = async (sql: string | Buffer, wrote: boolean, batchRows: number): Promise<readonly ShardRows[]> =>
    await startShards(context, shards, wrote, { ...query, sql }, { portal: lockPortal(), batchRows, bindOnly: true });
  const parts: ShardRows[] = [];
  const open = async (sql: string | Buffer, wrote: boolean, batchRows: number): Promise<readonly ShardRows[]> => {
    const opened = await start(sql, wrote, batchRows);
    parts.push(...opened);
    await Promise.all(opened.map(async (part) => await part.describe()));
    return opened;
  };
  try {
    const locking = await open(query.sql, true, 1);
    const ordered = plan.lockedInOrder;
    let rows: RowsOfMany & { readonly end?: () => Promise<void> };
    if (ordered === undefined || plan.gather.kind !== 'merge') rows = lockInSequence(locking, wanted);
    else {
      const sql = renderSql(ordered.unlocked, statement, values, limit === undefined ? undefined : limit + offset);
      const looking = await open(sql, false, Math.max(1, Math.min(wanted, LOOKED_AT_ROWS)));
      rows = lockInOrder(locking, looking, plan.gather, ordered.skips && whole);
    }
    return {
      locked: {
        want: () => undefined,
        standing: () => standingOf(shards, locking, rows),
      },
      description: described ?? visibleDescription(plan, describedBy(context, shards, locking), statement),
      rows: limitRows(rows, limit, offset),
      tag: (count) => formatTag('SELECT', count),
      close: async () => {
        await rows.end?.();
        for (const part of parts) await part.close();
      },
      abort: async () => {
        for (const part of parts) await part.abort();
      },
      forget: async () => await Promise.resolve(),
    };
  } catch (error) {
    for (const part of parts) await part.abort();
    throw error;
  }
}

/** Rows whose order is looked at together before any of them is locked. */
const LOOKED_AT_ROWS = 64;

let lockPortals = 0;

function lockPortal(): string {
  lockPortals += 1;
  return `pgring_lock_${lockPortals}`;
}

async function abortAll(parts: readonly ShardRows[]): Promise<void> {
  await Promise.all(parts.map(async (part) => await part.abort()));
}

/** Sends one statement to several shards at the same time. */
export async function startShards(
  context: ExecutionContext,
  shards: readonly ShardId[],
  wrote: boolean,
  query: Parameters<typeof ShardRows.send>[1],
  demand: RowDemand,
): Promise<readonly ShardRows[]> {
  const { transaction } = context;
  const readers = await Promise.all(
    shards.map(async (shard) => ({ shard, connection: await transaction.enter(shard, wrote) })),
  );
  const onNotice = (frame: Buffer): void => {
    context.onNotice(frame);
  };
  if (wrote || shards.length < 2 || !transaction.bindsTogether) {
    return readers.map(({ connection }) => ShardRows.send(connection, query, { ...demand, onNotice }));
  }
  const own = demand.portal === '' ? { portal: nextReadingPortal(), closesPortal: true } : {};
  const bound: RowDemand = { ...demand, ...own };
  const descriptions = await transaction.bindTogether(
    readers.map(({ shard, connection }) => {
      const binding = bindFrames(connection, query, bound.portal);
      return { shard, connection, binding, portals: [bound.portal], onNotice };
    }),
  );
  return readers.map(({ connection }, index) => {
    const rows = ShardRows.ofPortal(connection, bound, descriptions[index]?.find(isRowDescription));
    if (demand.bindOnly !== true) rows.start(onNotice);
    return rows;
  });
}

function isRowDescription(frame: Buffer): boolean {
  return frame[0] === backendType.rowDescription;
}

/** The description of several shards' rows: the home shard's own when it is among them. */
export function describedBy(
  context: ExecutionContext,
  shards: readonly ShardId[],
  parts: readonly ShardRows[],
): Buffer | undefined {
  return parts[Math.max(0, shards.indexOf(context.topology.home))]?.description;
}

/** `ahead`: the shards' connections are free for nothing else before the end. */
function combine(
  plan: ScatterPlan,
  parts: readonly ShardRows[],
  statement: BoundStatement,
  ahead: boolean,
): RowStream | RowsOfMany {
  switch (plan.gather.kind) {
    case 'concatenate':
      return ahead ? concatenate(parts) : inSequence(parts);
    case 'merge':
      return merge(parts, plan.gather.order, plan.gather.hidden, ahead);
    case 'aggregate':
      return aggregate(parts, plan.gather.columns, expandFormats(statement.resultFormats, plan.gather.columns.length));
  }
}

function lockedRows(
  plan: ScatterPlan,
  shards: readonly ShardId[],
  parts: readonly ShardRows[],
  rows: RowsOfMany,
): LockedRows {
  return {
    want: (count) => {
      for (const part of parts) part.fixBatch(plan.gather.kind === 'merge' ? 1 : count);
    },
    standing: () => standingOf(shards, parts, rows),
  };
}

function standingOf(
  shards: readonly ShardId[],
  parts: readonly ShardRows[],
  { last }: RowsOfMany,
): ReturnType<LockedRows['standing']> {
  const shard = shards[last ?? -1];
  const part = parts[last ?? -1];
  return shard === undefined || part === undefined ? undefined : { shard, portal: part.portal };
}

/**
 * The description of a view's columns: where it was expanded, the shards tell of those of its tables. Undefined where
 * the shards' description will do.
 */
async function viewDescription(
  context: ExecutionContext,
  plan: ScatterPlan,
  statement: BoundStatement,
): Promise<Buffer | undefined> {
  if (statement.expanded === undefined || plan.sql === 'client') return undefined;
  const { rowDescription } = await context.inferShape(statement);
  return rowDescription === undefined ? undefined : describeInFormats(rowDescription, statement.resultFormats);
}

/** What the client is told of the rows: without hidden columns, in the formats it asked for. */
function visibleDescription(
  plan: ScatterPlan,
  description: Buffer | undefined,
  statement: BoundStatement,
): Buffer | undefined {
  if (description === undefined || plan.gather.kind === 'concatenate') return description;
  const visible =
    plan.gather.kind === 'aggregate'
      ? plan.gather.columns.length
      : readRowDescription(description).length - plan.gather.hidden;
  return describeInFormats(description, statement.resultFormats, visible);
}

/** How many columns a plan's shard query has; asked for once a plan. */
const columnCounts = new WeakMap<ScatterPlan, number>();

/** The formats to ask the shards for: hidden order columns come in binary. */
async function shardFormats(
  context: ExecutionContext,
  plan: ScatterPlan,
  statement: BoundStatement,
  sql: string | Buffer,
  shards: readonly ShardId[],
): Promise<readonly number[]> {
  const { resultFormats } = statement;
  if (plan.gather.kind === 'concatenate') return resultFormats;
  if (plan.gather.kind === 'aggregate') {
    return combinationFormats(plan.gather.columns, expandFormats(resultFormats, plan.gather.columns.length));
  }
  if (plan.gather.hidden === 0 || (resultFormats.length === 1 && resultFormats[0] === 1)) return resultFormats;
  const known = columnCounts.get(plan);
  const count = known ?? (await countColumns(context, statement, sql, shards));
  columnCounts.set(plan, count);
  const { hidden } = plan.gather;
  return [...expandFormats(resultFormats, count - hidden), ...Array.from({ length: hidden }, () => 1)];
}

async function countColumns(
  context: ExecutionContext,
  statement: BoundStatement,
  sql: string | Buffer,
  shards: readonly ShardId[],
): Promise<number> {
  const shard = present(shards[0], 'a scatter over no shard');
  const connection = await context.transaction.enter(shard, false);
  const types = statement.parameters.values.length === 0 ? [] : (await context.inferShape(statement)).parameterTypes;
  connection.prepared.delete('');
  const exchange = new Exchange(connection);
  exchange.send(
    [encodeParse('', sql, typesForShard(types, connection.oidMap())), encodeDescribe('statement', ''), syncFrame],
    1,
  );
  let count = 0;
  let failure: PgError | undefined;
  while (connection.outstandingReady > 0) {
    const item = await exchange.next();
    if (item.kind !== 'message') continue;
    if (item.type === backendType.rowDescription) count = readRowDescription(item.frame).length;
    if (item.type === backendType.errorResponse) failure = readErrorResponse(item.frame);
  }
  exchange.release();
  if (failure !== undefined) throw failure;
  return count;
}

function checkCount(count: bigint | undefined, code: string, message: string): bigint | undefined {
  if (count !== undefined && count < 0n) throw new PgError(code, message);
  return count;
}

/**
 * One shard's own tag (INSERT … RETURNING has another than SELECT). That of SELECT counts the rows of this Execute, and
 * the shard may have given some of its rows before.
 */
function tagOf(parts: readonly ShardRows[], rows: number): string {
  const own = parts.length === 1 ? parts[0]?.tag : undefined;
  return own === undefined || readTagCommand(own) === 'SELECT' ? formatTag('SELECT', rows) : own;
}
