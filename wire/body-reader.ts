/**
 * A cursor over the body of one message. Every read is bounded by the message, and a body that does not fit is
 * refused with the words of PostgreSQL's own readers (src/backend/libpq/pqformat.c).
 */

import { isUtf8 } from 'node:buffer';
import { PgError, sqlstate } from '../base/errors.js';
import { frameHeaderBytes } from './frame.js';

function protocolViolation(message: string): PgError {
  return new PgError(sqlstate.protocolViolation, message);
}

export class BodyReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #offset: number;

  /** Reads the bytes from `offset` to `end`; by default the body of a whole frame. */
  constructor(bytes: Buffer, offset: number = frameHeaderBytes, end: number = bytes.length) {
    if (offset > end || end > bytes.length) throw protocolViolation('insufficient data left in message');
    this.#bytes = bytes;
    this.#offset = offset;
    this.#end = end;
  }

  get remainingBytes(): number {
    return this.#end - this.#offset;
  }

  readByte(): number {
    const byte = this.#offset < this.#end ? this.#bytes[this.#offset] : undefined;
    if (byte === undefined) throw protocolViolation('no data left in message');
    this.#offset += 1;
    return byte;
  }

  readInt16(): number {
    return this.#bytes.readInt16BE(this.#take(2));
  }

  /** Counts are unsigned: PostgreSQL takes up to 65,535 parameters. */
  readUInt16(): number {
    return this.#bytes.readUInt16BE(this.#take(2));
  }

  readInt32(): number {
    return this.#bytes.readInt32BE(this.#take(4));
  }

  readUInt32(): number {
    return this.#bytes.readUInt32BE(this.#take(4));
  }

  /** A view of the next `count` bytes. */
  readBytes(count: number): Buffer {
    const start = this.#take(count);
    return this.#bytes.subarray(start, start + count);
  }

  /** A view of everything that is left. */
  readRest(): Buffer {
    return this.readBytes(this.remainingBytes);
  }

  /** A view of a string's bytes, without the NUL that ends it. */
  readStringBytes(): Buffer {
    const start = this.#offset;
    const end = this.#findNul();
    this.#offset = end + 1;
    return this.#bytes.subarray(start, end);
  }

  /** A string for people to read: bytes that are not UTF-8 become U+FFFD. */
  readString(): string {
    const start = this.#offset;
    const end = this.#findNul();
    this.#offset = end + 1;
    return start === end ? '' : this.#bytes.toString('utf8', start, end);
  }

  /** A string that names something: two different byte strings never become one name, so it must be UTF-8. */
  readName(): string {
    const start = this.#offset;
    const name = this.readString();
    if (name.includes('\uFFFD')) checkUtf8(this.#bytes.subarray(start, this.#offset - 1));
    return name;
  }

  /** Refuses bytes after the message's last field. */
  expectEnd(): void {
    if (this.#offset !== this.#end) throw protocolViolation('invalid message format');
  }

  #take(count: number): number {
    const start = this.#offset;
    if (count < 0 || count > this.#end - start) throw protocolViolation('insufficient data left in message');
    this.#offset = start + count;
    return start;
  }

  #findNul(): number {
    if (this.#offset < this.#end && this.#bytes[this.#offset] === 0) return this.#offset;
    const at = this.#bytes.indexOf(0, this.#offset);
    if (at === -1 || at >= this.#end) throw protocolViolation('invalid string in message');
    return at;
  }
}

/** Refuses bytes that are not UTF-8, in the words of PostgreSQL (mbutils.c, report_invalid_encoding). */
function checkUtf8(bytes: Buffer): void {
  if (isUtf8(bytes)) return;
  let valid = 0;
  while (valid < bytes.length) {
    const length = sequenceBytes(bytes[valid] ?? 0);
    if (valid + length > bytes.length || !isUtf8(bytes.subarray(valid, valid + length))) break;
    valid += length;
  }
  const shown = [...bytes.subarray(valid, valid + sequenceBytes(bytes[valid] ?? 0))];
  const hex = shown.map((byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(' ');
  throw new PgError(sqlstate.characterNotInRepertoire, `invalid byte sequence for encoding "UTF8": ${hex}`);
}

/** The length of a UTF-8 sequence by its first byte (wchar.c, pg_utf_mblen). */
function sequenceBytes(first: number): number {
  if ((first & 0xe0) === 0xc0) return 2;
  if ((first & 0xf0) === 0xe0) return 3;
  if ((first & 0xf8) === 0xf0) return 4;
  return 1;
}
