/**
 * SQL bytes → plan-cache key and literals.
 *
 * Two statements of one key have the same parse tree but for the values of the literals in slots. What the grammar or
 * the analyser reads the value of stays in the key: ordinals after ORDER BY, GROUP BY and DISTINCT ON, type modifiers
 * and array bounds. A planner that looks at any other literal's value (a sequence's name in nextval('s'), say) must
 * not cache its plan under the key alone.
 *
 * Where a slot is in the tree: an A_Const's `location` is the slot's `start`, with one exception. The grammar folds a
 * minus sign into a number (`-5`, `- 5`, `-(5)`, `- -5`), and then the location is that of the outermost sign.
 * `slotAt` finds the slot and whether its value is negated. `+5` is not folded.
 */

import {
  BY,
  EXCEPT,
  LIMIT,
  MERGE,
  ORDER,
  PARTITION,
  SELECT,
  FLOAT,
  LOCALTIMESTAMP,
  ZONE,
  keyword,
  keywordAt,
  keywordText,
} from './keywords.js';
import * as scan from './scanner.js';

/** `integer` fits int8 (the key tells int4 from int8); a larger one is a `float`, as is one with a point or exponent. */
export type SlotKind = 'integer' | 'float' | 'string' | 'bit';

/** A literal of the statement: byte offsets, end exclusive. */
export interface Slot {
  readonly kind: SlotKind;
  readonly start: number;
  readonly end: number;
}

export interface Normalized {
  readonly key: string;
  readonly slots: readonly Slot[];
  /** The first keyword, in lower case. */
  readonly verb: string;
}

/** Statements with longer keys are not worth a place in a cache. */
const MAX_KEY_BYTES = 32_768;

const AS = keyword('as');
const DISTINCT = keyword('distinct');
const ON = keyword('on');
const UESCAPE = keyword('uescape');
const MATERIALIZED = keyword('materialized');
const NCHAR_LETTER = keyword('n');

const SEPARATOR = 0x20;
const NUMBER_SIGN = 0x23;
const QUOTE = 0x27;
const OPEN = 0x28;
const CLOSE = 0x29;
const DOT = 0x2e;
const COLON = 0x3a;
const SEMICOLON = 0x3b;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
/** Room that a token needs beside its own bytes. */
const TOKEN_MARGIN = 4;

const MAX_INT4 = 2147483647;
/** -2147483648 is an int4 although 2147483648 is not; likewise for int8. Their type is settled by the sign. */
const INT4_EDGE = 2147483648n;
const INT8_EDGE = 9223372036854775808n;

/** `type`: after `::` or AS, a type's name is expected. `modifiers`: it was there, and its modifiers may follow. */
type Expectation = 'nothing' | 'type' | 'modifiers';

/** One instance serves all statements, one after the other. */
class Normalizer {
  private readonly scanner = new scan.Scanner(Buffer.alloc(0));
  private readonly scratch = Buffer.allocUnsafe(MAX_KEY_BYTES);
  private sql: Buffer = Buffer.alloc(0);
  private length = 0;
  private slots: Slot[] = [];
  private depth = 0;
  /** Literals at this depth of parentheses and below it stay in the key; -1 when none do. */
  private verbatimDepth = -1;
  /** Whether the region came from BY, so that the next clause ends it. */
  private verbatimClause = false;
  private expectation: Expectation = 'nothing';
  /** The keyword before the current token, if it was one, and the one before that. */
  private previous = 0;
  private beforePrevious = 0;
  private afterDot = false;
  private verb = 0;

  run(sql: Buffer, start: number, end: number): Normalized | undefined {
    this.sql = sql;
    this.scanner.reset(sql, start, end);
    this.length = 0;
    this.slots = [];
    this.depth = 0;
    this.verbatimDepth = -1;
    this.expectation = 'nothing';
    this.previous = 0;
    this.beforePrevious = 0;
    this.afterDot = false;
    this.verb = 0;
    for (;;) {
      const kind = this.scanner.next();
      if (kind === scan.END) break;
      if (kind === scan.SYMBOL && sql[this.scanner.start] === SEMICOLON) {
        if (this.scanner.next() !== scan.END) return undefined;
        break;
      }
      if (
        this.length + TOKEN_MARGIN + (this.fitsAnyway(kind) ? 0 : this.scanner.end - this.scanner.start) >
        MAX_KEY_BYTES
      ) {
        return undefined;
      }
      if (!this.token(kind)) return undefined;
    }
    if (this.verb === 0 || this.depth !== 0) return undefined;
    const verb = keywordText(this.verb);
    return { key: this.scratch.toString('latin1', 0, this.length), slots: this.slots, verb };
  }

  /** Strings that become slots may be longer than the key. */
  private fitsAnyway(kind: number): boolean {
    return kind >= scan.STRING && kind <= scan.BIT_STRING && this.verbatimDepth < 0;
  }

  /** Adds one token to the key; false when the statement must not be cached. */
  private token(kind: number): boolean {
    if (kind === scan.WORD) return this.word();
    let accepted = true;
    if (kind === scan.SYMBOL) accepted = this.symbol();
    else if (this.verb === 0 || kind === scan.BAD) return false;
    else {
      if (kind >= scan.INTEGER && kind <= scan.BIT_STRING) this.literal(kind);
      else this.copy();
      this.expectation = kind === scan.QUOTED_NAME && this.expectation === 'type' ? 'modifiers' : 'nothing';
      this.afterDot = false;
    }
    this.beforePrevious = this.previous;
    this.previous = 0;
    return accepted;
  }

  /** The token as it is. */
  private copy(): void {
    const { scratch, sql } = this;
    const { start, end } = this.scanner;
    let length = this.length;
    for (let index = start; index < end; index++) scratch[length++] = sql[index] ?? 0;
    scratch[length++] = SEPARATOR;
    this.length = length;
  }

  private word(): boolean {
    const { scratch, sql } = this;
    const { start, end } = this.scanner;
    const from = this.length;
    let length = from;
    for (let index = start; index < end; index++) {
      const byte = sql[index] ?? 0;
      scratch[length++] = byte >= 65 && byte <= 90 ? byte | 32 : byte;
    }
    // After a dot or AS any keyword is just a name.
    let found = this.afterDot || this.previous === AS ? 0 : keywordAt(scratch, from, length);
    if (found === UESCAPE) return false;
    if (found === NCHAR_LETTER) {
      found = 0;
      // N'…' must differ from `nchar '…'`: what may stand in for its string does.
      if (sql[end] === QUOTE && end < this.scanner.limit) scratch[length++] = QUOTE;
    }
    if (this.verb === 0) {
      if (found < SELECT || found > MERGE) return false;
      this.verb = found;
    } else if (found !== 0) this.clause(found);
    this.expectation = this.expectationAfter(found, from, length);
    scratch[length++] = SEPARATOR;
    this.length = length;
    this.beforePrevious = this.previous;
    this.previous = found;
    this.afterDot = false;
    return true;
  }

  /** Opens and closes the regions of ORDER BY, GROUP BY and PARTITION BY. */
  private clause(found: number): void {
    if (found === BY) {
      if (this.previous >= ORDER && this.previous <= PARTITION && this.verbatimDepth < 0) {
        this.verbatimDepth = this.depth;
        this.verbatimClause = true;
      }
    } else if (this.verbatimClause && this.verbatimDepth === this.depth) {
      if (found === SELECT || (found >= LIMIT && found <= EXCEPT)) this.verbatimDepth = -1;
    }
  }

  private expectationAfter(found: number, from: number, end: number): Expectation {
    if (found === AS) return 'type';
    // WITH x AS MATERIALIZED (…) holds a query, and NOT stands before the word, so it is looked for wherever it is.
    if (this.expectation === 'type')
      return keywordAt(this.scratch, from, end) === MATERIALIZED ? 'nothing' : 'modifiers';
    const continues = this.expectation === 'modifiers' && found >= FLOAT;
    return continues || found === ZONE ? 'modifiers' : 'nothing';
  }

  private symbol(): boolean {
    const { start, end } = this.scanner;
    const byte = this.sql[start];
    const single = end === start + 1;
    if (this.verb === 0 && byte !== OPEN) return false;
    this.copy();
    this.afterDot = false;
    const { expectation } = this;
    this.expectation = 'nothing';
    if (!single) {
      if (byte === COLON && this.sql[start + 1] === COLON) this.expectation = 'type';
      return true;
    }
    if (byte === OPEN || byte === OPEN_BRACKET) {
      this.depth++;
      if (this.verbatimDepth < 0 && (expectation === 'modifiers' || (byte === OPEN && this.opensVerbatim()))) {
        this.verbatimDepth = this.depth;
        this.verbatimClause = false;
      }
    } else if (byte === CLOSE || byte === CLOSE_BRACKET) {
      this.depth--;
      if (this.depth < 0) return false;
      if (this.depth < this.verbatimDepth) {
        this.verbatimDepth = -1;
        // `::int[3][4]`, `::time(3)[2]`
        if (!this.verbatimClause) this.expectation = 'modifiers';
      }
    } else if (byte === DOT) {
      this.afterDot = true;
      if (expectation === 'modifiers') this.expectation = 'type';
    }
    return true;
  }

  /** Whether the parenthesis is that of DISTINCT ON or holds the precision of a type or function whose name is a keyword. */
  private opensVerbatim(): boolean {
    const { previous } = this;
    return (previous === ON && this.beforePrevious === DISTINCT) || (previous >= FLOAT && previous <= LOCALTIMESTAMP);
  }

  private literal(kind: number): void {
    if (this.verbatimDepth >= 0) {
      this.copy();
      return;
    }
    const { start, end } = this.scanner;
    let slotKind: SlotKind;
    let letter: number;
    if (kind === scan.INTEGER) {
      letter = this.integerLetter(start, end);
      if (letter === 0) {
        this.copy();
        return;
      }
      slotKind = letter === LETTER_FLOAT ? 'float' : 'integer';
    } else if (kind === scan.DECIMAL) {
      letter = LETTER_FLOAT;
      slotKind = 'float';
    } else if (kind === scan.BIT_STRING) {
      letter = LETTER_BIT;
      slotKind = 'bit';
    } else {
      letter = LETTER_STRING;
      slotKind = 'string';
    }
    this.scratch[this.length++] = NUMBER_SIGN;
    this.scratch[this.length++] = letter;
    this.scratch[this.length++] = SEPARATOR;
    this.slots.push({ kind: slotKind, start, end });
  }

  /** The type that the integer has in an expression (make_const() in parse_node.c); 0 where a sign decides it. */
  private integerLetter(start: number, end: number): number {
    const length = end - start;
    if (length <= 9) return LETTER_INT4;
    if (length <= 15) {
      let value = 0;
      let index = start;
      for (; index < end; index++) {
        const digit = (this.sql[index] ?? 0) - 48;
        if (digit < 0 || digit > 9) break;
        value = value * 10 + digit;
      }
      if (index === end) return value <= MAX_INT4 ? LETTER_INT4 : value === MAX_INT4 + 1 ? 0 : LETTER_INT8;
    }
    const value = BigInt(this.sql.toString('latin1', start, end).replaceAll('_', ''));
    if (value < INT4_EDGE) return LETTER_INT4;
    if (value === INT4_EDGE || value === INT8_EDGE) return 0;
    return value < INT8_EDGE ? LETTER_INT8 : LETTER_FLOAT;
  }
}

const LETTER_INT4 = 0x69;
const LETTER_INT8 = 0x6c;
const LETTER_FLOAT = 0x66;
const LETTER_STRING = 0x73;
const LETTER_BIT = 0x62;

const normalizer = new Normalizer();

/**
 * The key and the literals of one statement; undefined for what must not be cached: other verbs than those of DML,
 * several statements, tokens that PostgreSQL's lexer rejects, unbalanced parentheses, very long keys.
 * Assumes standard_conforming_strings on and UTF-8: a session with other settings must not call it.
 */
export function normalize(sql: Buffer, start = 0, end = sql.length): Normalized | undefined {
  return normalizer.run(sql, start, end);
}
