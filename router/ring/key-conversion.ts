/**
 * The hash of a value for a key column of another type: which conversions keep equal values at equal hashes. A value
 * that is compared keeps its own type (`int4_key = 5.0` compares numerics); one that is stored is converted first.
 */

import type { BoundValue } from './bound-value.js';
import { hashUint32, type Hash64 } from './hash-bytes.js';
import { foldBigInt, foldNumber } from './integer-text.js';
import { hashBinary, hashFloat, hashText, type HashOutcome } from './key-value.js';
import { keyTypeOf, type KeyType } from './key-types.js';
import { typeOid } from '../../catalog/type-oid.js';
import { noModifier } from './modifier.js';
import { hashNumeric, numericToInteger, parseNumeric, readNumeric, type NumericValue } from './numeric-value.js';
import { parseFloat4, parseFloat8 } from './scalar-text.js';

export type PresentValue = Exclude<BoundValue, { kind: 'null' }>;

/**
 * - `noMatch`: the value equals no value of the key's type
 * - `incomparable`: equality between the types does not follow the key's hash, or there is none
 */
export type ComparedOutcome = HashOutcome | 'noMatch' | 'incomparable';

/** The type in which the value is read: its own, or the key's for an untyped literal. */
export function valueType(key: KeyType, value: PresentValue): KeyType | undefined {
  return value.typeOid === 0 || value.typeOid === typeOid.unknown ? key : keyTypeOf(value.typeOid);
}

function hashAs(type: KeyType, value: PresentValue, hash: Hash64, modifier: number): HashOutcome {
  return value.kind === 'text'
    ? hashText(type, value.bytes, hash, modifier)
    : hashBinary(type, value.bytes, hash, modifier);
}

function toNumeric(value: PresentValue): NumericValue | undefined {
  return value.kind === 'text' ? parseNumeric(value.bytes.toString('latin1')) : readNumeric(value.bytes);
}

/** The value of a floating-point or integer type as a double; undefined when only a server can tell. */
function toDouble(type: KeyType, { kind, bytes }: PresentValue): number | undefined {
  if (kind === 'text') return (type.kind === 'float4' ? parseFloat4 : parseFloat8)(bytes.toString('latin1'));
  if (type.kind === 'float4') return bytes.length === 4 ? bytes.readFloatBE(0) : undefined;
  if (type.kind === 'float8') return bytes.length === 8 ? bytes.readDoubleBE(0) : undefined;
  const integer = readInteger(type, bytes);
  return integer === undefined ? undefined : Number(integer);
}

function readInteger(type: KeyType, bytes: Buffer): bigint | undefined {
  if (type.kind === 'int2' && bytes.length === 2) return BigInt(bytes.readInt16BE(0));
  if (type.kind === 'int4' && bytes.length === 4) return BigInt(bytes.readInt32BE(0));
  return type.kind === 'int8' && bytes.length === 8 ? bytes.readBigInt64BE(0) : undefined;
}

function hashDouble(value: number | undefined, hash: Hash64): HashOutcome {
  if (value === undefined) return 'undecided';
  hashFloat(value, hash);
  return 'hashed';
}

/** An integer key compared with an integer of another width, a numeric or a double. */
function hashForInteger(key: KeyType, type: KeyType, value: PresentValue, hash: Hash64): ComparedOutcome {
  if (type.family === 'integer') {
    if (value.kind === 'binary') return hashAs(type, value, hash, noModifier);
    const outcome = hashAs(key, value, hash, noModifier);
    if (outcome !== 'outOfRange') return outcome;
    const own = hashAs(type, value, { ...hash }, noModifier);
    return own === 'hashed' ? 'noMatch' : own;
  }
  if (type.family === 'numeric') {
    const numeric = toNumeric(value);
    if (numeric === undefined) return 'undecided';
    const integer = numericToInteger(numeric);
    if (integer === undefined) return 'noMatch';
    hashUint32(foldBigInt(integer), hash);
    return 'hashed';
  }
  if (type.family !== 'float') return 'incomparable';
  const double = toDouble(type, value);
  if (double !== undefined && !Number.isInteger(double)) return 'noMatch';
  // Beyond 2^53 one double equals several integers, which hash apart; and casting it would give one of them.
  if (double === undefined || !Number.isSafeInteger(double)) return 'incomparable';
  hashUint32(foldNumber(double), hash);
  return 'hashed';
}

/** A numeric key compared with an integer. (With a double it is compared as a double, which equals several numerics.) */
function hashForNumeric(type: KeyType, value: PresentValue, hash: Hash64): ComparedOutcome {
  if (type.family !== 'integer') return 'incomparable';
  const text = value.kind === 'text' ? value.bytes.toString('latin1') : readInteger(type, value.bytes)?.toString();
  const numeric = text === undefined ? undefined : parseNumeric(text);
  if (numeric === undefined) return 'undecided';
  hashNumeric(numeric, hash);
  return 'hashed';
}

const instants: readonly string[] = ['date', 'timestamp', 'timestamptz'];
const clocks: readonly string[] = ['time', 'timetz'];

/** Hashes a value that a key column is compared with by `=`. */
export function hashCompared(key: KeyType, value: PresentValue, hash: Hash64): ComparedOutcome {
  const type = valueType(key, value);
  if (type === undefined) return 'incomparable';
  if (type === key) return hashAs(type, value, hash, noModifier);
  switch (key.family) {
    case 'integer':
      return hashForInteger(key, type, value, hash);
    case 'numeric':
      return hashForNumeric(type, value, hash);
    case 'float':
      if (type.family === 'float') return hashAs(type, value, hash, noModifier);
      if (type.family === 'numeric' && value.kind === 'binary') return 'undecided';
      return type.family === 'integer' || type.family === 'numeric'
        ? hashDouble(toDouble(type, value), hash)
        : 'incomparable';
    case 'text':
    case 'bpchar':
    case 'inet':
      if (type.family === key.family) return hashAs(type, value, hash, noModifier);
      // Against text, character(n) is compared without its trailing blanks; but varchar is compared with character(n)
      // as character(n), without its own trailing blanks, which its hash contains.
      if (key.kind === 'varchar') return 'incomparable';
      if (key.family === 'inet' || (type.family !== 'text' && type.family !== 'bpchar')) return 'incomparable';
      return hashAs(key.family === 'bpchar' ? key : type, value, hash, noModifier);
    default:
      return (instants.includes(key.kind) && instants.includes(type.kind)) ||
        (clocks.includes(key.kind) && clocks.includes(type.kind)) ||
        (key.kind === 'oid' && type.family === 'integer')
        ? 'undecided'
        : 'incomparable';
  }
}

/** Hashes a value as a column of the key's type will store it. */
export function hashStored(key: KeyType, modifier: number, value: PresentValue, hash: Hash64): HashOutcome {
  const type = valueType(key, value);
  if (type === key) return hashAs(key, value, hash, modifier);
  if (type === undefined) return 'undecided';
  // What does not fit a narrower integer is refused by the server that it is sent to.
  if (type.family === 'integer' && key.family === 'integer') return hashAs(type, value, hash, noModifier);
  if (type.family === 'text' && (key.kind === 'text' || key.kind === 'varchar')) {
    return hashAs(key, value, hash, modifier);
  }
  if (type.family === 'integer' && key.kind === 'numeric' && modifier === noModifier) {
    return hashForNumeric(type, value, hash) === 'hashed' ? 'hashed' : 'undecided';
  }
  return 'undecided';
}
