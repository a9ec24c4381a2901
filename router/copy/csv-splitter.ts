/** COPY's CSV format (CopyReadAttributesCSV() in src/backend/commands/copyfromparse.c). */

import { LineSplitter } from './line-splitter.js';
import { strictMarkerVersion, type CopySource } from './splitter.js';

const backslash = 0x5c;

export class CsvSplitter extends LineSplitter {
  readonly #quote: number;
  readonly #escape: number;
  readonly #nullText: Buffer;
  /** By column: a quoted null text is NULL; an unquoted one is that text. */
  readonly #forceNull: readonly boolean[];
  readonly #forceNotNull: readonly boolean[];
  /** Whether `\.` alone on a line ends the data. */
  readonly #hasMarker: boolean;
  #inQuote = false;
  #afterEscape = false;
  #unquoted: Buffer = Buffer.alloc(256);
  /** Bytes of #unquoted that hold fields of the row. */
  #used = 0;

  constructor(source: CopySource) {
    super(source);
    this.#quote = source.format.quote.charCodeAt(0);
    this.#escape = source.format.escape.charCodeAt(0);
    this.#nullText = Buffer.from(source.format.nullText);
    const { forceNull = [], forceNotNull = [] } = source.intake ?? {};
    this.#forceNull = source.columns.map((name) => forceNull === 'all' || forceNull.includes(name));
    this.#forceNotNull = source.columns.map((name) => forceNotNull === 'all' || forceNotNull.includes(name));
    this.#hasMarker = source.serverVersion < strictMarkerVersion;
  }

  /** Quotes are followed as CopyReadLineText() does, which is not quite how the fields are read. */
  protected findSpecial(bytes: Buffer, from: number, end: number, rowStart: number): number {
    const quote = this.#quote;
    // An escape that is the quote itself needs no care: two of them toggle twice.
    const escape = this.#escape === quote ? -1 : this.#escape;
    let inQuote = this.#inQuote;
    let afterEscape = this.#afterEscape;
    let at = from;
    for (; at < end; at++) {
      const byte = bytes[at] as number;
      if (byte === 0x0a || byte === 0x0d) {
        if (!inQuote) break;
        this.countLine(byte);
      } else if (byte === backslash && at === rowStart && this.#hasMarker && !this.markerRuledOut) {
        break;
      }
      if (inQuote && byte === escape) afterEscape = !afterEscape;
      if (byte === quote && !afterEscape) inQuote = !inQuote;
      if (byte !== escape) afterEscape = false;
    }
    this.#inQuote = inQuote;
    this.#afterEscape = afterEscape;
    return at;
  }

  protected beginRow(): void {
    this.#inQuote = false;
    this.#afterEscape = false;
    this.#used = 0;
  }

  protected readFields(bytes: Buffer, start: number, end: number): void {
    const { delimiter, width } = this;
    let at = start;
    for (let column = 0; column < width; column++) {
      if (column > 0) {
        if (at >= end) throw this.missingColumn(column, bytes, start, end);
        at++;
      }
      const fieldStart = at;
      while (at < end && bytes[at] !== delimiter && bytes[at] !== this.#quote) at++;
      if (at < end && bytes[at] === this.#quote) at = this.#readQuoted(column, bytes, start, fieldStart, end);
      else if (this.isNullText(bytes, fieldStart, at)) this.#unquotedNull(column);
      else if (!this.takesDefault(column, bytes, fieldStart, at)) this.field(column, bytes, fieldStart, at);
    }
    this.checkEnd(at, bytes, start, end);
  }

  /** NextCopyFrom(), copyfromparse.c: FORCE_NOT_NULL is looked at first. */
  #unquotedNull(column: number): void {
    if (this.#forceNotNull[column] !== true) this.nullField(column);
    else this.field(column, this.#nullText, 0, this.#nullText.length);
  }

  /** Reads a field that has quotes somewhere; where it ends. It is never NULL. */
  #readQuoted(column: number, bytes: Buffer, rowStart: number, start: number, end: number): number {
    const { delimiter } = this;
    const quote = this.#quote;
    const escape = this.#escape;
    if (this.#used + end - start > this.#unquoted.length) {
      this.#unquoted = Buffer.alloc((this.#used + end - start) * 2);
      this.#used = 0;
    }
    const target = this.#unquoted;
    const from = this.#used;
    let length = from;
    let inQuote = false;
    let at = start;
    for (; at < end; at++) {
      const byte = bytes[at] as number;
      if (!inQuote) {
        if (byte === delimiter) break;
        if (byte === quote) inQuote = true;
        else target[length++] = byte;
        continue;
      }
      const following = at + 1 < end ? (bytes[at + 1] as number) : -1;
      if (byte === escape && (following === escape || following === quote)) {
        target[length++] = following;
        at++;
      } else if (byte === quote) {
        inQuote = false;
      } else {
        target[length++] = byte;
      }
    }
    if (inQuote) throw this.rowError('unterminated CSV quoted field', bytes, rowStart, end);
    this.#used = length;
    if (this.#forceNull[column] === true && this.isNullText(target, from, length)) this.nullField(column);
    else this.field(column, target, from, length);
    return at;
  }
}
