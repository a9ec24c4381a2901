/** The rows of several streams in any order: whichever has rows next delivers, and runs pass through uncopied. */

import { Intake } from './intake.js';
import type { RowRun, RowsOfMany, RowStream } from './stream.js';

class Concatenation implements RowStream {
  readonly #intake: Intake;
  /** Streams that have a run or have ended, first come first served. */
  readonly #arrived: number[] = [];
  #open: number;
  #started = false;

  constructor(streams: readonly RowStream[]) {
    this.#open = streams.length;
    this.#intake = new Intake(streams, { onReady: (index) => this.#arrived.push(index) });
  }

  async next(): Promise<RowRun | undefined> {
    if (!this.#started) {
      this.#started = true;
      this.#intake.start();
    }
    while (this.#open > 0) {
      this.#intake.check();
      if (this.#intake.stopped) return undefined;
      const index = this.#arrived.shift();
      if (index === undefined) {
        await this.#intake.changed();
        continue;
      }
      const taken = this.#intake.take(index);
      if (taken === 'ended') this.#open--;
      else if (taken !== 'reading') return taken;
    }
    return undefined;
  }

  stop(): void {
    this.#intake.stop();
  }
}

/** Reads all streams at once. An error of one stops the others. */
export function concatenate(streams: readonly RowStream[]): RowStream {
  const [only] = streams;
  return only !== undefined && streams.length === 1 ? only : new Concatenation(streams);
}

class Sequence implements RowsOfMany {
  readonly #streams: readonly RowStream[];
  #current = 0;
  last: number | undefined;

  constructor(streams: readonly RowStream[]) {
    this.#streams = streams;
  }

  async next(): Promise<RowRun | undefined> {
    for (;;) {
      const stream = this.#streams[this.#current];
      const run = await stream?.next();
      if (run !== undefined) this.last = this.#current;
      if (stream === undefined || run !== undefined) return run;
      this.#current += 1;
    }
  }

  stop(): void {
    for (const stream of this.#streams) stream.stop();
    this.#current = this.#streams.length;
  }
}

/** Reads one stream after the other, and none before its rows are wanted. */
export function inSequence(streams: readonly RowStream[]): RowsOfMany {
  return new Sequence(streams);
}
