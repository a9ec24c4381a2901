/** COPY's binary format (PostgreSQL manual, COPY, "Binary Format"). */

import type { PgError } from '../../base/errors.js';
import { plainHeader, signature, trailer } from './binary-format.js';
import { Carry } from './carry.js';
import { badCopyFormat, lineContext } from './errors.js';
import type { CopySink, CopySource, CopySplitter, KeyField } from './splitter.js';

const missingLength = 'invalid COPY file header (missing length)';

type State = 'header' | 'extension' | 'rows' | 'ended';

export class BinarySplitter implements CopySplitter {
  readonly #source: CopySource;
  readonly #carry = new Carry();
  readonly #key: (KeyField | null)[];
  /** Where each key column's value begins in the row (-1 for NULL), and its length. */
  readonly #places: number[] = [];
  readonly #lengths: number[] = [];
  #state: State = 'header';
  #extensionBytes = 0;
  /** How far the row that is being read was checked, from its beginning, and how many of its fields that is. */
  #checked = 0;
  #fields = 0;
  #line = 1;

  constructor(source: CopySource) {
    this.#source = source;
    this.#key = source.key.map(() => null);
  }

  get line(): number {
    return this.#line;
  }

  /** Nothing stands for a default in binary. */
  get defaulted(): number {
    return -1;
  }

  push(chunk: Buffer, sink: CopySink): void {
    if (chunk.length === 0) return;
    this.#carry.add(chunk);
    if (this.#state === 'header' && !this.#readHeader(sink)) {
      this.#carry.keep();
      return;
    }
    if (this.#state === 'extension') this.#skipExtension();
    while (this.#state === 'rows' && this.#readRow(sink));
    if (this.#state === 'ended' && this.#carry.start < this.#carry.end) {
      throw this.#error('received copy data after EOF marker');
    }
    this.#carry.keep();
  }

  end(sink: CopySink): void {
    const left = this.#carry.end - this.#carry.start;
    if (this.#state === 'header') throw this.#headerFault(left) ?? badCopyFormat(missingLength);
    if (this.#state === 'extension') {
      throw badCopyFormat('invalid COPY file header (wrong length)');
    }
    // As in CopyGetInt16(), less than a field count is the end; the trailer may be missing.
    if (this.#state === 'rows' && left >= 2) {
      throw this.#error('unexpected EOF in COPY data', this.#source.columns[this.#fields]);
    }
    this.#state = 'ended';
    sink.broadcast(trailer, 0, trailer.length, trailer.length);
  }

  /** What is wrong with the signature and flags, of which `length` bytes have arrived. PostgreSQL gives no CONTEXT here. */
  #headerFault(length: number): PgError | undefined {
    const { bytes, start } = this.#carry;
    const flagsAt = start + signature.length;
    if (length < signature.length || signature.compare(bytes, start, flagsAt) !== 0) {
      return badCopyFormat('COPY file signature not recognized');
    }
    if (length < signature.length + 4) return badCopyFormat('invalid COPY file header (missing flags)');
    const flags = bytes.readUInt32BE(flagsAt);
    if ((flags & 0x1_0000) !== 0) return badCopyFormat('invalid COPY file header (WITH OIDS)');
    return flags >>> 16 === 0 ? undefined : badCopyFormat('unrecognized critical flags in COPY file header');
  }

  /** False when it has not arrived completely. */
  #readHeader(sink: CopySink): boolean {
    const { bytes, start, end } = this.#carry;
    if (end - start < plainHeader.length) return false;
    const fault = this.#headerFault(plainHeader.length);
    if (fault !== undefined) throw fault;
    this.#extensionBytes = bytes.readInt32BE(start + plainHeader.length - 4);
    if (this.#extensionBytes < 0) throw badCopyFormat(missingLength);
    this.#carry.start += plainHeader.length;
    this.#state = 'extension';
    sink.broadcast(plainHeader, 0, plainHeader.length, plainHeader.length);
    return true;
  }

  #skipExtension(): void {
    const skipped = Math.min(this.#extensionBytes, this.#carry.end - this.#carry.start);
    this.#carry.start += skipped;
    this.#extensionBytes -= skipped;
    if (this.#extensionBytes === 0) this.#state = 'rows';
  }

  /** False when the row has not arrived completely. */
  #readRow(sink: CopySink): boolean {
    const carry = this.#carry;
    const { bytes, start, end } = carry;
    const expected = this.#source.columns.length;
    if (this.#checked === 0) {
      if (end - start < 2) return false;
      const count = bytes.readInt16BE(start);
      if (count === -1) {
        carry.start += 2;
        this.#state = 'ended';
        return false;
      }
      if (count !== expected) throw this.#error(`row field count is ${count}, expected ${expected}`);
      this.#checked = 2;
      this.#fields = 0;
    }
    while (this.#fields < expected) {
      const at = start + this.#checked;
      if (end - at < 4) return false;
      const length = bytes.readInt32BE(at);
      if (length < -1) throw this.#error('invalid field size', this.#source.columns[this.#fields]);
      if (end - at - 4 < length) return false;
      this.#checked += 4 + Math.max(0, length);
      const place = this.#source.key.indexOf(this.#fields);
      // Positions count from the row's beginning until the row is complete: the bytes can still move.
      if (place >= 0) this.#places[place] = length < 0 ? -1 : this.#checked - length;
      if (place >= 0) this.#lengths[place] = length;
      this.#fields++;
    }
    for (const [place, from] of this.#places.entries()) {
      const length = this.#lengths[place] ?? 0;
      this.#key[place] = from < 0 ? null : { bytes, start: start + from, end: start + from + length };
    }
    carry.start += this.#checked;
    this.#checked = 0;
    sink.row(bytes, start, carry.start, this.#key, carry.start);
    this.#line++;
    return true;
  }

  #error(message: string, column?: string): PgError {
    const where = lineContext(this.#source.relation, this.#line);
    return badCopyFormat(message, column === undefined ? where : `${where}, column ${column}`);
  }
}
