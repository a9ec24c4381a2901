/**
 * The literals of a statement in which views were expanded: the client's own, and those of the views' definitions.
 * With this a plan serves other literals of the client's without the views being looked at again.
 */

import type { Slot } from '../parse/tokenizer.js';

/** Where bytes of a text went when a part of it was replaced. */
export interface Splice {
  /** The text that is kept begins here, and ends before the replaced part. */
  readonly start: number;
  readonly removedStart: number;
  readonly removedEnd: number;
  readonly insertedBytes: number;
}

/** For each slot of a text the client's slot that it is; undefined for one of a view's definition. */
export type SlotOrigins = readonly (number | undefined)[];

export interface Expansion {
  /** The literals of the definitions, one after the other. */
  readonly literals: Buffer;
  /** In the plan's numbering: the client's slot, or a place in `literals`. */
  readonly slots: readonly (number | Slot)[];
}

/** The origins after a splice; undefined when a slot is none any more, so that its value is part of the plan. */
export function spliceOrigins(
  before: { readonly slots: readonly Slot[]; readonly origins: SlotOrigins },
  splice: Splice,
  after: readonly Slot[],
): SlotOrigins | undefined {
  const numbers = new Map(after.map(({ start }, index) => [start, index]));
  const origins: (number | undefined)[] = after.map(() => undefined);
  const moved = splice.insertedBytes - (splice.removedEnd - splice.removedStart);
  for (const [index, slot] of before.slots.entries()) {
    if (slot.start >= splice.removedStart && slot.start < splice.removedEnd) return undefined;
    const start = slot.start - splice.start + (slot.start < splice.removedStart ? 0 : moved);
    const number = numbers.get(start);
    if (number === undefined || after[number]?.kind !== slot.kind) return undefined;
    origins[number] = before.origins[index];
  }
  return origins;
}

/** `slots` are of the expanded text. */
export function makeExpansion(text: Buffer, slots: readonly Slot[], origins: SlotOrigins): Expansion {
  const literals: Buffer[] = [];
  let length = 0;
  const found = slots.map(({ kind, start, end }, index): number | Slot => {
    const origin = origins[index];
    if (origin !== undefined) return origin;
    literals.push(text.subarray(start, end));
    const slot = { kind, start: length, end: length + end - start };
    length = slot.end;
    return slot;
  });
  return { literals: Buffer.concat(literals), slots: found };
}

/** The literals of another statement of the same key, as slots of a text that holds nothing else that matters. */
export function applyExpansion(
  expansion: Expansion,
  sql: Buffer,
  slots: readonly Slot[],
): { readonly expanded: Buffer; readonly slots: readonly Slot[] } {
  const { literals } = expansion;
  const offset = literals.length;
  const found: Slot[] = [];
  for (const each of expansion.slots) {
    if (typeof each !== 'number') found.push(each);
    else {
      const slot = slots[each];
      if (slot !== undefined) found.push({ kind: slot.kind, start: slot.start + offset, end: slot.end + offset });
    }
  }
  return { expanded: Buffer.concat([literals, sql]), slots: found };
}
