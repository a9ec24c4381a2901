/** The rows of several streams in any order: whichever has rows next delivers, and runs pass through uncopied. */

import { Intake } from './intake.js';
import type { RowRun, RowStream } from './stream.js';

class Concatenation implements RowStream {
  readonly #intake: Intake;
  /** Streams that have a run or have ended, first come first served. */
  readonly #arrived: number[] = [];
  #open: number;
  #started = false;

  constructor(streams: readonly RowStream[]) {
    this.#open = streams.length;
    this.#intake = new Intake(streams, (index) => this.#arrived.push(index));
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
