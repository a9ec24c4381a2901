/** Rows of a COPY that wait for the values of columns which the client leaves to their defaults. */

import type { CopyFormat } from '../../planner/plan/plan.js';
import type { KeyField } from './splitter.js';

export interface WaitingRow {
  /** The row as it came, to the end of its fields, and what ends its line. */
  readonly fields: Buffer;
  readonly ending: Buffer;
  readonly key: readonly (KeyField | null)[];
  /** The client's line that ends it. */
  readonly line: number;
}

export class WaitingRows {
  #rows: WaitingRow[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
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
    const copy = Buffer.allocUnsafeSlow(end - start);
    bytes.copy(copy, 0, start, end);
    this.#bytes += copy.length;
    this.#rows.push({
      fields: copy.subarray(0, fieldsEnd - start),
      ending: copy.subarray(fieldsEnd - start),
      key: key.map((field) =>
        field === null ? null : fieldOf(Buffer.from(field.bytes.subarray(field.start, field.end))),
      ),
      line,
    });
  }

  /** All of them, in the client's order. */
  take(): readonly WaitingRow[] {
    const rows = this.#rows;
    this.#rows = [];
    this.#bytes = 0;
    return rows;
  }
}

export function fieldOf(bytes: Buffer): KeyField {
  return { bytes, start: 0, end: bytes.length };
}

/** Puts values behind a row's fields, in the format of the COPY. Values of text and CSV are texts, of binary binary. */
export type FieldAppender = (fields: Buffer, values: readonly (Buffer | null)[]) => Buffer;

export function fieldAppender(format: CopyFormat, defaultText: string | undefined): FieldAppender {
  const { kind } = format;
  if (kind === 'binary') return appendBinary;
  const encode = kind === 'csv' ? csvField(format) : textField(format, defaultText);
  return (fields, values) =>
    Buffer.concat([fields, ...values.map((value) => Buffer.from(`${format.delimiter}${encode(value)}`))]);
}

/** The same for the header line, with the columns' names. */
export function headerAppender(format: CopyFormat): (fields: Buffer, names: readonly string[]) => Buffer {
  const append = fieldAppender(format, undefined);
  return (fields, names) =>
    append(
      fields,
      names.map((name) => Buffer.from(name)),
    );
}

/** Quoted, so that it is neither NULL nor a default. */
function csvField({ nullText, quote, escape }: CopyFormat): (value: Buffer | null) => string {
  return (value) => {
    if (value === null) return nullText;
    const text = value.toString('utf8');
    let quoted = '';
    for (const character of text)
      quoted += character === quote || character === escape ? escape + character : character;
    return `${quote}${quoted}${quote}`;
  };
}

/** Every byte that is no letter or digit is written as its number; a text that would stand for something else, too. */
function textField({ nullText }: CopyFormat, defaultText: string | undefined): (value: Buffer | null) => string {
  const numbered = (character: string): string =>
    [...Buffer.from(character)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
  return (value) => {
    if (value === null) return nullText;
    const text = value.toString('utf8');
    const isMark = text === nullText || text === defaultText;
    return text.replaceAll(isMark ? /./gsu : /[^a-zA-Z0-9]/gu, numbered);
  };
}

const LENGTH_BYTES = 4;

function appendBinary(fields: Buffer, values: readonly (Buffer | null)[]): Buffer {
  const lengths = values.map((value) => {
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeInt32BE(value === null ? -1 : value.length);
    return value === null ? [length] : [length, value];
  });
  const row = Buffer.concat([fields, ...lengths.flat()]);
  row.writeInt16BE(row.readInt16BE(0) + values.length, 0);
  return row;
}
