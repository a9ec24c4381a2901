/** Finds the literal of a constant in the parse tree. */

import * as scan from './scanner.js';
import type { Slot } from './tokenizer.js';

/** A literal by its number among the statement's slots; `negative` when the tree's value is that of the literal negated. */
interface ConstantSlot {
  readonly slot: number;
  readonly negative: boolean;
}

const MINUS = 0x2d;
const OPEN = 0x28;

/**
 * The slot of the A_Const at the location; undefined when its literal is no slot. doNegate() in gram.y moves the
 * location of a constant to the minus sign before it, and folds the sign into a number but not into a string.
 */
export function slotAt(sql: Buffer, slots: readonly Slot[], location: number): ConstantSlot | undefined {
  let negative = false;
  let start = location;
  if (sql[location] === MINUS) {
    const scanner = new scan.Scanner(sql, location);
    while (scanner.next() === scan.SYMBOL) {
      const byte = sql[scanner.start];
      if (scanner.end !== scanner.start + 1 || (byte !== MINUS && byte !== OPEN)) return undefined;
      if (byte === MINUS) negative = !negative;
    }
    start = scanner.start;
  }
  const slot = slotStartingAt(slots, start);
  if (slot < 0) return undefined;
  const kind = slots[slot]?.kind;
  return { slot, negative: negative && (kind === 'integer' || kind === 'float') };
}

/** Slots are in the order of the text. */
function slotStartingAt(slots: readonly Slot[], start: number): number {
  let low = 0;
  let high = slots.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const found = slots[middle]?.start ?? 0;
    if (found === start) return middle;
    if (found < start) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}
