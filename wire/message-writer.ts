/** Builds one message: the header first, then fields, then the length is put in. */

import { PgError, sqlstate } from '../base/errors.js';
import { frameHeaderBytes } from './frame.js';

const firstRoomBytes = 256;
const shortTextUnits = 64;
const measuredTextUnits = 1024;

/** Strings of the protocol end at a NUL, so one inside a string would end it early and shift what follows. */
function refuseNul(text: string | Buffer): void {
  if (typeof text === 'string' ? text.includes('\0') : text.includes(0)) {
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
    if (typeof text === 'string') this.#writeText(text);
    else this.writeBytes(text);
    return this.writeByte(0);
  }

  /** A value after its length; the length of null is -1. */
  writeValue(value: Buffer | string | null): this {
    if (value === null) return this.writeInt32(-1);
    if (typeof value !== 'string') return this.writeInt32(value.length).writeBytes(value);
    const lengthAt = this.#offset;
    this.writeInt32(0).#writeText(value);
    this.#bytes.writeInt32BE(this.#offset - lengthAt - 4, lengthAt);
    return this;
  }

  /** The finished message. The writer must not be used after it. */
  finish(): Buffer {
    this.#bytes.writeInt32BE(this.#offset - this.#lengthOffset, this.#lengthOffset);
    return this.#bytes.subarray(0, this.#offset);
  }

  /** UTF-8. Short ASCII, which is nearly everything here, is written without a call into C++ (three times faster). */
  #writeText(text: string): void {
    // UTF-8 takes at most three bytes for a UTF-16 unit; for a short text, asking for that much saves measuring.
    this.#reserve(text.length <= measuredTextUnits ? text.length * 3 : Buffer.byteLength(text));
    const start = this.#offset;
    if (text.length <= shortTextUnits) {
      let index = 0;
      for (; index < text.length; index++) {
        const unit = text.charCodeAt(index);
        if (unit > 0x7f) break;
        this.#bytes[start + index] = unit;
      }
      if (index === text.length) {
        this.#offset = start + index;
        return;
      }
    }
    this.#offset = start + this.#bytes.write(text, start);
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
