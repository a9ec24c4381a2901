/**
 * DataRow messages in binary as data of COPY … (FORMAT binary): the body of such a message is a tuple of that format
 * (PostgreSQL manual, COPY, "Binary Format"), so only frames are taken off and put on.
 */

import type { RowRun } from '../backend/row-run.js';
import { plainHeader, trailer } from '../copy/binary-format.js';
import { frameEnd } from '../merge/stream.js';

const MESSAGE_BYTES = 64 * 1024;
/** Type and length of CopyData, and of DataRow. */
const HEADER_BYTES = 5;
const COPY_DATA = 0x64;

export class TupleFrames {
  #buffer = Buffer.allocUnsafe(MESSAGE_BYTES);
  #end = HEADER_BYTES;

  constructor() {
    this.#append(plainHeader, 0, plainHeader.length, []);
  }

  /** Takes rows; gives CopyData messages that are full. */
  add(run: RowRun): readonly Buffer[] {
    const full: Buffer[] = [];
    for (let position = run.start; position < run.end;) {
      const end = frameEnd(run.bytes, position);
      this.#append(run.bytes, position + HEADER_BYTES, end, full);
      position = end;
    }
    return full;
  }

  /** The rest, with the trailer. */
  end(): readonly Buffer[] {
    const full: Buffer[] = [];
    this.#append(trailer, 0, trailer.length, full);
    full.push(this.#take());
    return full;
  }

  #append(bytes: Buffer, start: number, end: number, full: Buffer[]): void {
    let at = start;
    while (at < end) {
      const size = Math.min(end - at, MESSAGE_BYTES - this.#end);
      bytes.copy(this.#buffer, this.#end, at, at + size);
      this.#end += size;
      at += size;
      if (this.#end === MESSAGE_BYTES) full.push(this.#take());
    }
  }

  #take(): Buffer {
    const message = this.#buffer.subarray(0, this.#end);
    message[0] = COPY_DATA;
    message.writeInt32BE(this.#end - 1, 1);
    this.#buffer = Buffer.allocUnsafe(MESSAGE_BYTES);
    this.#end = HEADER_BYTES;
    return message;
  }
}
