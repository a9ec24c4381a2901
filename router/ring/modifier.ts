/**
 * Whether a column's type modifier keeps a value as it is. Storing rounds or cuts a value that does not fit, so its
 * hash before is not the stored row's; a server has to say then.
 */

import { fractionDigits, type NumericValue } from './numeric-value.js';

/** The modifier of a column without one (pg_attribute.atttypmod), and of values that are compared, not stored. */
export const noModifier = -1;

/** A modifier that the caller does not know: only values that every modifier keeps fit. */
export const unknownModifier = -2;

/** The header length that varchar(n), character(n) and numeric(p, s) add to their modifiers (VARHDRSZ). */
const headerLength = 4;

/**
 * varchar(n) and character(n): at most n characters of UTF-8 in the first `length` bytes. A longer value is refused,
 * but for trailing blanks, which are cut off.
 */
export function fitsLength(bytes: Uint8Array, length: number, modifier: number): boolean {
  if (modifier === unknownModifier) return bytes[length - 1] !== 32;
  if (modifier < headerLength) return true;
  const limit = modifier - headerLength;
  if (length <= limit) return true;
  let characters = 0;
  for (let index = 0; index < length; index++) {
    if (((bytes[index] as number) & 0xc0) !== 0x80) characters++;
  }
  return characters <= limit;
}

/** numeric(p, s): no more than s digits after the point. A negative scale, which rounds integers, is the server's. */
export function fitsScale(value: NumericValue, modifier: number): boolean {
  if (modifier === unknownModifier) return false;
  if (modifier < headerLength) return true;
  const scale = (((modifier - headerLength) & 0x7ff) ^ 1024) - 1024;
  return scale >= 0 && fractionDigits(value) <= scale;
}

/** time(p), timestamp(p) and those with a zone: no digits of a second beyond p. */
export function fitsPrecision(microseconds: bigint, modifier: number): boolean {
  if (modifier === noModifier || modifier > 5) return true;
  return microseconds % 10n ** BigInt(6 - Math.max(modifier, 0)) === 0n;
}
