/**
 * The rows of a query, kept until all of them have been read: they come on connections that are needed to store them.
 * A few stay in memory, more of them in a temporary table of a session of its own.
 */

import type { RowRun } from '../backend/row-run.js';
import type { RowStream } from '../merge/stream.js';
import { RESULT_NAME, RESULT_TABLE } from './combine-session.js';
import { noParameters, type ExecutionContext } from './context.js';
import { Finisher } from './finisher.js';
import { ShardRows } from './shard-rows.js';

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
  const finisher = await Finisher.open(context);
  const end = async (): Promise<void> => {
    await finisher.end();
  };
  try {
    const binary = format === 'binary';
    await finisher.load(RESULT_NAME, { shipment: { definition, primaryKey: [] }, binary }, rows);
    const stored = ShardRows.send(
      finisher.connection,
      { sql: `TABLE ${RESULT_TABLE}`, parameters: noParameters, resultFormats: [binary ? 1 : 0] },
      { portal: '', batchRows: 0 },
    );
    return { rows: stored, end };
  } catch (error) {
    await end();
    throw error;
  }
}
