/** RowDescription, as Bind's result formats want it. */

import { readRowDescription } from '../../wire/backend.js';
import { encodeRowDescription } from '../../wire/encode-backend.js';

/** One format a column: Bind may give none (all text) or one for all (protocol, Bind). */
export function expandFormats(formats: readonly number[], columns: number): readonly number[] {
  return Array.from({ length: columns }, (_unused, index) => (formats.length === 1 ? formats[0] : formats[index]) ?? 0);
}

/** The first `columns` fields of a description (all without it), with the formats that Bind asked for. */
export function describeInFormats(description: Buffer, formats: readonly number[], columns?: number): Buffer {
  const fields = readRowDescription(description).slice(0, columns);
  const expanded = expandFormats(formats, fields.length);
  return encodeRowDescription(fields.map((field, index) => ({ ...field, format: expanded[index] ?? 0 })));
}
