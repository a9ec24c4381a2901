/**
 * Where a cursor stands and where FETCH and MOVE take it: the rules of PostgreSQL's portals (src/backend/tcop/pquery.c,
 * PortalRunFetch and PortalRunSelect), over rows that are known by their numbers.
 */

import { PgError, sqlstate } from '../../base/errors.js';
import type { FetchDirection } from '../../planner/plan/session-plan.js';

/** Rows by their index, from 0. What is read is handed to the client unless `silent`. */
export interface IndexedRows {
  /** Up to `count` rows from `from` on; how many there were. */
  forward(from: number, count: number, silent: boolean): Promise<number>;
  /** Up to `count` rows from `from` down to 0, in that order. */
  backward(from: number, count: number, silent: boolean): Promise<number>;
}

const ALL = Number.POSITIVE_INFINITY;

/** PostgreSQL's error for a cursor that cannot go back. */
export function onlyForward(): PgError {
  return new PgError(sqlstate.objectNotInPrerequisiteState, 'cursor can only scan forward', {
    hint: 'Declare it with SCROLL option to enable backward scan.',
  });
}

export class CursorScan {
  readonly #rows: IndexedRows;
  readonly scrolls: boolean;
  /** The number of the row that it stands on (0: before the first); behind the last row, the number of that. */
  #position = 0;
  #atStart = true;
  #atEnd = false;

  constructor(rows: IndexedRows, scrolls: boolean) {
    this.#rows = rows;
    this.scrolls = scrolls;
  }

  /** It stands on a row. */
  get onRow(): boolean {
    return !this.#atStart && !this.#atEnd;
  }

  /** FETCH, or MOVE, which is silent. The number of rows, for the command tag. */
  async run({ direction, count }: FetchDirection, silent: boolean): Promise<number> {
    switch (direction) {
      case 'forward':
        return await this.#step(count >= 0, Math.abs(count), silent);
      case 'backward':
        return await this.#step(count < 0, Math.abs(count), silent);
      case 'absolute':
        return await this.#absolute(count, silent);
      case 'relative':
        if (count === 0) return await this.#step(true, 0, silent);
        if (Math.abs(count) > 1) await this.#select(count > 0, Math.abs(count) - 1, true);
        return await this.#select(count > 0, 1, silent);
    }
  }

  async #absolute(count: number, silent: boolean): Promise<number> {
    if (count < 0) {
      await this.#select(true, ALL, true);
      if (count < -1) await this.#select(false, -count - 1, true);
      return await this.#select(false, 1, silent);
    }
    if (count === 0) {
      this.#rewind();
      return await this.#select(true, 0, silent);
    }
    if (count - 1 <= this.#position / 2) {
      this.#rewind();
      if (count > 1) await this.#select(true, count - 1, true);
    } else {
      const position = this.#position + (this.#atEnd ? 1 : 0);
      if (count <= position) await this.#select(false, position - count + 1, true);
      else if (count > position + 1) await this.#select(true, count - position - 1, true);
    }
    return await this.#select(true, 1, silent);
  }

  async #step(forward: boolean, count: number, silent: boolean): Promise<number> {
    if (count === 0) {
      // The current row once more, if there is one (SQL).
      if (silent) return this.onRow ? 1 : 0;
      if (!this.onRow) return await this.#select(forward, 0, false);
      await this.#select(false, 1, true);
      return await this.#select(true, 1, false);
    }
    if (!forward && count === ALL && silent) {
      const passed = this.#position > 0 && !this.#atEnd ? this.#position - 1 : this.#position;
      this.#rewind();
      return passed;
    }
    return await this.#select(forward, count, silent);
  }

  #rewind(): void {
    if (this.#atStart && !this.#atEnd) return;
    if (!this.scrolls) throw onlyForward();
    this.#atStart = true;
    this.#atEnd = false;
    this.#position = 0;
  }

  async #select(forward: boolean, count: number, silent: boolean): Promise<number> {
    if (forward) {
      if (this.#atEnd || count <= 0) return 0;
      const rows = await this.#rows.forward(this.#position, count, silent);
      if (rows > 0) this.#atStart = false;
      if (rows < count) this.#atEnd = true;
      this.#position += rows;
      return rows;
    }
    if (!this.scrolls) throw onlyForward();
    if (this.#atStart || count <= 0) return 0;
    const behind = this.#position + (this.#atEnd ? 1 : 0);
    const rows = await this.#rows.backward(behind - 2, count, silent);
    if (rows > 0) {
      this.#position = behind;
      this.#atEnd = false;
    }
    if (rows < count) {
      this.#atStart = true;
      this.#position = 0;
    } else this.#position -= rows;
    return rows;
  }
}
