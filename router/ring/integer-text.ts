/** The input functions of the integer types (src/backend/utils/adt/numutils.c of PostgreSQL 16 and later). */

/** What foldInteger returns for a text that is no integer. Real results are 0 or more. */
export const notAnInteger = -1;
export const integerOutOfRange = -2;

/** isspace() in the C locale. */
export function isSpace(byte: number | undefined): boolean {
  return byte === 32 || (byte !== undefined && byte >= 9 && byte <= 13);
}

function digitOf(byte: number | undefined): number {
  if (byte === undefined) return 99;
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : 99;
}

/** 10, or the base that the letter after a leading 0 names. */
function baseOf(letter: number): 2 | 8 | 10 | 16 {
  const lower = letter | 32;
  if (lower === 0x78) return 16;
  if (lower === 0x6f) return 8;
  return lower === 0x62 ? 2 : 10;
}

/**
 * hashint8extended's folding of a 64-bit integer, given as sign and magnitude, to 32 bits: by it int2, int4 and int8
 * agree.
 */
function fold(negative: boolean, high: number, low: number): number {
  if (!negative || (high === 0 && low === 0)) return (low ^ high) >>> 0;
  // -m is the complement of m - 1.
  const borrow = low === 0 ? 1 : 0;
  return ~((low - 1) ^ (high - borrow)) >>> 0;
}

/** Folds a number that is an integer of at most 53 bits. */
export function foldNumber(value: number): number {
  const magnitude = Math.abs(value);
  return fold(value < 0, Math.floor(magnitude / 2 ** 32), magnitude >>> 0);
}

/** Folds a BigInt of at most 64 bits. */
export function foldBigInt(value: bigint): number {
  const low = Number(BigInt.asUintN(32, value));
  const high = Number(BigInt.asUintN(32, value >> 32n));
  return (value >= 0n ? low ^ high : low ^ ~high) >>> 0;
}

/** Folds up to nine plain decimal digits, perhaps after a minus sign; -1 for anything else. Most keys are that. */
function foldShortDecimal(bytes: Uint8Array, start: number, end: number): number {
  const negative = bytes[start] === 45;
  const first = negative ? start + 1 : start;
  if (first >= end || end - first > 9) return -1;
  let value = 0;
  for (let at = first; at < end; at++) {
    const digit = (bytes[at] as number) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return negative ? -value >>> 0 : value;
}

/**
 * Reads an integer of 2, 4 or 8 bytes from bytes[start, end) and folds it (0 to 2^32 - 1), or returns notAnInteger or
 * integerOutOfRange. Servers before 16 refuse hexadecimal, octal and binary forms and underscores; that is theirs to
 * say when they get the statement.
 */
export function foldInteger(bytes: Uint8Array, start: number, end: number, width: 2 | 4 | 8): number {
  const short = foldShortDecimal(bytes, start, end);
  if (short >= 0 && (width > 2 || short < 0x8000 || short >= 0xffff_8000)) return short;
  let at = start;
  while (at < end && isSpace(bytes[at])) at++;
  const negative = bytes[at] === 45 && at < end;
  if (at < end && (negative || bytes[at] === 43)) at++;
  const base = bytes[at] === 48 && at + 1 < end ? baseOf(bytes[at + 1] as number) : 10;
  if (base !== 10) at += 2;
  const first = at;
  // The magnitude is high * 2^32 + low. The limit before each further digit is the input functions' own, which report
  // an overflow without looking at what follows.
  const bound = width === 2 ? 0x8000 : 0x8000_0000;
  const limit = Math.floor(bound / base);
  const rest = width === 8 ? Math.floor(((bound % base) * 2 ** 32) / base) : 0;
  let high = 0;
  let low = 0;
  for (; at < end; at++) {
    let digit = digitOf(bytes[at]);
    if (digit >= base) {
      if (bytes[at] !== 95 || (base === 10 && at === first)) break;
      at++;
      digit = at < end ? digitOf(bytes[at]) : 99;
      if (digit >= base) return notAnInteger;
    }
    if (width === 8 ? high > limit || (high === limit && low > rest) : low > limit) return integerOutOfRange;
    const product = low * base + digit;
    if (product < 2 ** 32) {
      low = product;
      high *= base;
    } else {
      low = product % 2 ** 32;
      high = high * base + Math.floor(product / 2 ** 32);
    }
  }
  if (at === first) return notAnInteger;
  while (at < end && isSpace(bytes[at])) at++;
  if (at !== end) return notAnInteger;
  const magnitude = width === 8 ? high : high * 2 ** 32 + low;
  const beyond = magnitude > bound || (magnitude === bound && (!negative || (width === 8 && low > 0)));
  return beyond ? integerOutOfRange : fold(negative, high, low);
}
