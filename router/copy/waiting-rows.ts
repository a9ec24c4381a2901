/** Rows of a COPY that wait for the values of columns which the client leaves to their defaults. */

import { copyBytes } from '../merge/copy-bytes.js';
import type { KeyField } from './splitter.js';

const FIRST_BYTES = 256 * 1024;

/** A row that waits. It is valid until the next call. */
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
  readonly #fields: readonly MovingField[];
  readonly #row: { -readonly [name in keyof WaitingRow]: WaitingRow[name] } & { key: (KeyField | null)[] };

  constructor(keyLength: number) {
    this.#keyLength = keyLength;
    this.#stride = 4 + 2 * keyLength;
    this.#fields = Array.from({ length: keyLength }, () => new MovingField());
    this.#row = { bytes: this.#bytes, start: 0, fieldsEnd: 0, end: 0, line: 0, key: [...this.#fields] };
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

  /** The row of that number, in the client's order; it is told of in the same object as the one before. */
  row(index: number): WaitingRow {
    const places = this.#places;
    const at = index * this.#stride;
    const row = this.#row;
    row.bytes = this.#bytes;
    row.start = places[at] ?? 0;
    row.fieldsEnd = places[at + 1] ?? 0;
    row.end = places[at + 2] ?? 0;
    row.line = places[at + 3] ?? 0;
    for (let part = 0; part < this.#keyLength; part += 1) {
      const field = this.#fields[part];
      const start = places[at + 4 + 2 * part] ?? -1;
      if (start < 0 || field === undefined) row.key[part] = null;
      else {
        field.bytes = this.#bytes;
        field.start = start;
        field.end = places[at + 5 + 2 * part] ?? start;
        row.key[part] = field;
      }
    }
    return row;
  }

  /** Forgets the rows before that one. */
  dropBefore(index: number): void {
    const kept = this.#places.slice(index * this.#stride);
    const first = kept[0];
    if (first === undefined) {
      this.clear();
      return;
    }
    this.#bytes.copyWithin(0, first, this.#used);
    this.#used -= first;
    this.#places.length = 0;
    for (let at = 0; at < kept.length; at += 1) {
      const isLine = at % this.#stride === 3;
      const place = kept[at] ?? 0;
      this.#places.push(isLine || place < 0 ? place : place - first);
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
    copyBytes(bytes, start, end, this.#bytes, at);
    this.#used = at + size;
    return at;
  }
}
