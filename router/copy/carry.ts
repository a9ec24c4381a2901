/** Chunks of a stream put together where a row crosses their edges. */

import { PgError } from '../../base/errors.js';

/** The longest row that PostgreSQL reads (MaxAllocSize). */
const maximumRowBytes = 0x3fff_ffff;
const smallestBytes = 64 * 1024;
/** A buffer that grew beyond this for one row is given up after it. */
const keptBytes = 1024 * 1024;

/** The bytes that are not yet used up: bytes[start, end). A chunk is not copied while none of the one before is left. */
export class Carry {
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;
  #own: Buffer = Buffer.alloc(0);

  /** Adds a chunk behind what is left. Positions move: the return value is how far down what was left has moved. */
  add(chunk: Buffer): number {
    const left = this.end - this.start;
    const moved = this.start;
    if (left === 0) {
      this.bytes = chunk;
      this.start = 0;
      this.end = chunk.length;
      return moved;
    }
    const size = left + chunk.length;
    if (left > maximumRowBytes) {
      throw new PgError('54000', 'string buffer exceeds maximum allowed length (1073741823 bytes)');
    }
    this.#reserve(size);
    chunk.copy(this.#own, left);
    this.end = size;
    return moved;
  }

  /** Must be called when a chunk was worked through: the chunk is the caller's again, what is left of it is kept. */
  keep(): number {
    const left = this.end - this.start;
    if (left === 0 || this.bytes === this.#own) return 0;
    const moved = this.start;
    this.#reserve(left);
    this.end = left;
    return moved;
  }

  /** Brings what is left to the beginning of a buffer of ours with room for `size` bytes. */
  #reserve(size: number): void {
    const left = this.end - this.start;
    if (this.#own.length < size || (this.#own.length > keptBytes && size < keptBytes)) {
      const grown = Buffer.allocUnsafeSlow(Math.max(smallestBytes, size > keptBytes ? size * 2 : size));
      this.bytes.copy(grown, 0, this.start, this.end);
      this.#own = grown;
    } else if (this.bytes !== this.#own || this.start > 0) {
      this.bytes.copy(this.#own, 0, this.start, this.end);
    }
    this.bytes = this.#own;
    this.start = 0;
    this.end = left;
  }
}
