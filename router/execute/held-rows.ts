/**
 * The rows of a query, kept until all of them have been read: they come on connections that are needed to store them.
 * A few stay in memory, more of them in a temporary table of a session of its own.
 */

import { encodeQuery, copyDoneFrame } from '../../wire/encode-frontend.js';
import { runCommand } from '../backend/command.js';
import type { BackendConnection } from '../backend/connection.js';
import { Exchange } from '../backend/exchange.js';
import type { RowRun } from '../backend/row-run.js';
import type { RowStream } from '../merge/stream.js';
import { RESULT_TABLE } from './combine-session.js';
import { endCombineSession } from './finisher.js';
import { noParameters, type ExecutionContext } from './context.js';
import { ShardRows } from './shard-rows.js';
import { TextLines } from './text-lines.js';
import { TupleFrames } from './tuple-frames.js';

const MEMORY_BYTES = 4 * 1024 * 1024;

/** Rows that were read to their end. Whoever holds them must end them. */
interface HeldRows {
  readonly rows: RowStream;
  end(): Promise<void>;
}

interface RowShape {
  /** The columns, as CREATE TABLE takes them. */
  readonly definition: string;
  readonly format: 'text' | 'binary';
}

export async function holdRows(context: ExecutionContext, rows: RowStream, shape: RowShape): Promise<HeldRows> {
  const kept: RowRun[] = [];
  let bytes = 0;
  for (let run = await rows.next(); run !== undefined; run = await rows.next()) {
    bytes += run.end - run.start;
    const copy = Buffer.from(run.bytes.subarray(run.start, run.end));
    kept.push({ bytes: copy, start: 0, end: copy.length, rows: run.rows });
    if (bytes > MEMORY_BYTES) return await spill(context, chain(kept, rows), shape);
  }
  return { rows: chain(kept, undefined), end: async () => await Promise.resolve() };
}

/** Some runs, and what comes after them. */
function chain(first: RowRun[], rest: RowStream | undefined): RowStream {
  return {
    next: async () => first.shift() ?? (await rest?.next()),
    stop: () => {
      first.length = 0;
      rest?.stop();
    },
  };
}

async function spill(context: ExecutionContext, rows: RowStream, { definition, format }: RowShape): Promise<HeldRows> {
  const connection = await context.backends.borrow(context.topology.home);
  const end = async (): Promise<void> => {
    await endCombineSession(context, connection);
  };
  try {
    const opening = ['BEGIN', ...context.transaction.settings, 'SET TRANSACTION READ WRITE'];
    const creation = `CREATE TEMPORARY TABLE pgring_result (${definition}) ON COMMIT DROP`;
    await runCommand(connection, [...opening, creation].join(';'));
    await fillTable(connection, rows, format);
    const stored = ShardRows.send(
      connection,
      { sql: `TABLE ${RESULT_TABLE}`, parameters: noParameters, resultFormats: [format === 'binary' ? 1 : 0] },
      { portal: '', batchRows: 0 },
    );
    return { rows: stored, end };
  } catch (error) {
    await end();
    throw error;
  }
}

async function fillTable(connection: BackendConnection, rows: RowStream, format: 'text' | 'binary'): Promise<void> {
  const exchange = new Exchange(connection);
  exchange.send([encodeQuery(`COPY ${RESULT_TABLE} FROM STDIN (FORMAT ${format})`)], 1);
  const frames = format === 'binary' ? new TupleFrames() : new TextLines();
  for (let run = await rows.next(); run !== undefined; run = await rows.next()) {
    const messages = frames.add(run);
    if (messages.length > 0 && !exchange.send(messages, 0)) await connection.drained();
  }
  exchange.send([...frames.end(), copyDoneFrame], 0);
  const error = await exchange.finish();
  if (error !== undefined) throw error;
}
