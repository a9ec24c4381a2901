/**
 * The order of values in PostgreSQL's binary format. Each value becomes a pair of numbers that order as the type's
 * btree operator class does; only where both numbers tie are the bytes looked at (long text, long numerics).
 */

import { assert } from '../../base/assert.js';
import type { OrderKey, OrderType } from '../../planner/plan/plan.js';

/** The key of one column of one row. */
export class SortKey {
  // Starting as NaN makes V8 hold both fields as plain doubles for good; small integers first would change the shape later.
  high = Number.NaN;
  low = Number.NaN;
  /** Where the value's bytes lie, for a comparison of the bytes. */
  at = 0;
  length = 0;
}

/** Sets high and low of a value of the key's length. */
type Reader = (view: DataView, at: number, key: SortKey) => void;

/** Compares two values whose numbers tie. */
type Tail = (leftBytes: Buffer, left: SortKey, rightBytes: Buffer, right: SortKey) => number;

/** The length of a type's binary format; 'any' where it varies. */
interface TypeOrder {
  readonly length: number | 'any';
  readonly read: Reader;
  readonly tail: Tail | undefined;
}

const prefixBytes = 12;
/** Bytes behind the prefix that are compared in a loop: a call of the runtime costs more. */
const loopedBytes = 32;

function readSixBytes(view: DataView, at: number, length: number): number {
  if (length >= 6) return view.getUint32(at) * 0x10000 + view.getUint16(at + 4);
  let value = 0;
  for (let index = 0; index < 6; index++) value = value * 256 + (index < length ? view.getUint8(at + index) : 0);
  return value;
}

/** Twelve bytes as two numbers, filled up with zero bytes. */
function readBytes(view: DataView, at: number, key: SortKey): void {
  key.high = readSixBytes(view, at, key.length);
  key.low = key.length > 6 ? readSixBytes(view, at + 6, key.length - 6) : 0;
}

function compareBytes(leftBytes: Buffer, left: SortKey, rightBytes: Buffer, right: SortKey): number {
  // With equal prefixes a value no longer than the prefix is itself a prefix of the other.
  if (left.length <= prefixBytes || right.length <= prefixBytes) return left.length - right.length;
  const shared = Math.min(left.length, right.length, prefixBytes + loopedBytes);
  for (let index = prefixBytes; index < shared; index++) {
    const difference = (leftBytes[left.at + index] as number) - (rightBytes[right.at + index] as number);
    if (difference !== 0) return difference;
  }
  return leftBytes.compare(rightBytes, right.at, right.at + right.length, left.at, left.at + left.length);
}

function readBlankPadded(view: DataView, at: number, key: SortKey): void {
  while (key.length > 0 && view.getUint8(at + key.length - 1) === 0x20) key.length--;
  readBytes(view, at, key);
}

function readInt64(view: DataView, at: number, key: SortKey): void {
  key.high = view.getInt32(at);
  key.low = view.getUint32(at + 4);
}

/** NaN sorts above all else and equals itself; -0 equals 0 (float8_cmp_internal). */
function setFloat(value: number, key: SortKey): void {
  const isNaN = value !== value;
  key.high = isNaN ? Number.POSITIVE_INFINITY : value;
  key.low = isNaN ? 1 : 0;
}

const numericHeaderBytes = 8;
/** Base-10000 digits that the two numbers hold. */
const numericPrefixDigits = 5;

function numericDigit(view: DataView, at: number, count: number, index: number): number {
  return index < count ? view.getUint16(at + numericHeaderBytes + 2 * index) : 0;
}

/** numeric_send(): count of digits, weight, sign, display scale, then digits of base 10000 without leading zeros. */
function readNumeric(view: DataView, at: number, key: SortKey): void {
  const count = view.getUint16(at);
  const sign = view.getUint16(at + 4);
  if ((sign & 0xc000) === 0xc000) {
    key.high = sign === 0xf000 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    key.low = sign === 0xc000 ? 1 : 0;
    return;
  }
  if (count === 0) {
    key.high = 0;
    key.low = 0;
    return;
  }
  const scaledWeight = (view.getInt16(at + 2) + 0x8001) * 1e8;
  const high = scaledWeight + numericDigit(view, at, count, 0) * 1e4 + numericDigit(view, at, count, 1);
  const low =
    numericDigit(view, at, count, 2) * 1e8 + numericDigit(view, at, count, 3) * 1e4 + numericDigit(view, at, count, 4);
  key.high = sign === 0 ? high : -high;
  key.low = sign === 0 ? low : -low;
}

function compareNumericTails(leftBytes: Buffer, left: SortKey, rightBytes: Buffer, right: SortKey): number {
  const leftCount = leftBytes.readUInt16BE(left.at);
  const rightCount = rightBytes.readUInt16BE(right.at);
  const negative = leftBytes.readUInt16BE(left.at + 4) !== 0;
  for (let index = numericPrefixDigits; index < leftCount || index < rightCount; index++) {
    const offset = numericHeaderBytes + 2 * index;
    const leftDigit = index < leftCount ? leftBytes.readUInt16BE(left.at + offset) : 0;
    const rightDigit = index < rightCount ? rightBytes.readUInt16BE(right.at + offset) : 0;
    if (leftDigit !== rightDigit) return leftDigit < rightDigit === negative ? 1 : -1;
  }
  return 0;
}

const microsecondsPerDay = 86_400_000_000;

/** timetz_cmp_internal(): by the moment in UTC, then by zone (seconds west). */
function readTimeWithZone(view: DataView, at: number, key: SortKey): void {
  const zone = view.getInt32(at + 8);
  key.high = view.getInt32(at) * 0x1_0000_0000 + view.getUint32(at + 4) + zone * 1e6;
  key.low = zone;
}

/** interval_cmp_value(): a month is 30 days and a day 24 hours. The sum needs 128 bits: here days and the rest of a day. */
function readInterval(view: DataView, at: number, key: SortKey): void {
  const days = view.getInt32(at + 12) * 30 + view.getInt32(at + 8);
  const timeHigh = view.getInt32(at);
  if (timeHigh >= -0x20_0000 && timeHigh < 0x20_0000) {
    const time = timeHigh * 0x1_0000_0000 + view.getUint32(at + 4);
    const timeDays = Math.floor(time / microsecondsPerDay);
    key.high = days + timeDays;
    key.low = time - timeDays * microsecondsPerDay;
    return;
  }
  const time = view.getBigInt64(at);
  const perDay = BigInt(microsecondsPerDay);
  const rest = ((time % perDay) + perDay) % perDay;
  key.high = days + Number((time - rest) / perDay);
  key.low = Number(rest);
}

function numberOrder(length: number, read: (view: DataView, at: number) => number): TypeOrder {
  return {
    length,
    read: (view, at, key) => {
      key.high = read(view, at);
      key.low = 0;
    },
    tail: undefined,
  };
}

const int64Order: TypeOrder = { length: 8, read: readInt64, tail: undefined };
const bytesOrder: TypeOrder = { length: 'any', read: readBytes, tail: compareBytes };
const int32Order = numberOrder(4, (view, at) => view.getInt32(at));
const uint8Order = numberOrder(1, (view, at) => view.getUint8(at));

const typeOrders: Readonly<Record<OrderType, TypeOrder>> = {
  int2: numberOrder(2, (view, at) => view.getInt16(at)),
  int4: int32Order,
  int8: int64Order,
  oid: numberOrder(4, (view, at) => view.getUint32(at)),
  float4: { length: 4, read: (view, at, key) => setFloat(view.getFloat32(at), key), tail: undefined },
  float8: { length: 8, read: (view, at, key) => setFloat(view.getFloat64(at), key), tail: undefined },
  numeric: { length: 'any', read: readNumeric, tail: compareNumericTails },
  bool: uint8Order,
  date: int32Order,
  time: int64Order,
  timestamp: int64Order,
  timestamptz: int64Order,
  timetz: { length: 12, read: readTimeWithZone, tail: undefined },
  interval: { length: 16, read: readInterval, tail: undefined },
  text: bytesOrder,
  bpchar: { length: 'any', read: readBlankPadded, tail: compareBytes },
  name: bytesOrder,
  char: uint8Order,
  bytea: bytesOrder,
  uuid: { length: 16, read: readBytes, tail: compareBytes },
};

/** One column of an ORDER BY: reads keys and breaks ties of their numbers. */
export class KeyOrder {
  readonly column: number;
  /** 0 where numbers that tie mean equal values; else the factor of the bytes' comparison. */
  readonly #tailSign: number;
  readonly #tail: Tail;
  readonly #read: Reader;
  readonly #length: number | 'any';
  readonly #descending: boolean;
  readonly #nullHigh: number;
  readonly #nullLow: number;

  constructor(key: OrderKey) {
    const type = typeOrders[key.type];
    this.column = key.column;
    this.#read = type.read;
    this.#length = type.length;
    this.#descending = key.descending;
    this.#tail = type.tail ?? compareBytes;
    this.#tailSign = type.tail === undefined ? 0 : key.descending ? -1 : 1;
    // Beyond the infinities and NaN, which use a low of 0 and 1.
    this.#nullHigh = key.nullsFirst ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    this.#nullLow = key.nullsFirst ? -2 : 2;
  }

  /** Reads the key of a value of `length` bytes at `at`; a length of -1 is NULL. */
  read(view: DataView, at: number, length: number, key: SortKey): void {
    if (length < 0) {
      key.high = this.#nullHigh;
      key.low = this.#nullLow;
      return;
    }
    if (this.#length !== 'any') assert(length === this.#length, `an order column has ${length} bytes`);
    key.at = at;
    key.length = length;
    this.#read(view, at, key);
    if (this.#descending) {
      key.high = -key.high;
      key.low = -key.low;
    }
  }

  /** Which of two values comes first: negative when the left one does. */
  compare(leftBytes: Buffer, left: SortKey, rightBytes: Buffer, right: SortKey): number {
    if (left.high !== right.high) return left.high < right.high ? -1 : 1;
    if (left.low !== right.low) return left.low < right.low ? -1 : 1;
    return this.#compareTails(leftBytes, left, rightBytes, right);
  }

  /** Compares two keys whose numbers tie. */
  #compareTails(leftBytes: Buffer, left: SortKey, rightBytes: Buffer, right: SortKey): number {
    if (this.#tailSign === 0 || !Number.isFinite(left.high)) return 0;
    return this.#tailSign * this.#tail(leftBytes, left, rightBytes, right);
  }
}
