/**
 * PostgreSQL's seeded 64-bit hash (src/common/hashfn.c, Bob Jenkins' lookup3), as little-endian servers compute it.
 *
 * A hash is carried as two int32 halves in a caller's object that is read as the seed and overwritten with the
 * result. So the columns of a key chain by being hashed into the same object, and no BigInt or allocation occurs
 * for a key.
 */

/** A 64-bit hash or seed. The halves are int32 (signed), which V8 keeps unboxed. */
export interface Hash64 {
  high: number;
  low: number;
}

/** The seed 0, to hash into. */
export function newHash(): Hash64 {
  return { high: 0, low: 0 };
}

/** The hash as a signed 64-bit integer, as SQL shows it. */
export function hashToBigInt(hash: Hash64): bigint {
  return (BigInt(hash.high) << 32n) | BigInt(hash.low >>> 0);
}

/** The seed from a signed or unsigned 64-bit integer. */
export function hashFromBigInt(value: bigint): Hash64 {
  return { high: Number(BigInt.asIntN(32, value >> 32n)), low: Number(BigInt.asIntN(32, value)) };
}

const initialState = (0x9e3779b9 + 3923095) | 0;

/** What mix() returns: JavaScript has no cheap way to return three integers. */
const mixed = new Int32Array(3);

function mix(a: number, b: number, c: number): void {
  a = (a - c) ^ ((c << 4) | (c >>> 28));
  c = (c + b) | 0;
  b = (b - a) ^ ((a << 6) | (a >>> 26));
  a = (a + c) | 0;
  c = (c - b) ^ ((b << 8) | (b >>> 24));
  b = (b + a) | 0;
  a = (a - c) ^ ((c << 16) | (c >>> 16));
  c = (c + b) | 0;
  b = (b - a) ^ ((a << 19) | (a >>> 13));
  a = (a + c) | 0;
  c = (c - b) ^ ((b << 4) | (b >>> 28));
  b = (b + a) | 0;
  mixed[0] = a;
  mixed[1] = b;
  mixed[2] = c;
}

function finish(a: number, b: number, c: number, result: Hash64): void {
  c = ((c ^ b) - ((b << 14) | (b >>> 18))) | 0;
  a = ((a ^ c) - ((c << 11) | (c >>> 21))) | 0;
  b = ((b ^ a) - ((a << 25) | (a >>> 7))) | 0;
  c = ((c ^ b) - ((b << 16) | (b >>> 16))) | 0;
  a = ((a ^ c) - ((c << 4) | (c >>> 28))) | 0;
  b = ((b ^ a) - ((a << 14) | (a >>> 18))) | 0;
  c = ((c ^ b) - ((b << 24) | (b >>> 8))) | 0;
  result.high = b;
  result.low = c;
}

/** hash_bytes_uint32_extended: hashes 32 bits into `hash`, whose value before is the seed. */
export function hashUint32(value: number, hash: Hash64): void {
  const start = (initialState + 4) | 0;
  if (hash.high === 0 && hash.low === 0) {
    finish((start + value) | 0, start, start, hash);
    return;
  }
  mix((start + hash.high) | 0, (start + hash.low) | 0, start);
  finish(((mixed[0] as number) + value) | 0, mixed[1] as number, mixed[2] as number, hash);
}

/** The little-endian 32-bit word at an offset; bytes from `end` on count as 0. */
function word(bytes: Uint8Array, offset: number, end: number): number {
  if (offset + 4 <= end) {
    return (
      (bytes[offset] as number) |
      ((bytes[offset + 1] as number) << 8) |
      ((bytes[offset + 2] as number) << 16) |
      ((bytes[offset + 3] as number) << 24)
    );
  }
  let result = 0;
  for (let index = offset, shift = 0; index < end; index++, shift += 8) result |= (bytes[index] as number) << shift;
  return result;
}

/** hash_bytes_extended: hashes bytes[start, end) into `hash`, whose value before is the seed. */
export function hashBytes(bytes: Uint8Array, start: number, end: number, hash: Hash64): void {
  let a = (initialState + (end - start)) | 0;
  let b = a;
  let c = a;
  if (hash.high !== 0 || hash.low !== 0) {
    mix((a + hash.high) | 0, (b + hash.low) | 0, c);
    a = mixed[0] as number;
    b = mixed[1] as number;
    c = mixed[2] as number;
  }
  let offset = start;
  for (; offset + 12 <= end; offset += 12) {
    mix(
      (a + word(bytes, offset, end)) | 0,
      (b + word(bytes, offset + 4, end)) | 0,
      (c + word(bytes, offset + 8, end)) | 0,
    );
    a = mixed[0] as number;
    b = mixed[1] as number;
    c = mixed[2] as number;
  }
  // The lowest byte of c is reserved for the length, so the rest's last word is shifted by one byte.
  finish(
    (a + word(bytes, offset, end)) | 0,
    (b + word(bytes, offset + 4, end)) | 0,
    (c + (word(bytes, offset + 8, end) << 8)) | 0,
    hash,
  );
}
