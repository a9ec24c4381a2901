/** Rows on their way from the shards to the client, as the bytes that PostgreSQL sent. */

import type { RowRun } from '../backend/row-run.js';

export type { RowRun };

/** Rows pulled in runs. After undefined (the end) or an error no further call is made. */
export interface RowStream {
  next(): Promise<RowRun | undefined>;
  /** Stops early: the producer may discard the rest. Idempotent. */
  stop(): void;
}

/** A stream over several others, of which it is known whose row came last. */
export interface RowsOfMany extends RowStream {
  /** The index of that stream; undefined before the first row. */
  readonly last: number | undefined;
}

/** Where the frame that begins at `position` ends. */
export function frameEnd(bytes: Buffer, position: number): number {
  return position + 1 + bytes.readInt32BE(position + 1);
}

/** The position after `rows` frames from `position` on. */
export function skipRows(bytes: Buffer, position: number, rows: number): number {
  let at = position;
  for (let row = 0; row < rows; row++) at = frameEnd(bytes, at);
  return at;
}

/** Lets sockets and timers have their turn. */
export function yieldToLoop(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
