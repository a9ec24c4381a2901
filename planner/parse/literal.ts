/** What a literal means: quotes removed, escapes resolved, numbers in plain decimal. Follows scan.l and parser.c. */

import { PgError, sqlstate } from '../../base/errors.js';
import { digitValue } from './characters.js';
import type { Slot, SlotKind } from './tokenizer.js';

interface Literal {
  readonly kind: SlotKind;
  readonly text: string;
}

const QUOTE = 0x27;
const BACKSLASH = 0x5c;
const DOLLAR = 0x24;
const PLUS = 0x2b;
const INVALID_ESCAPE_SEQUENCE = '22025';
const CHARACTER_NOT_IN_REPERTOIRE = '22021';

/**
 * The literal's value as UTF-8 text, as the input function of its type would read it. A bit string keeps its letter
 * (`b0101`, `x1F`), a number loses underscores and its base.
 */
export function literalText(sql: Buffer, slot: Slot): Buffer {
  if (slot.kind === 'integer' || slot.kind === 'float') return numberText(sql, slot.start, slot.end);
  const first = sql[slot.start];
  if (first === DOLLAR) {
    const delimiter = sql.indexOf(DOLLAR, slot.start + 1) + 1 - slot.start;
    return sql.subarray(slot.start + delimiter, slot.end - delimiter);
  }
  if (first === QUOTE) return plainText(sql, slot.start, slot.end);
  if (slot.kind === 'bit') {
    const letter = Buffer.of((first ?? 0) | 0x20);
    return Buffer.concat([letter, plainText(sql, slot.start + 1, slot.end)]);
  }
  if (((first ?? 0) | 0x20) === 0x65) return resolve(sql, slot.start + 1, slot.end, escapeSequence);
  return resolve(sql, slot.start + 2, slot.end, unicodeSequence);
}

/** As `literalText`, with the kind and as a string. */
export function literalOf(sql: Buffer, slot: Slot): Literal {
  return { kind: slot.kind, text: literalText(sql, slot).toString('utf8') };
}

/** The name that a quoted identifier token (`"…"`) spells. */
export function quotedNameText(sql: Buffer, start: number, end: number): string {
  return sql.toString('utf8', start + 1, end - 1).replaceAll('""', '"');
}

function numberText(sql: Buffer, start: number, end: number): Buffer {
  const raw = sql.subarray(start, end);
  if (raw.length < 3) return raw;
  const based =
    raw[0] === 48 &&
    digitValue(raw[1], 10) < 0 &&
    raw[1] !== 0x2e &&
    digitValue(raw[1], 34) > 10 &&
    raw[1] !== 0x65 &&
    raw[1] !== 0x45;
  if (!based && !raw.includes(0x5f)) return raw;
  const text = raw.toString('latin1').replaceAll('_', '');
  return Buffer.from(based ? BigInt(text).toString() : text);
}

function plainText(sql: Buffer, start: number, end: number): Buffer {
  const close = sql.indexOf(QUOTE, start + 1);
  if (close === end - 1) return sql.subarray(start + 1, close);
  return resolve(sql, start, end, undefined);
}

/** Writes what an escape at `position` stands for and gives the position after it. */
type Escape = (sql: Buffer, position: number, end: number, output: Output) => number;

/** The bytes of a value and the surrogate that waits for its other half. */
interface Output {
  readonly bytes: Buffer;
  length: number;
  highSurrogate: number;
}

/** Undoes doubled quotes, joins segments over newlines and resolves escapes. `start` is the opening quote. */
function resolve(sql: Buffer, start: number, end: number, escape: Escape | undefined): Buffer {
  const output: Output = { bytes: Buffer.allocUnsafe(end - start), length: 0, highSurrogate: 0 };
  let position = start + 1;
  while (position < end) {
    const byte = sql[position] ?? 0;
    if (byte === BACKSLASH && escape !== undefined) {
      position = escape(sql, position, end, output);
      continue;
    }
    if (byte === QUOTE) {
      if (sql[position + 1] !== QUOTE || position + 1 >= end) {
        position = nextSegment(sql, position + 1, end);
        continue;
      }
      position++;
    }
    requireNoSurrogate(output);
    output.bytes[output.length++] = byte;
    position++;
  }
  requireNoSurrogate(output);
  return output.bytes.subarray(0, output.length);
}

/** The first byte inside the next segment. Between segments are white space and line comments. */
function nextSegment(sql: Buffer, from: number, end: number): number {
  let position = from;
  while (position < end && sql[position] !== QUOTE) {
    if (sql[position] === 0x2d) while (sql[position] !== 0x0a && sql[position] !== 0x0d) position++;
    else position++;
  }
  return position + 1;
}

function requireNoSurrogate(output: Output): void {
  if (output.highSurrogate !== 0) throw new PgError(sqlstate.syntaxError, 'invalid Unicode surrogate pair');
}

const controlCharacters: Readonly<Record<string, number>> = { b: 8, f: 12, n: 10, r: 13, t: 9, v: 11 };

/** E'…' */
function escapeSequence(sql: Buffer, position: number, end: number, output: Output): number {
  const byte = sql[position + 1] ?? 0;
  if (byte === 0x75) return codePoint(sql, position + 2, 4, end, output);
  if (byte === 0x55) return codePoint(sql, position + 2, 8, end, output);
  requireNoSurrogate(output);
  const octal = digitValue(byte, 8) >= 0;
  if (octal || (byte === 0x78 && digitValue(sql[position + 2], 16) >= 0)) {
    const base = octal ? 8 : 16;
    const from = octal ? position + 1 : position + 2;
    const limit = octal ? from + 3 : from + 2;
    let value = 0;
    let next = from;
    for (; next < limit && digitValue(sql[next], base) >= 0; next++) value = value * base + digitValue(sql[next], base);
    value &= 0xff;
    if (value === 0) throw invalidByte(0);
    output.bytes[output.length++] = value;
    return next;
  }
  output.bytes[output.length++] = controlCharacters[String.fromCharCode(byte)] ?? byte;
  return position + 2;
}

/** U&'…' with the default escape character. */
function unicodeSequence(sql: Buffer, position: number, end: number, output: Output): number {
  if (sql[position + 1] === BACKSLASH) {
    requireNoSurrogate(output);
    output.bytes[output.length++] = BACKSLASH;
    return position + 2;
  }
  if (sql[position + 1] === PLUS) return codePoint(sql, position + 2, 6, end, output);
  return codePoint(sql, position + 1, 4, end, output);
}

function codePoint(sql: Buffer, from: number, digits: number, end: number, output: Output): number {
  let value = 0;
  for (let index = from; index < from + digits; index++) {
    const digit = index < end ? digitValue(sql[index], 16) : -1;
    if (digit < 0) throw new PgError(INVALID_ESCAPE_SEQUENCE, 'invalid Unicode escape');
    value = value * 16 + digit;
  }
  if (value >= 0xdc00 && value <= 0xdfff) {
    if (output.highSurrogate === 0) throw new PgError(sqlstate.syntaxError, 'invalid Unicode surrogate pair');
    value = 0x10000 + ((output.highSurrogate & 0x3ff) << 10) + (value & 0x3ff);
    output.highSurrogate = 0;
  }
  requireNoSurrogate(output);
  if (value >= 0xd800 && value <= 0xdbff) {
    output.highSurrogate = value;
    return from + digits;
  }
  if (value === 0 || value > 0x10ffff) throw new PgError(sqlstate.syntaxError, 'invalid Unicode escape value');
  output.length += output.bytes.write(String.fromCodePoint(value), output.length, 'utf8');
  return from + digits;
}

function invalidByte(value: number): PgError {
  const hex = value.toString(16).padStart(2, '0');
  return new PgError(CHARACTER_NOT_IN_REPERTOIRE, `invalid byte sequence for encoding "UTF8": 0x${hex}`);
}
