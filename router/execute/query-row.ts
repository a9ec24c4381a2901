/** Questions of pgring's own whose answer is one row. */

import { PgError, sqlstate } from '../../base/errors.js';
import type { ShardId } from '../../catalog/topology.js';
import { readDataRow } from '../../wire/backend.js';
import type { BackendConnection } from '../backend/connection.js';
import { frameEnd, type RowRun } from '../merge/stream.js';
import { noParameters, type BoundParameters, type ExecutionContext } from './context.js';
import { ShardRows } from './shard-rows.js';

/** The one row of a query on the home shard. */
export async function queryHomeRow(
  context: ExecutionContext,
  sql: string,
  parameters: BoundParameters = noParameters,
  resultFormat = 0,
): Promise<readonly (Buffer | null)[]> {
  return await queryRow(context, context.topology.home, sql, parameters, resultFormat);
}

/** All rows of a query on the home shard: they are few, or the caller's own number. */
export async function queryHomeRuns(
  context: ExecutionContext,
  sql: string,
  resultFormat: number,
): Promise<readonly RowRun[]> {
  return await queryRuns(await context.transaction.enter(context.topology.home, true), sql, resultFormat);
}

/** All rows of a query on a connection. */
export async function queryRuns(
  connection: BackendConnection,
  sql: string,
  resultFormat: number,
): Promise<readonly RowRun[]> {
  const answer = ShardRows.send(
    connection,
    { sql, parameters: noParameters, resultFormats: [resultFormat] },
    { portal: '', batchRows: 0 },
  );
  const runs: RowRun[] = [];
  try {
    await answer.describe();
    for (let run = await answer.next(); run !== undefined; run = await answer.next()) runs.push(run);
    await answer.close();
  } catch (error) {
    await answer.abort();
    throw error;
  }
  return runs;
}

/** The same, with the values of each row. */
export async function queryHomeRows(
  context: ExecutionContext,
  sql: string,
  resultFormat: number,
): Promise<readonly (readonly (Buffer | null)[])[]> {
  const rows: (readonly (Buffer | null)[])[] = [];
  for (const { bytes, start, end } of await queryHomeRuns(context, sql, resultFormat)) {
    for (let at = start; at < end; at = frameEnd(bytes, at)) rows.push(readDataRow(bytes, at));
  }
  return rows;
}

/** The one row of a query on a shard. */
export async function queryRow(
  context: ExecutionContext,
  shard: ShardId,
  sql: string,
  parameters: BoundParameters = noParameters,
  resultFormat = 0,
): Promise<readonly (Buffer | null)[]> {
  const connection = await context.transaction.enter(shard, false);
  const rows = ShardRows.send(
    connection,
    { sql, parameters, resultFormats: [resultFormat] },
    { portal: '', batchRows: 0 },
  );
  try {
    await rows.describe();
    const run = await rows.next();
    if (run === undefined) throw new PgError(sqlstate.internalError, 'a shard computed nothing');
    const row = readDataRow(run.bytes, run.start).map((value) => (value === null ? null : Buffer.from(value)));
    await rows.close();
    return row;
  } catch (error) {
    await rows.abort();
    throw error;
  }
}
