/** What COPY's text and CSV formats have in common: lines, their ends, the header, the end-of-copy marker. */

import type { PgError } from '../../base/errors.js';
import { Carry } from './carry.js';
import { badCopyFormat, lineContext, rowContext } from './errors.js';
import { strictMarkerVersion, type CopySink, type CopySource, type CopySplitter, type KeyField } from './splitter.js';

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const period = 0x2e;

/** All lines of the data must end alike; the first one decides. */
type LineEnd = 'unknown' | 'lf' | 'cr' | 'crlf';

/** A key field whose place is set anew for each row. */
class MovingField implements KeyField {
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;
}

export abstract class LineSplitter implements CopySplitter {
  protected readonly source: CopySource;
  /** The character after which columns follow, as a byte. */
  protected readonly delimiter: number;
  /** The number of columns up to the last key column. */
  protected readonly width: number;
  /** Where a value without quotes and escapes is NULL. */
  readonly #nullText: Buffer;
  readonly #defaultText: Buffer | undefined;
  readonly #watched: readonly number[];
  readonly #isCsv: boolean;
  /** For each column up to the last key column, its place in the key; -1 for others. */
  readonly #placeOfColumn: readonly number[];
  readonly #fields: readonly MovingField[];
  readonly #key: (KeyField | null)[];
  readonly #carry = new Carry();
  /** Everything before it, in the row that is being read, was looked at. */
  #at = 0;
  #lineEnd: LineEnd = 'unknown';
  #inHeader: boolean;
  #ended = false;
  /** In CSV before PostgreSQL 18: the row's beginning was found to be no end-of-copy marker. */
  protected markerRuledOut = false;
  #line = 1;
  #defaulted = -1;

  constructor(source: CopySource) {
    const { format, key, intake, watched = [], complete = false } = source;
    this.source = source;
    this.delimiter = format.delimiter.charCodeAt(0);
    this.#defaultText = intake?.defaultText === undefined ? undefined : Buffer.from(intake.defaultText);
    this.#watched = this.#defaultText === undefined ? [] : watched;
    this.width = complete
      ? source.columns.length
      : Math.max(0, ...[...key, ...this.#watched].map((column) => column + 1));
    this.#nullText = Buffer.from(format.nullText);
    this.#isCsv = format.kind === 'csv';
    this.#placeOfColumn = Array.from({ length: this.width }, (_, column) => key.indexOf(column));
    this.#fields = key.map(() => new MovingField());
    this.#key = key.map(() => null);
    this.#inHeader = format.header !== 'no';
  }

  get line(): number {
    return this.#line;
  }

  get defaulted(): number {
    return this.#defaulted;
  }

  push(chunk: Buffer, sink: CopySink): void {
    if (this.#ended || chunk.length === 0) return;
    this.#at -= this.#carry.add(chunk);
    this.#split(sink, false);
    this.#at -= this.#carry.keep();
  }

  end(sink: CopySink): void {
    if (this.#ended) return;
    this.#split(sink, true);
    const { start, end } = this.#carry;
    if (!this.#ended && start < end) this.#finishLine(sink, end, end);
    this.#ended = true;
  }

  /**
   * The position of the next line feed, carriage return or backslash that may have a meaning for lines; else `end`.
   * Asked again at the same position, it answers the same.
   */
  protected abstract findSpecial(bytes: Buffer, from: number, end: number, rowStart: number): number;

  /** Another row begins. */
  protected abstract beginRow(): void;

  /** Calls `field` for the row's columns up to `width`. */
  protected abstract readFields(bytes: Buffer, start: number, end: number): void;

  /** A line feed or carriage return that does not end the line. */
  protected countLine(byte: number): void {
    if (byte === (this.#lineEnd === 'lf' ? lineFeed : carriageReturn)) this.#line++;
  }

  /** Takes a column's value, which is not NULL. */
  protected field(column: number, bytes: Buffer, start: number, end: number): void {
    const place = this.#placeOfColumn[column] ?? -1;
    const field = this.#fields[place];
    if (field === undefined) return;
    field.bytes = bytes;
    field.start = start;
    field.end = end;
    this.#key[place] = field;
  }

  protected nullField(column: number): void {
    const place = this.#placeOfColumn[column] ?? -1;
    if (place >= 0) this.#key[place] = null;
  }

  /** Whether the column's value is looked at. */
  protected isWanted(column: number): boolean {
    return (this.#placeOfColumn[column] ?? -1) >= 0 || this.#watched.includes(column);
  }

  /** Whether the default text stands for the column, quotes and escapes counted in. */
  protected takesDefault(column: number, bytes: Buffer, start: number, end: number): boolean {
    const text = this.#defaultText;
    if (text === undefined || end - start !== text.length || text.compare(bytes, start, end) !== 0) return false;
    if (this.#defaulted < 0 && this.isWanted(column)) this.#defaulted = column;
    this.nullField(column);
    return true;
  }

  /** The error for a row that goes on behind its last column. */
  protected checkEnd(at: number, bytes: Buffer, start: number, end: number): void {
    if (this.source.complete === true && at < end) {
      throw this.rowError('extra data after last expected column', bytes, start, end);
    }
  }

  protected isNullText(bytes: Buffer, start: number, end: number): boolean {
    const nullText = this.#nullText;
    if (end - start !== nullText.length) return false;
    for (let index = 0; index < nullText.length; index++) if (bytes[start + index] !== nullText[index]) return false;
    return true;
  }

  /** An error in the row that is in bytes[start, end). */
  protected rowError(message: string, bytes: Buffer, start: number, end: number): PgError {
    return badCopyFormat(message, rowContext(this.source.relation, this.#line, bytes, start, end));
  }

  /** The error for a row that ends before its key is complete. */
  protected missingColumn(column: number, bytes: Buffer, start: number, end: number): PgError {
    return this.rowError(`missing data for column "${this.source.columns[column] ?? ''}"`, bytes, start, end);
  }

  #split(sink: CopySink, isLast: boolean): void {
    const carry = this.#carry;
    const { bytes, end } = carry;
    for (;;) {
      const at = this.findSpecial(bytes, this.#at, end, carry.start);
      this.#at = at;
      if (at >= end) return;
      const byte = bytes[at];
      if (byte === lineFeed) {
        if (this.#lineEnd === 'cr' || this.#lineEnd === 'crlf') throw this.#strayNewline();
        this.#lineEnd = 'lf';
        this.#finishLine(sink, at, at + 1);
      } else if (byte === carriageReturn) {
        if (at + 1 >= end && !isLast && this.#lineEnd !== 'cr') return;
        this.#finishLine(sink, at, this.#endAtCarriageReturn(at, bytes[at + 1] === lineFeed && at + 1 < end));
      } else if (!this.#passBackslash(sink, at, isLast)) {
        return;
      }
    }
  }

  /** Where the line that has a carriage return ends. */
  #endAtCarriageReturn(at: number, lineFeedFollows: boolean): number {
    if (this.#lineEnd === 'lf' || (this.#lineEnd === 'crlf' && !lineFeedFollows)) throw this.#strayReturn();
    if (this.#lineEnd === 'unknown') this.#lineEnd = lineFeedFollows ? 'crlf' : 'cr';
    return this.#lineEnd === 'crlf' ? at + 2 : at + 1;
  }

  /** Steps over a backslash and what it escapes, or ends the data at `\.`. False when more data is needed first. */
  #passBackslash(sink: CopySink, at: number, isLast: boolean): boolean {
    const { bytes, end } = this.#carry;
    if (at + 1 >= end && !isLast) return false;
    if (at + 1 >= end || bytes[at + 1] !== period) {
      this.markerRuledOut = true;
      if (!this.#isCsv) this.#at = Math.min(end, at + 2);
      return true;
    }
    const markerBytes = this.#lineEnd === 'crlf' ? 4 : 3;
    if (at + markerBytes > end && !isLast) return false;
    const fault = this.#markerFault(at + 2);
    if (fault === undefined) {
      this.#endAtMarker(sink, at);
      return false;
    }
    if (!this.#isCsv || fault === 'style') throw this.#markerError(fault);
    this.markerRuledOut = true;
    return true;
  }

  /** What is wrong with the end of the marker's line, if anything. */
  #markerFault(from: number): 'style' | 'corrupt' | undefined {
    const { bytes, end } = this.#carry;
    let at = from;
    const byteAt = (position: number): number => (position < end ? (bytes[position] ?? 0) : 0);
    if (this.#lineEnd === 'crlf') {
      const first = byteAt(at++);
      if (first === lineFeed) return this.#isCsv ? 'corrupt' : 'style';
      if (first !== carriageReturn) return 'corrupt';
    }
    const last = byteAt(at);
    if (last !== carriageReturn && last !== lineFeed) return 'corrupt';
    const expected = this.#lineEnd === 'unknown' ? last : this.#lineEnd === 'cr' ? carriageReturn : lineFeed;
    return last === expected ? undefined : 'style';
  }

  #markerError(fault: 'style' | 'corrupt'): PgError {
    const strict = this.source.serverVersion >= strictMarkerVersion;
    const corrupt = strict ? 'end-of-copy marker is not alone on its line' : 'end-of-copy marker corrupt';
    const message = fault === 'style' ? 'end-of-copy marker does not match previous newline style' : corrupt;
    return badCopyFormat(message, this.#context());
  }

  /** What follows the marker is ignored; what stands before it on its line is a row, before PostgreSQL 18. */
  #endAtMarker(sink: CopySink, at: number): void {
    if (at > this.#carry.start) {
      if (this.source.serverVersion >= strictMarkerVersion) throw this.#markerError('corrupt');
      this.#finishLine(sink, at, at);
    }
    this.#ended = true;
    this.#carry.start = this.#carry.end;
  }

  #finishLine(sink: CopySink, contentEnd: number, next: number): void {
    const { bytes, start } = this.#carry;
    if (this.#inHeader) {
      this.#inHeader = false;
      sink.broadcast(bytes, start, next, contentEnd);
    } else {
      this.#defaulted = -1;
      this.readFields(bytes, start, contentEnd);
      sink.row(bytes, start, next, this.#key, contentEnd);
    }
    this.#carry.start = next;
    this.#at = next;
    this.#line++;
    this.markerRuledOut = false;
    this.beginRow();
  }

  #context(): string {
    return lineContext(this.source.relation, this.#line);
  }

  #strayNewline(): PgError {
    return this.#isCsv
      ? badCopyFormat('unquoted newline found in data', this.#context(), 'Use quoted CSV field to represent newline.')
      : badCopyFormat('literal newline found in data', this.#context(), 'Use "\\n" to represent newline.');
  }

  #strayReturn(): PgError {
    return this.#isCsv
      ? badCopyFormat(
          'unquoted carriage return found in data',
          this.#context(),
          'Use quoted CSV field to represent carriage return.',
        )
      : badCopyFormat(
          'literal carriage return found in data',
          this.#context(),
          'Use "\\r" to represent carriage return.',
        );
  }
}
