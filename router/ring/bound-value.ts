/** The values of a statement once they are bound: what a ValueSource of the plan stands for. */

import type { ValueSource } from '../../planner/plan/plan.js';
import { foldInteger } from './integer-text.js';
import { typeOid } from '../../catalog/type-oid.js';

/**
 * `typeOid` is the type that the server gives the value: of a parameter, the one that Parse declared; of an unquoted
 * number, typeOfNumber(text); 0 for an untyped ('quoted') literal or parameter, which takes the key column's type.
 */
export type BoundValue =
  | { readonly kind: 'null' }
  | { readonly kind: 'text'; readonly bytes: Buffer; readonly typeOid: number }
  | { readonly kind: 'binary'; readonly bytes: Buffer; readonly typeOid: number };

export interface BoundValues {
  /** The value; of a negative slot, the text with its minus sign. */
  value(source: ValueSource): BoundValue;
}

/** The type of an unquoted number in SQL (make_const, src/backend/parser/parse_node.c), as written, sign included. */
export function typeOfNumber(text: string): number {
  const bytes = Buffer.from(text);
  if (foldInteger(bytes, 0, bytes.length, 4) >= 0) return typeOid.int4;
  return foldInteger(bytes, 0, bytes.length, 8) >= 0 ? typeOid.int8 : typeOid.numeric;
}
