/**
 * The lexer of PostgreSQL (src/backend/parser/scan.l, version 18) over UTF-8 bytes, with standard_conforming_strings
 * on. It finds token boundaries and decides nothing else; the tests compare it with libpg_query's own scanner.
 */

import {
  NAME_PART,
  NAME_START,
  NEWLINE,
  OPERATOR,
  SELF,
  SPACE,
  UNUSUAL_OPERATOR,
  classOf,
  digitValue,
} from './characters.js';

/** What `Scanner.next` found. `BAD` is everything that PostgreSQL's lexer rejects. */
export const END = 0;
export const BAD = 1;
/** An identifier without quotes, or a keyword. */
export const WORD = 2;
export const QUOTED_NAME = 3;
/** U&"…" */
export const UNICODE_NAME = 4;
/** An integer of any size and base. */
export const INTEGER = 5;
/** A number with a point or an exponent. */
export const DECIMAL = 6;
export const STRING = 7;
/** E'…' */
export const ESCAPE_STRING = 8;
/** U&'…' */
export const UNICODE_STRING = 9;
export const DOLLAR_STRING = 10;
/** B'…' and X'…' */
export const BIT_STRING = 11;
export const PARAMETER = 12;
/** An operator, a punctuation mark, `::`, `..`, `:=`, `=>`. */
export const SYMBOL = 13;

const QUOTE = 0x27;
const DOUBLE_QUOTE = 0x22;
const DOLLAR = 0x24;
const BACKSLASH = 0x5c;
const DASH = 0x2d;
const SLASH = 0x2f;
const STAR = 0x2a;
const PLUS = 0x2b;
const DOT = 0x2e;
const COLON = 0x3a;
const EQUALS = 0x3d;
const UNDERSCORE = 0x5f;
const LOWER_E = 0x65;
/** NAMEDATALEN: an operator must be shorter. */
const MAX_OPERATOR_BYTES = 64;

/** Reads one token after the other. After `next`, the token is at `start` (inclusive) to `end` (exclusive). */
export class Scanner {
  start = 0;
  end = 0;
  limit: number;
  private sql: Buffer;

  constructor(sql: Buffer, start = 0, limit = sql.length) {
    this.sql = sql;
    this.end = start;
    this.limit = limit;
  }

  /** Starts again on another statement, so that one scanner can serve a hot path without allocation. */
  reset(sql: Buffer, start: number, limit: number): void {
    this.sql = sql;
    this.start = start;
    this.end = start;
    this.limit = limit;
  }

  /** The byte at the position, -1 past the limit. */
  private at(position: number): number {
    return position < this.limit ? (this.sql[position] ?? -1) : -1;
  }

  private is(position: number, bits: number): boolean {
    return position < this.limit && (classOf(this.sql[position]) & bits) !== 0;
  }

  next(): number {
    const from = this.skipBlanks(this.end);
    this.start = from;
    if (from < 0) return this.finish(this.limit, BAD);
    if (from >= this.limit) return this.finish(from, END);
    const byte = this.at(from);
    const bits = classOf(byte);
    if ((bits & NAME_START) !== 0) return this.nameOrPrefixed(from, byte);
    if (byte >= 48 && byte <= 57) return this.number(from);
    if ((bits & (OPERATOR | SELF)) !== 0) {
      if (byte === DOT) return this.dot(from);
      return (bits & OPERATOR) !== 0 ? this.operator(from) : this.punctuation(from, byte);
    }
    if (byte === QUOTE) return this.quoted(from + 1, STRING);
    if (byte === DOUBLE_QUOTE) return this.quotedName(from, from + 1, QUOTED_NAME);
    if (byte === DOLLAR) return this.dollar(from);
    return this.finish(from + 1, BAD);
  }

  private finish(end: number, kind: number): number {
    this.end = end;
    return kind;
  }

  /** The position after white space and comments; -1 when a comment does not end. */
  private skipBlanks(from: number): number {
    let position = from;
    for (;;) {
      const byte = this.at(position);
      if (byte === 32 || (byte >= 9 && byte <= 13)) position++;
      else if (byte === DASH && this.at(position + 1) === DASH) position = this.skipLine(position);
      else if (byte === SLASH && this.at(position + 1) === STAR) {
        position = this.skipBlockComment(position);
        if (position < 0) return -1;
      } else return position;
    }
  }

  private skipLine(from: number): number {
    let position = from;
    while (position < this.limit && !this.is(position, NEWLINE)) position++;
    return position;
  }

  private skipBlockComment(from: number): number {
    let position = from + 2;
    let depth = 1;
    while (position < this.limit) {
      const byte = this.at(position);
      if (byte === SLASH && this.at(position + 1) === STAR) {
        depth++;
        position += 2;
      } else if (byte === STAR && this.at(position + 1) === SLASH) {
        depth--;
        position += 2;
        if (depth === 0) return position;
      } else position++;
    }
    return -1;
  }

  private nameOrPrefixed(from: number, first: number): number {
    const second = this.at(from + 1);
    if (second === QUOTE) {
      const letter = first | 32;
      if (letter === LOWER_E) return this.quoted(from + 2, ESCAPE_STRING);
      if (letter === 0x62 || letter === 0x78) return this.quoted(from + 2, BIT_STRING);
      // N'…' is the keyword NCHAR, written as the letter, and a string of its own.
    } else if (second === 0x26 && (first | 32) === 0x75) {
      const third = this.at(from + 2);
      if (third === QUOTE) return this.quoted(from + 3, UNICODE_STRING);
      if (third === DOUBLE_QUOTE) return this.quotedName(from, from + 3, UNICODE_NAME);
    }
    return this.finish(this.skipName(from), WORD);
  }

  private skipName(from: number): number {
    const { sql, limit } = this;
    let position = from + 1;
    while (position < limit && (classOf(sql[position]) & NAME_PART) !== 0) position++;
    return position;
  }

  /** A string of any quoted kind; `from` is the first byte inside. Segments continue after a newline. */
  private quoted(from: number, kind: number): number {
    const { sql, limit } = this;
    let position = from;
    while (position < limit) {
      const byte = sql[position];
      if (byte === QUOTE) {
        if (this.at(position + 1) === QUOTE && kind !== BIT_STRING) {
          position += 2;
          continue;
        }
        const continued = this.continuation(position + 1);
        if (continued < 0) return this.finish(position + 1, kind);
        position = continued;
      } else if (byte === BACKSLASH && kind === ESCAPE_STRING) position += 2;
      else position++;
    }
    return this.finish(limit, BAD);
  }

  /** quotecontinue: the position after the quote that opens the next segment; -1 when there is none. */
  private continuation(from: number): number {
    let position = from;
    let newline = false;
    for (;;) {
      if (this.is(position, SPACE)) {
        newline ||= this.is(position, NEWLINE);
        position++;
      } else if (this.at(position) === DASH && this.at(position + 1) === DASH) position = this.skipLine(position);
      else break;
    }
    return newline && this.at(position) === QUOTE ? position + 1 : -1;
  }

  private quotedName(from: number, inside: number, kind: number): number {
    let position = inside;
    for (;;) {
      const close = this.sql.indexOf(DOUBLE_QUOTE, position);
      if (close < 0 || close >= this.limit) return this.finish(this.limit, BAD);
      if (this.at(close + 1) === DOUBLE_QUOTE) position = close + 2;
      else {
        this.start = from;
        return this.finish(close + 1, close === inside ? BAD : kind);
      }
    }
  }

  private dollar(from: number): number {
    const second = this.at(from + 1);
    if (second >= 48 && second <= 57) {
      let position = from + 2;
      while (digitValue(this.at(position), 10) >= 0) position++;
      // Servers before version 15 take `$1and`, and so does libpg_query; later ones reject it themselves.
      return this.finish(position, PARAMETER);
    }
    let position = from + 1;
    if (this.is(position, NAME_START)) {
      position++;
      while (this.is(position, NAME_PART) && this.at(position) !== DOLLAR) position++;
    }
    if (this.at(position) !== DOLLAR) return this.finish(from + 1, BAD);
    const delimiter = this.sql.subarray(from, position + 1);
    const close = this.sql.indexOf(delimiter, position + 1);
    const end = close + delimiter.length;
    return close < 0 || end > this.limit ? this.finish(this.limit, BAD) : this.finish(end, DOLLAR_STRING);
  }

  private punctuation(from: number, byte: number): number {
    const second = this.at(from + 1);
    if (byte === COLON && (second === COLON || second === EQUALS)) return this.finish(from + 2, SYMBOL);
    return this.finish(from + 1, SYMBOL);
  }

  private dot(from: number): number {
    const second = this.at(from + 1);
    if (second === DOT) return this.finish(from + 2, SYMBOL);
    if (digitValue(second, 10) >= 0) return this.exponent(this.skipDigits(from + 1, 10), DECIMAL);
    return this.finish(from + 1, SYMBOL);
  }

  private operator(from: number): number {
    const { sql, limit } = this;
    let end = from;
    let unusual = 0;
    while (end < limit) {
      const byte = sql[end];
      const bits = classOf(byte);
      if ((bits & OPERATOR) === 0) break;
      const second = end + 1 < limit ? sql[end + 1] : undefined;
      if ((byte === DASH && second === DASH) || (byte === SLASH && second === STAR)) break;
      unusual |= bits & UNUSUAL_OPERATOR;
      end++;
    }
    // SQL's own operators do not end in a sign: `a=-1` is `=` and `-`.
    if (unusual === 0) {
      while (end - from > 1 && (sql[end - 1] === PLUS || sql[end - 1] === DASH)) end--;
    }
    return this.finish(end, end - from >= MAX_OPERATOR_BYTES ? BAD : SYMBOL);
  }

  private number(from: number): number {
    const second = this.at(from + 1) | 32;
    const base = this.at(from) !== 48 ? 10 : second === 0x78 ? 16 : second === 0x6f ? 8 : second === 0x62 ? 2 : 10;
    if (base !== 10) {
      const end = this.skipDigits(from + 2, base);
      return this.finish(end, end === from + 2 || this.is(end, NAME_PART) ? BAD : INTEGER);
    }
    let position = this.skipDigits(from, 10);
    if (this.at(position) !== DOT || this.at(position + 1) === DOT) return this.exponent(position, INTEGER);
    position++;
    if (digitValue(this.at(position), 10) >= 0) position = this.skipDigits(position, 10);
    return this.exponent(position, DECIMAL);
  }

  /** After the digits of a number: an exponent, and no letter. */
  private exponent(from: number, kind: number): number {
    let position = from;
    let found = kind;
    if ((this.at(position) | 32) === LOWER_E) {
      const sign = this.at(position + 1);
      const digits = sign === PLUS || sign === DASH ? position + 2 : position + 1;
      if (digitValue(this.at(digits), 10) < 0) return this.finish(digits, BAD);
      position = this.skipDigits(digits, 10);
      found = DECIMAL;
    }
    return this.finish(position, this.is(position, NAME_START) ? BAD : found);
  }

  /** Digits with single underscores between them; before the first digit one is allowed in bases other than 10. */
  private skipDigits(from: number, base: number): number {
    let position = from;
    for (;;) {
      const next = this.at(position) === UNDERSCORE && (position > from || base !== 10) ? position + 1 : position;
      if (digitValue(this.at(next), base) < 0) return position;
      position = next + 1;
    }
  }
}
