/** Rows of a COPY that wait for the values of columns which the client leaves to their defaults. */

import type { KeyField } from './splitter.js';

const FIRST_BYTES = 256 * 1024;

/** A row that waits. What it points to is valid until the next call. */
export interface WaitingRow {
  readonly bytes: Buffer;
  readonly start: number;
  /** From here on there is but the line's end. */
  readonly fieldsEnd: number;
  readonly end: number;
  readonly key: readonly (KeyField | null)[];
  /** The client's line that ends it. */
  readonly line: number;
}

class MovingField implements KeyField {
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;
}

/** The rows lie one after the other in one buffer, each with its key behind it: a row costs no object. */
export class WaitingRows {
  #bytes: Buffer = Buffer.alloc(0);
  #used = 0;
  /** For each row: start, end of its fields, end, line; then start and end of each key field, -1 for NULL. */
  readonly #places: number[] = [];
  readonly #stride: number;
  readonly #keyLength: number;

  constructor(keyLength: number) {
    this.#keyLength = keyLength;
    this.#stride = 4 + 2 * keyLength;
  }

  get bytes(): number {
    return this.#used;
  }

  get count(): number {
    return this.#places.length / this.#stride;
  }

  /** Takes a row as a splitter tells of it: its bytes are used again afterwards, so they are copied. */
  add(
    bytes: Buffer,
    start: number,
    end: number,
    key: readonly (KeyField | null)[],
    fieldsEnd: number,
    line: number,
  ): void {
    const at = this.#put(bytes, start, end);
    this.#places.push(at, at + fieldsEnd - start, at + end - start, line);
    for (const field of key) {
      if (field === null) {
        this.#places.push(-1, -1);
        continue;
      }
      const from = this.#put(field.bytes, field.start, field.end);
      this.#places.push(from, from + field.end - field.start);
    }
  }

  /** All of them, in the client's order. */
  *rows(): Generator<WaitingRow> {
    const places = this.#places;
    const fields = Array.from({ length: this.#keyLength }, () => new MovingField());
    const key: (KeyField | null)[] = [...fields];
    for (let at = 0; at < places.length; at += this.#stride) {
      for (const [index, field] of fields.entries()) {
        field.bytes = this.#bytes;
        field.start = places[at + 4 + 2 * index] ?? -1;
        field.end = places[at + 5 + 2 * index] ?? -1;
        key[index] = field.start < 0 ? null : field;
      }
      const [start = 0, fieldsEnd = 0, end = 0, line = 0] = places.slice(at, at + 4);
      yield { bytes: this.#bytes, start, fieldsEnd, end, key, line };
    }
  }

  clear(): void {
    this.#used = 0;
    this.#places.length = 0;
  }

  #put(bytes: Buffer, start: number, end: number): number {
    const at = this.#used;
    const size = end - start;
    if (at + size > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, (at + size) * 2));
      this.#bytes.copy(grown, 0, 0, at);
      this.#bytes = grown;
    }
    bytes.copy(this.#bytes, at, start, end);
    this.#used = at + size;
    return at;
  }
}
