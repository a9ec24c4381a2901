/** A portal's rows, for Execute with a maximum number of rows (protocol, "Extended Query"). */

import { skipRows, type RowRun, type RowStream } from './stream.js';

/** Hands out a stream piece by piece and keeps what was not yet taken. */
export class Portal {
  readonly #stream: RowStream;
  #rest: RowRun | undefined;
  #ended = false;

  constructor(stream: RowStream) {
    this.#stream = stream;
  }

  /** True when the stream has ended and all its rows were handed out. */
  get finished(): boolean {
    return this.#ended && this.#rest === undefined;
  }

  /** The next run of at most `maximumRows` rows (more than 0); undefined at the end. */
  async next(maximumRows: number): Promise<RowRun | undefined> {
    if (this.finished) return undefined;
    const run = this.#rest ?? (await this.#stream.next());
    this.#rest = undefined;
    if (run === undefined) this.#ended = true;
    if (run === undefined || run.rows <= maximumRows) return run;
    const end = skipRows(run.bytes, run.start, maximumRows);
    this.#rest = { bytes: run.bytes, start: end, end: run.end, rows: run.rows - maximumRows };
    return { bytes: run.bytes, start: run.start, end, rows: maximumRows };
  }

  /**
   * Up to `maximumRows` rows at once, 0 meaning all. As in PostgreSQL a portal that gave exactly what was asked for is
   * not finished: that is seen by the next call, which gives nothing.
   * It holds all of the rows; a caller that wants bounded memory uses `next`.
   */
  async take(maximumRows: number): Promise<{ readonly runs: readonly RowRun[]; readonly finished: boolean }> {
    const runs: RowRun[] = [];
    let left = maximumRows === 0 ? Number.POSITIVE_INFINITY : maximumRows;
    while (left > 0) {
      const run = await this.next(left);
      if (run === undefined) return { runs, finished: true };
      runs.push(run);
      left -= run.rows;
    }
    return { runs, finished: false };
  }

  /** Closes the portal: the rest is not wanted. */
  stop(): void {
    this.#ended = true;
    this.#rest = undefined;
    this.#stream.stop();
  }
}
