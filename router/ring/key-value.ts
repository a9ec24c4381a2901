/**
 * The hash of a value from its text (a literal, a text parameter, a field of COPY) or from its binary wire form, as
 * PostgreSQL's input and receive functions read it. What cannot be read with certainty is 'undecided': a server has
 * to normalise it. Nothing is guessed.
 */

import { unreachable } from '../../base/assert.js';
import { parseDate, parseTime, parseTimestamp, parseTimestampWithZone, parseTimeWithZone } from './date-text.js';
import { hashBytes, hashUint32, type Hash64 } from './hash-bytes.js';
import { foldBigInt, foldInteger, foldNumber, integerOutOfRange, isSpace, notAnInteger } from './integer-text.js';
import type { KeyType } from './key-types.js';
import { fitsLength, fitsPrecision, fitsScale, noModifier } from './modifier.js';
import { parseInet, parseMac, readInet } from './network-text.js';
import { hashNumeric, parseNumeric, readNumeric, type NumericValue } from './numeric-value.js';
import { parseBoolean, parseBytea, parseFloat4, parseFloat8, parseUuid } from './scalar-text.js';

/**
 * - `hashed`: the hash object holds the result; otherwise it is as it was
 * - `undecided`: only a server can tell
 * - `malformed`: PostgreSQL refuses it with 22P02 (text) or 22P03 (binary)
 * - `outOfRange`: PostgreSQL refuses it with 22003
 */
export type HashOutcome = 'hashed' | 'undecided' | 'malformed' | 'outOfRange';

/** Short strings are encoded here, so that hashing one allocates nothing. */
const scratch = Buffer.alloc(512);

function encode(text: Uint8Array | string): Uint8Array {
  if (typeof text !== 'string') return text;
  return text.length * 3 <= scratch.length ? scratch.subarray(0, scratch.write(text, 'utf8')) : Buffer.from(text);
}

function decode(text: Uint8Array | string): string {
  if (typeof text === 'string') return text;
  return Buffer.from(text.buffer, text.byteOffset, text.length).toString('utf8');
}

const float = new DataView(new ArrayBuffer(8));
const floatBytes = new Uint8Array(float.buffer);
const uuidBytes = new Uint8Array(16);
const timeHash: Hash64 = { high: 0, low: 0 };

/** hashfloat8extended, which float4 agrees with: both zeros give the seed, all NaNs are one. */
export function hashFloat(value: number, hash: Hash64): void {
  if (value === 0) return;
  if (Number.isNaN(value)) {
    float.setUint32(0, 0, true);
    float.setUint32(4, 0x7ff80000, true);
  } else {
    float.setFloat64(0, value, true);
  }
  hashBytes(floatBytes, 0, 8, hash);
}

/** timetz_hash_extended: both parts hashed with the seed, and combined by exclusive or. */
function hashTimeWithZone(microseconds: number, zone: number, hash: Hash64): void {
  timeHash.high = hash.high;
  timeHash.low = hash.low;
  hashUint32(foldNumber(microseconds), timeHash);
  hashUint32(zone, hash);
  hash.high ^= timeHash.high;
  hash.low ^= timeHash.low;
}

/** The length without trailing blanks, which character(n) ignores. */
function blankTrimmedLength(bytes: Uint8Array): number {
  let length = bytes.length;
  while (length > 0 && bytes[length - 1] === 32) length--;
  return length;
}

/** Names are at most 63 bytes (NAMEDATALEN - 1); the server cuts longer ones. */
const nameLimit = 63;

/** text, varchar, name and bpchar, whose text and wire forms are the same. */
function hashCharacters(
  kind: 'text' | 'varchar' | 'name' | 'bpchar',
  bytes: Uint8Array,
  hash: Hash64,
  modifier: number,
): HashOutcome {
  const length = kind === 'bpchar' ? blankTrimmedLength(bytes) : bytes.length;
  if (kind === 'name' && length > nameLimit) return 'undecided';
  if (kind !== 'text' && !fitsLength(bytes, length, modifier)) return 'undecided';
  hashBytes(bytes, 0, length, hash);
  return 'hashed';
}

function hashAddress(bytes: Uint8Array | undefined, hash: Hash64): HashOutcome {
  if (bytes === undefined) return 'undecided';
  hashBytes(bytes, 0, bytes.length, hash);
  return 'hashed';
}

function hashNumericValue(value: NumericValue | undefined, hash: Hash64, modifier: number): HashOutcome {
  if (value === undefined || !fitsScale(value, modifier)) return 'undecided';
  hashNumeric(value, hash);
  return 'hashed';
}

function hashMicroseconds(value: bigint | undefined, hash: Hash64, modifier: number): HashOutcome {
  if (value === undefined || !fitsPrecision(value, modifier)) return 'undecided';
  hashUint32(foldBigInt(value), hash);
  return 'hashed';
}

function hashIntegerText(bytes: Uint8Array, width: 2 | 4 | 8, hash: Hash64): HashOutcome {
  const folded = foldInteger(bytes, 0, bytes.length, width);
  if (folded === notAnInteger) return 'malformed';
  if (folded === integerOutOfRange) return 'outOfRange';
  hashUint32(folded, hash);
  return 'hashed';
}

/** oidin also takes signs and, by version, other bases: only plain digits are read here. */
function hashOidText(bytes: Uint8Array, hash: Hash64): HashOutcome {
  const first = bytes.findIndex((byte) => !isSpace(byte));
  const digits = first >= 0 && (bytes[first] as number) >= 48 && (bytes[first] as number) <= 57;
  const leadingZero = bytes[first] === 48 && bytes.length > first + 1;
  const folded = digits && !leadingZero && !bytes.includes(95) ? foldInteger(bytes, 0, bytes.length, 8) : -1;
  // The folding of a value above the range of oid is lost, so the length decides: nine digits are always in range.
  if (folded < 0 || (bytes.length > 9 && !isOid(decode(bytes)))) return 'undecided';
  hashUint32(folded, hash);
  return 'hashed';
}

function isOid(text: string): boolean {
  return Number(text) <= 0xffffffff;
}

/** Hashes a value in its text form into `hash`, whose value before is the seed. */
export function hashText(
  type: KeyType,
  text: Uint8Array | string,
  hash: Hash64,
  modifier: number = noModifier,
): HashOutcome {
  switch (type.kind) {
    case 'int2':
      return hashIntegerText(encode(text), 2, hash);
    case 'int4':
      return hashIntegerText(encode(text), 4, hash);
    case 'int8':
      return hashIntegerText(encode(text), 8, hash);
    case 'oid':
      return hashOidText(encode(text), hash);
    case 'text':
    case 'varchar':
    case 'name':
    case 'bpchar':
      return hashCharacters(type.kind, encode(text), hash, modifier);
    case 'uuid':
      if (!parseUuid(encode(text), uuidBytes)) return 'malformed';
      hashBytes(uuidBytes, 0, 16, hash);
      return 'hashed';
    case 'bool': {
      const value = parseBoolean(encode(text));
      if (value === undefined) return 'malformed';
      hashUint32(value ? 1 : 0, hash);
      return 'hashed';
    }
    case 'bytea':
      return hashAddress(parseBytea(encode(text)), hash);
    case 'date': {
      const days = parseDate(decode(text));
      if (days === undefined) return 'undecided';
      hashUint32(days, hash);
      return 'hashed';
    }
    case 'time': {
      const value = parseTime(decode(text));
      return hashMicroseconds(value === undefined ? undefined : BigInt(value), hash, modifier);
    }
    case 'timetz': {
      const value = parseTimeWithZone(decode(text));
      if (value === undefined || !fitsPrecision(BigInt(value.microseconds), modifier)) return 'undecided';
      hashTimeWithZone(value.microseconds, value.zone, hash);
      return 'hashed';
    }
    case 'timestamp':
      return hashMicroseconds(parseTimestamp(decode(text)), hash, modifier);
    case 'timestamptz':
      return hashMicroseconds(parseTimestampWithZone(decode(text)), hash, modifier);
    case 'interval':
      return 'undecided';
    case 'float4':
    case 'float8': {
      const value = type.kind === 'float4' ? parseFloat4(decode(text)) : parseFloat8(decode(text));
      if (value === undefined) return 'undecided';
      hashFloat(value, hash);
      return 'hashed';
    }
    case 'numeric':
      return hashNumericValue(parseNumeric(decode(text)), hash, modifier);
    case 'inet':
    case 'cidr':
      return hashAddress(parseInet(decode(text), type.kind === 'cidr'), hash);
    case 'macaddr':
    case 'macaddr8':
      return hashAddress(parseMac(decode(text), type.kind === 'macaddr' ? 6 : 8), hash);
    default:
      return unreachable(type.kind, 'a key type without a text form');
  }
}

/** The length of the wire form of the types that have a fixed one. */
const wireLength: Partial<Record<KeyType['kind'], number>> = {
  int2: 2,
  int4: 4,
  int8: 8,
  oid: 4,
  uuid: 16,
  bool: 1,
  date: 4,
  time: 8,
  timestamp: 8,
  timestamptz: 8,
  timetz: 12,
  interval: 16,
  float4: 4,
  float8: 8,
  macaddr: 6,
  macaddr8: 8,
};

const dayMicroseconds = 86_400_000_000n;

/** Hashes a value in its binary wire form into `hash`, whose value before is the seed. */
export function hashBinary(type: KeyType, bytes: Buffer, hash: Hash64, modifier: number = noModifier): HashOutcome {
  if (bytes.length !== (wireLength[type.kind] ?? bytes.length)) return 'malformed';
  switch (type.kind) {
    case 'int2':
      hashUint32(bytes.readInt16BE(0), hash);
      return 'hashed';
    case 'int4':
    case 'oid':
    case 'date':
      hashUint32(bytes.readInt32BE(0), hash);
      return 'hashed';
    case 'int8': {
      const high = bytes.readInt32BE(0);
      const low = bytes.readInt32BE(4);
      hashUint32(high >= 0 ? low ^ high : low ^ ~high, hash);
      return 'hashed';
    }
    case 'text':
    case 'varchar':
    case 'name':
    case 'bpchar':
      return hashCharacters(type.kind, bytes, hash, modifier);
    case 'uuid':
    case 'bytea':
    case 'macaddr':
    case 'macaddr8':
      hashBytes(bytes, 0, bytes.length, hash);
      return 'hashed';
    case 'bool':
      hashUint32(bytes[0] === 0 ? 0 : 1, hash);
      return 'hashed';
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return hashMicroseconds(bytes.readBigInt64BE(0), hash, modifier);
    case 'timetz': {
      const microseconds = bytes.readBigInt64BE(0);
      if (!fitsPrecision(microseconds, modifier)) return 'undecided';
      hashTimeWithZone(Number(microseconds), bytes.readInt32BE(8), hash);
      return 'hashed';
    }
    case 'interval': {
      // interval_cmp_value: days of 24 hours, months of 30 days; a modifier can also cut off fields.
      if (modifier !== noModifier) return 'undecided';
      const days = BigInt(bytes.readInt32BE(12)) * 30n + BigInt(bytes.readInt32BE(8));
      hashUint32(foldBigInt(BigInt.asIntN(64, bytes.readBigInt64BE(0) + days * dayMicroseconds)), hash);
      return 'hashed';
    }
    case 'float4':
      hashFloat(bytes.readFloatBE(0), hash);
      return 'hashed';
    case 'float8':
      hashFloat(bytes.readDoubleBE(0), hash);
      return 'hashed';
    case 'numeric':
      return hashNumericValue(readNumeric(bytes), hash, modifier);
    case 'inet':
    case 'cidr':
      return hashAddress(readInet(bytes), hash);
    default:
      return unreachable(type.kind, 'a key type without a binary form');
  }
}
