/** LIMIT and OFFSET over a stream of rows. */

import { skipRows, type RowRun, type RowStream } from './stream.js';

class LimitedRows implements RowStream {
  readonly #stream: RowStream;
  #skip: bigint;
  #left: bigint | undefined;

  constructor(stream: RowStream, limit: bigint | undefined, offset: bigint) {
    this.#stream = stream;
    this.#left = limit;
    this.#skip = offset;
  }

  async next(): Promise<RowRun | undefined> {
    for (;;) {
      if (this.#left === 0n) {
        this.#stream.stop();
        return undefined;
      }
      const run = await this.#stream.next();
      if (run === undefined) return undefined;
      const rows = BigInt(run.rows);
      if (rows <= this.#skip) {
        this.#skip -= rows;
        continue;
      }
      return this.#cut(run);
    }
  }

  stop(): void {
    this.#left = 0n;
    this.#stream.stop();
  }

  /** The part of a run that is neither skipped nor beyond the limit. */
  #cut(run: RowRun): RowRun {
    const skipped = Number(this.#skip);
    this.#skip = 0n;
    const start = skipRows(run.bytes, run.start, skipped);
    const rows = run.rows - skipped;
    const left = this.#left;
    if (left === undefined) return { bytes: run.bytes, start, end: run.end, rows };
    if (BigInt(rows) < left) {
      this.#left = left - BigInt(rows);
      return { bytes: run.bytes, start, end: run.end, rows };
    }
    this.stop();
    const kept = Number(left);
    const end = kept === rows ? run.end : skipRows(run.bytes, start, kept);
    return { bytes: run.bytes, start, end, rows: kept };
  }
}

/** Passes `limit` rows (undefined: all) after `offset` rows, and stops the source as soon as they are there. */
export function limitRows(stream: RowStream, limit: bigint | undefined, offset: bigint): RowStream {
  return limit === undefined && offset === 0n ? stream : new LimitedRows(stream, limit, offset);
}
