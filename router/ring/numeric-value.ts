/** numeric as its hash sees it: base-10000 digits without zeros at either end, and their weight; the sign is ignored. */

import { hashBytes, type Hash64 } from './hash-bytes.js';

/** A numeric from its text or its wire form. */
export type NumericValue =
  | { readonly kind: 'special' }
  | {
      readonly kind: 'finite';
      readonly negative: boolean;
      /** int16 little-endian base-10000 digits, stripped at both ends; empty for 0. */
      readonly digits: Uint8Array;
      /** The exponent of the first digit, in powers of 10000. */
      readonly weight: number;
    };

const special: NumericValue = Object.freeze({ kind: 'special' });

/** Longer texts are a server's to read. It accepts up to 131,072 digits before the point and 16,383 after. */
const textLimit = 1000;
const exponentLimit = 1000;

function finite(negative: boolean, digits: readonly number[], weight: number): NumericValue {
  let first = 0;
  while (first < digits.length && digits[first] === 0) first++;
  let end = digits.length;
  while (end > first && digits[end - 1] === 0) end--;
  const bytes = new Uint8Array((end - first) * 2);
  for (let index = first; index < end; index++) {
    const digit = digits[index] as number;
    bytes[(index - first) * 2] = digit & 255;
    bytes[(index - first) * 2 + 1] = digit >> 8;
  }
  return { kind: 'finite', negative, digits: bytes, weight: end === first ? 0 : weight - first };
}

const pattern = /^[ \t-\r]*([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,5}))?[ \t-\r]*$/;

/** Reads plain decimal text (with an exponent) and NaN; undefined for all else, valid or not. */
export function parseNumeric(text: string): NumericValue | undefined {
  if (text.length > textLimit) return undefined;
  const match = pattern.exec(text);
  if (match === null) return text.trim().toLowerCase() === 'nan' ? special : undefined;
  const whole = match[2] ?? '';
  const fraction = match[3] ?? '';
  const exponent = Number(match[4] ?? 0);
  if (whole === '' && fraction === '') return undefined;
  if (Math.abs(exponent) > exponentLimit) return undefined;
  // The decimal point stands after `point` decimal digits; groups of four are aligned to it.
  const decimals = whole + fraction;
  const point = whole.length + exponent;
  const padding = ((-point % 4) + 4) % 4;
  const aligned = '0'.repeat(padding) + decimals;
  const digits: number[] = [];
  for (let at = 0; at < aligned.length; at += 4) digits.push(Number(aligned.slice(at, at + 4).padEnd(4, '0')));
  return finite(match[1] === '-', digits, (point + padding) / 4 - 1);
}

/** Reads the wire form (numeric_recv); undefined when it is malformed or its scale would cut digits off. */
export function readNumeric(bytes: Buffer): NumericValue | undefined {
  if (bytes.length < 8) return undefined;
  const count = bytes.readUInt16BE(0);
  const weight = bytes.readInt16BE(2);
  const sign = bytes.readUInt16BE(4);
  const scale = bytes.readUInt16BE(6);
  if (bytes.length !== 8 + count * 2) return undefined;
  if (sign === 0xc000 || sign === 0xd000 || sign === 0xf000) return special;
  if (sign !== 0 && sign !== 0x4000) return undefined;
  const digits: number[] = [];
  for (let index = 0; index < count; index++) {
    const digit = bytes.readUInt16BE(8 + index * 2);
    if (digit > 9999) return undefined;
    digits.push(digit);
  }
  const value = finite(sign === 0x4000, digits, weight);
  return scale < fractionDigits(value) ? undefined : value;
}

function lastDigit(value: { readonly digits: Uint8Array }): number {
  const { digits } = value;
  return (digits[digits.length - 2] as number) | ((digits[digits.length - 1] as number) << 8);
}

/** How many decimal digits after the point the value needs. */
export function fractionDigits(value: NumericValue): number {
  if (value.kind === 'special' || value.digits.length === 0) return 0;
  const last = lastDigit(value);
  const zeros = last % 1000 === 0 ? 3 : last % 100 === 0 ? 2 : last % 10 === 0 ? 1 : 0;
  return Math.max(0, (value.digits.length / 2 - 1 - value.weight) * 4 - zeros);
}

/** The value as an integer, or undefined when it is none or has more than 64 bits. */
export function numericToInteger(value: NumericValue): bigint | undefined {
  if (value.kind === 'special' || fractionDigits(value) > 0 || value.weight > 4) return undefined;
  let result = 0n;
  for (let index = 0; index <= value.weight; index++) {
    const low = value.digits[index * 2] ?? 0;
    const high = value.digits[index * 2 + 1] ?? 0;
    result = result * 10_000n + BigInt(low | (high << 8));
  }
  if (value.negative) result = -result;
  return BigInt.asIntN(64, result) === result ? result : undefined;
}

/** hash_numeric_extended: into `hash`, whose value before is the seed. */
export function hashNumeric(value: NumericValue, hash: Hash64): void {
  if (value.kind === 'special') return;
  if (value.digits.length === 0) {
    // PostgreSQL gives seed - 1 for zero.
    if (hash.low === 0) hash.high = (hash.high - 1) | 0;
    hash.low = (hash.low - 1) | 0;
    return;
  }
  hashBytes(value.digits, 0, value.digits.length, hash);
  hash.low ^= value.weight;
  if (value.weight < 0) hash.high = ~hash.high;
}
