/** Builds one message: the header first, then fields, then the length is put in. */

import { PgError, sqlstate } from '../base/errors.js';
import { frameHeaderBytes } from './frame.js';

const firstRoomBytes = 256;
const shortTextUnits = 1024;

/** Strings of the protocol end at a NUL, so one inside a string would end it early and shift what follows. */
function refuseNul(text: string | Buffer): void {
  if (text.includes('\0')) {
    throw new PgError(sqlstate.characterNotInRepertoire, 'invalid byte sequence for encoding "UTF8": 0x00');
  }
}

export class MessageWriter {
  #bytes: Buffer;
  #offset: number;
  readonly #lengthOffset: number;

  /** A type of undefined makes an untagged packet, as at start-up. `roomBytes` is a guess of the size. */
  constructor(type: number | undefined, roomBytes: number = firstRoomBytes) {
    this.#bytes = Buffer.allocUnsafe(Math.max(roomBytes, frameHeaderBytes));
    this.#lengthOffset = type === undefined ? 0 : 1;
    if (type !== undefined) this.#bytes[0] = type;
    this.#offset = this.#lengthOffset + 4;
  }

  writeByte(value: number): this {
    this.#reserve(1);
    this.#offset = this.#bytes.writeUInt8(value, this.#offset);
    return this;
  }

  writeInt16(value: number): this {
    this.#reserve(2);
    this.#offset = this.#bytes.writeInt16BE(value, this.#offset);
    return this;
  }

  /** A count of things: unsigned, as PostgreSQL reads it. */
  writeCount(count: number): this {
    if (count > 0xffff) {
      throw new PgError(sqlstate.programLimitExceeded, `a message can hold at most 65535 values, not ${count}`);
    }
    this.#reserve(2);
    this.#offset = this.#bytes.writeUInt16BE(count, this.#offset);
    return this;
  }

  writeInt32(value: number): this {
    this.#reserve(4);
    this.#offset = this.#bytes.writeInt32BE(value, this.#offset);
    return this;
  }

  /** An oid. */
  writeUInt32(value: number): this {
    this.#reserve(4);
    this.#offset = this.#bytes.writeUInt32BE(value, this.#offset);
    return this;
  }

  writeBytes(bytes: Buffer): this {
    this.#reserve(bytes.length);
    this.#offset += bytes.copy(this.#bytes, this.#offset);
    return this;
  }

  /** A string and the NUL that ends it. */
  writeString(text: string | Buffer): this {
    refuseNul(text);
    if (typeof text === 'string') {
      // UTF-8 takes at most three bytes for a UTF-16 unit; for a short text, asking for that much saves measuring.
      this.#reserve(text.length <= shortTextUnits ? text.length * 3 : Buffer.byteLength(text));
      this.#offset += this.#bytes.write(text, this.#offset);
    } else {
      this.writeBytes(text);
    }
    return this.writeByte(0);
  }

  /** A value after its length; the length of null is -1. */
  writeValue(value: Buffer | string | null): this {
    if (value === null) return this.writeInt32(-1);
    if (typeof value !== 'string') return this.writeInt32(value.length).writeBytes(value);
    const length = Buffer.byteLength(value);
    this.writeInt32(length).#reserve(length);
    this.#offset += this.#bytes.write(value, this.#offset);
    return this;
  }

  /** The finished message. The writer must not be used after it. */
  finish(): Buffer {
    this.#bytes.writeInt32BE(this.#offset - this.#lengthOffset, this.#lengthOffset);
    return this.#bytes.subarray(0, this.#offset);
  }

  #reserve(count: number): void {
    const needed = this.#offset + count;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#offset);
    this.#bytes = larger;
  }
}

/** A message without a body. */
export function emptyMessage(type: number): Buffer {
  return new MessageWriter(type, frameHeaderBytes).finish();
}
