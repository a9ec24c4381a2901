/**
 * Rows in the formats of COPY … TO, one message a row, as PostgreSQL writes them (copyto.c: CopyAttributeOutText,
 * CopyAttributeOutCSV; PostgreSQL manual, COPY, "Binary Format"). Text is handled as Latin 1, so that each byte is one
 * character as it came: what is escaped or quoted is ASCII, and no part of another character in UTF-8.
 */

import type { CopyFormat } from '../../planner/plan/plan.js';

/** Makes the data of one row's message of its values; NULL is null. */
export type RowWriter = (values: readonly (Buffer | null)[]) => Buffer;

const letters: Readonly<Record<string, string>> = {
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

export function textWriter({ delimiter, nullText }: CopyFormat): RowWriter {
  const isNull = asLatin(nullText);
  const separator = asLatin(delimiter);
  const special = new RegExp(`[\\\\\\b\\f\\n\\r\\t\\v${inClass(separator)}]`, 'g');
  const field = (value: Buffer | null): string =>
    value === null ? isNull : value.toString('latin1').replace(special, (each) => letters[each] ?? `\\${each}`);
  return (values) => Buffer.from(`${values.map(field).join(separator)}\n`, 'latin1');
}

/** `isForced`: whether the values of a column are always quoted. */
export function csvWriter(format: CopyFormat, isForced: (column: number) => boolean): RowWriter {
  const isNull = asLatin(format.nullText);
  const separator = asLatin(format.delimiter);
  const quote = asLatin(format.quote);
  const escape = asLatin(format.escape);
  const unsafe = new RegExp(`[\\n\\r${inClass(separator)}${inClass(quote)}]`);
  const escaped = new RegExp(`[${inClass(quote)}${inClass(escape)}]`, 'g');
  const field = (value: Buffer | null, column: number, all: readonly unknown[]): string => {
    if (value === null) return isNull;
    const text = value.toString('latin1');
    // A lone \\. would end the data for older readers.
    const isMark = all.length === 1 && text === '\\.';
    if (!isForced(column) && text !== isNull && !isMark && !unsafe.test(text)) return text;
    return `${quote}${text.replace(escaped, (each) => `${escape}${each}`)}${quote}`;
  };
  return (values) => Buffer.from(`${values.map(field).join(separator)}\n`, 'latin1');
}

function asLatin(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** A character as part of a regular expression's class. */
function inClass(character: string): string {
  return Array.from(character, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
}
