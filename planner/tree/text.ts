/**
 * The statement's text beside its tree: where tokens end, which literals are slots, and pieces of SQL made by
 * splicing. All offsets are bytes of the text that was parsed.
 */

import { assert } from '../../base/assert.js';
import type { PlanInput } from './context.js';
import type { SqlPiece, SqlTemplate, ValueSource } from '../plan/plan.js';
import { slotAt } from '../parse/constants.js';
import { template, type Edit } from '../parse/splice.js';
import type { Slot, SlotKind } from '../parse/tokenizer.js';
import { tokens as readTokens, type Token } from '../parse/tokens.js';

/** Integers of as many digits fit int8. */
const MAX_INTEGER_DIGITS = 18;

const opening: ReadonlySet<string> = new Set(['(', '[']);
const closing: ReadonlySet<string> = new Set([')', ']']);

export class StatementText {
  readonly start: number;
  readonly end: number;
  readonly #input: PlanInput;
  #slots: readonly Slot[] | undefined;
  #tokens: readonly Token[] | undefined;
  /** Set when the plan depends on a literal's value, so that it serves no other statement with the same key. */
  dependsOnLiterals = false;

  constructor(input: PlanInput) {
    this.#input = input;
    this.#slots = input.slots;
    this.start = input.statement.start;
    this.end = input.statement.end;
  }

  /** The literals that slots of the plan number: those of the cache key, or all, for a plan that is not cached. */
  get slots(): readonly Slot[] {
    this.#slots ??= this.tokens().flatMap((token): Slot[] => {
      const { kind, start, end } = token;
      if (kind === 'integer') return [{ kind: end - start > MAX_INTEGER_DIGITS ? 'float' : 'integer', start, end }];
      return kind === 'float' || kind === 'string' || kind === 'bit' ? [{ kind, start, end }] : [];
    });
    return this.#slots;
  }

  parameterType(number: number): number {
    return this.#input.context.parameterTypes[number - 1] ?? 0;
  }

  /** The slot of a literal whose node has this location. */
  slotAt(location: number): Extract<ValueSource, { kind: 'slot' }> | undefined {
    const found = slotAt(this.#input.sql, this.slots, location);
    return found === undefined ? undefined : { kind: 'slot', slot: found.slot, negative: found.negative };
  }

  slotKind(slot: number): SlotKind | undefined {
    return this.slots[slot]?.kind;
  }

  /** The bytes [start, end) as text. */
  slice(start: number, end: number): string {
    return this.#input.sql.toString('utf8', start, end);
  }

  slotText(slot: number): string {
    const found = this.slots[slot];
    assert(found !== undefined, `no slot ${slot}`);
    return this.slice(found.start, found.end);
  }

  /** A character position in the client's text, from 1, for error reports. */
  position(offset: number): number {
    let characters = 1;
    for (let index = 0; index < offset; index += 1) {
      if (((this.#input.sql[index] ?? 0) & 0xc0) !== 0x80) characters += 1;
    }
    return characters;
  }

  tokens(): readonly Token[] {
    this.#tokens ??= readTokens(this.#input.sql, this.start, this.end);
    return this.#tokens;
  }

  /** A word in lower case or a symbol; '' for quoted names and literals. */
  word(index: number): string {
    const token = this.tokens()[index];
    return token?.kind === 'word' || token?.kind === 'symbol' ? token.text : '';
  }

  /** The index of the first token at or after a byte. */
  tokenIndexAt(offset: number): number {
    const all = this.tokens();
    let low = 0;
    let high = all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((all[middle]?.start ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The index of the bracket that closes the one at an index. */
  closingIndex(open: number): number {
    let depth = 0;
    for (let index = open; index < this.tokens().length; index += 1) {
      const word = this.word(index);
      if (opening.has(word)) depth += 1;
      else if (closing.has(word)) {
        depth -= 1;
        if (depth === 0) return index;
      }
    }
    return this.tokens().length - 1;
  }

  /** The index of the first token from an index on, outside brackets, that the test accepts; the end otherwise. */
  findTopLevel(from: number, accepts: (word: string, index: number) => boolean): number {
    let index = from;
    while (index < this.tokens().length) {
      const word = this.word(index);
      if (accepts(word, index)) return index;
      if (opening.has(word)) index = this.closingIndex(index);
      else if (closing.has(word)) return index;
      index += 1;
    }
    return this.tokens().length;
  }

  startOf(index: number): number {
    return this.tokens()[index]?.start ?? this.end;
  }

  endOf(index: number): number {
    return this.tokens()[index]?.end ?? this.end;
  }

  /** The bytes [start, end) as pieces: slots by number, the rest verbatim, with the edits that lie in them applied. */
  pieces(start: number, end: number, edits: readonly Edit[] = []): SqlPiece[] {
    const inside = edits.filter((edit) => edit.start >= start && edit.end <= end);
    if (inside.length > 0) return template(this.#input.sql, inside, this.slots, start, end);
    const pieces: SqlPiece[] = [];
    let at = start;
    for (let index = this.#firstSlotFrom(start); index < this.slots.length; index += 1) {
      const slot = this.slots[index];
      if (slot === undefined || slot.end > end) break;
      if (slot.start > at) pieces.push(this.slice(at, slot.start));
      pieces.push({ kind: 'slot', slot: index });
      at = slot.end;
    }
    if (end > at) pieces.push(this.slice(at, end));
    return pieces;
  }

  /** The whole statement with edits; the client's own bytes when there are none. */
  template(edits: readonly Edit[]): SqlTemplate {
    return edits.length === 0 ? 'client' : this.pieces(this.start, this.end, edits);
  }

  #firstSlotFrom(offset: number): number {
    let low = 0;
    let high = this.slots.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.slots[middle]?.start ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
