/** Fields that are put behind those of a row of COPY data: values that a server gave for columns the client left out. */

import type { CopyFormat } from '../../planner/plan/plan.js';
import { frameEnd, type RowRun } from '../merge/stream.js';
import type { KeyField } from './splitter.js';

/** Takes bytes of the row that is being written. */
export type Put = (bytes: Buffer, start: number, end: number) => void;

const LENGTH_BYTES = 4;
const COUNT_BYTES = 2;

/** Values are texts for text and CSV; in binary they stand behind their length word, as in a DataRow. */
export class AddedFields {
  readonly #isBinary: boolean;
  readonly #delimiter: Buffer;
  readonly #nullText: Buffer;
  readonly #quote: Buffer;
  readonly #encode: (text: string) => string;
  /** Whether a number is written as it is (in quotes in CSV). */
  readonly #plainNumbers: boolean;

  constructor(format: CopyFormat, defaultText: string | undefined) {
    const { kind, delimiter, nullText, quote, escape } = format;
    const isCsv = kind === 'csv';
    this.#isBinary = kind === 'binary';
    this.#delimiter = Buffer.from(delimiter);
    this.#nullText = Buffer.from(nullText);
    this.#quote = isCsv ? Buffer.from(quote) : Buffer.alloc(0);
    this.#encode = isCsv
      ? (text) => csvField(text, quote, escape)
      : (text) => textField(text, text === nullText || text === defaultText);
    this.#plainNumbers = isCsv
      ? !/[-0-9]/.test(`${quote}${escape}`)
      : !/^[-0-9]+$/.test(nullText) && !/^[-0-9]+$/.test(defaultText ?? '') && !/[-0-9]/.test(delimiter);
  }

  /** The row's fields with the values behind them, without the line's end. */
  write(put: Put, bytes: Buffer, start: number, end: number, values: readonly (KeyField | null)[]): void {
    if (this.#isBinary) {
      const count = Buffer.allocUnsafe(COUNT_BYTES);
      count.writeInt16BE(bytes.readInt16BE(start) + values.length, 0);
      put(count, 0, COUNT_BYTES);
      put(bytes, start + COUNT_BYTES, end);
    } else put(bytes, start, end);
    for (const value of values) this.#value(put, value);
  }

  /** The same as bytes of their own. */
  behind(fields: Buffer, values: readonly (KeyField | null)[]): Buffer {
    const pieces: Buffer[] = [];
    this.write(
      (bytes, start, end) => pieces.push(Buffer.from(bytes.subarray(start, end))),
      fields,
      0,
      fields.length,
      values,
    );
    return Buffer.concat(pieces);
  }

  #value(put: Put, value: KeyField | null): void {
    if (this.#isBinary) {
      if (value === null) put(nullLength, 0, LENGTH_BYTES);
      else put(value.bytes, value.start - LENGTH_BYTES, value.end);
      return;
    }
    put(this.#delimiter, 0, this.#delimiter.length);
    if (value === null) put(this.#nullText, 0, this.#nullText.length);
    else if (this.#plainNumbers && isNumber(value)) {
      put(this.#quote, 0, this.#quote.length);
      put(value.bytes, value.start, value.end);
      put(this.#quote, 0, this.#quote.length);
    } else {
      const encoded = Buffer.from(this.#encode(value.bytes.toString('utf8', value.start, value.end)));
      put(encoded, 0, encoded.length);
    }
  }
}

const nullLength = Buffer.from([0xff, 0xff, 0xff, 0xff]);

function isNumber({ bytes, start, end }: KeyField): boolean {
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    if ((byte < 0x30 || byte > 0x39) && byte !== 0x2d) return false;
  }
  return end > start;
}

/** Quoted, so that it is neither NULL nor a default. */
function csvField(text: string, quote: string, escape: string): string {
  let quoted = '';
  for (const character of text) quoted += character === quote || character === escape ? escape + character : character;
  return `${quote}${quoted}${quote}`;
}

/** Every byte that is no letter or digit is written as its number; a text that would stand for something else, too. */
function textField(text: string, isMark: boolean): string {
  const numbered = (character: string): string =>
    [...Buffer.from(character)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
  return text.replaceAll(isMark ? /./gsu : /[^a-zA-Z0-9]/gu, numbered);
}

/** The values of rows as a server has sent them, one row after the other. The fields are used again for each. */
export class ValueRows {
  readonly #fields: readonly { bytes: Buffer; start: number; end: number }[];
  readonly #values: (KeyField | null)[];
  #runs: readonly RowRun[] = [];
  #run = 0;
  #at = 0;

  constructor(columns: number) {
    this.#fields = Array.from({ length: columns }, () => ({ bytes: Buffer.alloc(0), start: 0, end: 0 }));
    this.#values = [...this.#fields];
  }

  /** Takes the rows to be read next. */
  start(runs: readonly RowRun[]): void {
    this.#runs = runs;
    this.#run = 0;
    this.#at = runs[0]?.start ?? 0;
  }

  /** The values of the next row; undefined behind the last. */
  next(): readonly (KeyField | null)[] | undefined {
    for (;;) {
      const run = this.#runs[this.#run];
      if (run === undefined) return undefined;
      if (this.#at < run.end) {
        const frame = this.#at;
        this.#at = frameEnd(run.bytes, frame);
        return this.#row(run.bytes, frame);
      }
      this.#run += 1;
      this.#at = this.#runs[this.#run]?.start ?? 0;
    }
  }

  #row(bytes: Buffer, frame: number): readonly (KeyField | null)[] {
    let at = frame + 1 + LENGTH_BYTES + COUNT_BYTES;
    for (let index = 0; index < this.#fields.length; index += 1) {
      const field = this.#fields[index];
      if (field === undefined) break;
      const length = bytes.readInt32BE(at);
      field.bytes = bytes;
      field.start = at + LENGTH_BYTES;
      field.end = field.start + Math.max(0, length);
      this.#values[index] = length < 0 ? null : field;
      at = field.end;
    }
    return this.#values;
  }
}
