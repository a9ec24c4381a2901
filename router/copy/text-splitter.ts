/** COPY's text format (CopyReadAttributesText() in src/backend/commands/copyfromparse.c). */

import { LineSplitter } from './line-splitter.js';

const backslash = 0x5c;

export class TextSplitter extends LineSplitter {
  #unescaped: Buffer = Buffer.alloc(256);
  /** Bytes of #unescaped that hold fields of the row. */
  #used = 0;

  protected findSpecial(bytes: Buffer, from: number, end: number): number {
    let at = from;
    while (at < end) {
      const byte = bytes[at] as number;
      if (byte === 0x0a || byte === 0x0d || byte === backslash) return at;
      at++;
    }
    return end;
  }

  protected beginRow(): void {
    this.#used = 0;
  }

  protected readFields(bytes: Buffer, start: number, end: number): void {
    const { delimiter, width } = this;
    let at = start;
    for (let column = 0; column < width; column++) {
      if (column > 0) {
        // The column before must have ended at a delimiter.
        if (at >= end) throw this.missingColumn(column, bytes, start, end);
        at++;
      }
      const fieldStart = at;
      let escaped = false;
      while (at < end) {
        const byte = bytes[at] as number;
        if (byte === delimiter) break;
        if (byte === backslash) {
          escaped = true;
          at++;
        }
        at++;
      }
      // A lone backslash at the data's end is dropped.
      const fieldEnd = at > end ? end - 1 : at;
      if (at > end) at = end;
      if (!this.isWanted(column)) continue;
      if (this.isNullText(bytes, fieldStart, fieldEnd)) this.nullField(column);
      else if (this.takesDefault(column, bytes, fieldStart, fieldEnd)) continue;
      else if (escaped) this.#unescape(column, bytes, fieldStart, fieldEnd);
      else this.field(column, bytes, fieldStart, fieldEnd);
    }
    this.checkEnd(at, bytes, start, end);
  }

  #unescape(column: number, bytes: Buffer, start: number, end: number): void {
    const needed = this.#used + end - start;
    // Fields of this row that were unescaped before keep the buffer that they are in.
    if (needed > this.#unescaped.length) {
      this.#unescaped = Buffer.alloc(needed * 2);
      this.#used = 0;
    }
    const target = this.#unescaped;
    const from = this.#used;
    let length = from;
    let at = start;
    while (at < end) {
      const byte = bytes[at++] as number;
      if (byte !== backslash) {
        target[length++] = byte;
        continue;
      }
      const escape = bytes[at++] as number;
      if (escape >= 0x30 && escape <= 0x37) {
        let value = escape - 0x30;
        for (let digits = 1; digits < 3 && at < end; digits++) {
          const digit = (bytes[at] as number) - 0x30;
          if (digit < 0 || digit > 7) break;
          value = value * 8 + digit;
          at++;
        }
        target[length++] = value & 0xff;
      } else if (escape === 0x78 && at < end && hexDigit(bytes[at] as number) >= 0) {
        let value = hexDigit(bytes[at++] as number);
        const second = at < end ? hexDigit(bytes[at] as number) : -1;
        if (second >= 0) {
          value = value * 16 + second;
          at++;
        }
        target[length++] = value;
      } else {
        target[length++] = controlCharacters.get(escape) ?? escape;
      }
    }
    this.#used = length;
    this.field(column, target, from, length);
  }
}

/** \b \f \n \r \t \v */
const controlCharacters: ReadonlyMap<number, number> = new Map([
  [0x62, 0x08],
  [0x66, 0x0c],
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x74, 0x09],
  [0x76, 0x0b],
]);

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
