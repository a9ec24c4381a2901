/**
 * A conversation with one server in which pgring reads the answers itself: messages and runs of rows are pulled, and
 * the socket is paused while more than QUEUE_BYTES wait to be pulled.
 */

import { assert } from '../../base/assert.js';
import { PgError, sqlstate } from '../../base/errors.js';
import { backendType } from '../../wire/frame.js';
import { readErrorResponse, readReadyForQuery } from '../../wire/backend.js';
import type { BackendConnection, BackendSink } from './connection.js';
import type { RowRun } from './row-run.js';

/** What a server may have sent and nobody has pulled yet. */
const QUEUE_BYTES = 1024 * 1024;
const HEADER_BYTES = 5;
/** Up to so many bytes that were read are copied: node:buffer takes them from its pool. */
const COPIED_BYTES = 2_048;
/** PostgreSQL's own bound of a message (MaxAllocSize). */
const MAXIMUM_FRAME_BYTES = 0x3fffffff;

type Item =
  | { readonly kind: 'rows'; readonly run: RowRun }
  | { readonly kind: 'message'; readonly type: number; readonly frame: Buffer };

export class Exchange implements BackendSink {
  readonly connection: BackendConnection;
  /** Takes NoticeResponse frames; undefined: they are dropped. */
  onNotice: ((frame: Buffer) => void) | undefined;
  readonly #chunks: Buffer[] = [];
  #position = 0;
  #queuedBytes = 0;
  #paused = false;
  #failure: PgError | undefined;
  #wake: (() => void) | undefined;

  constructor(connection: BackendConnection) {
    this.connection = connection;
    connection.attach(this);
  }

  /** Sends bytes holding `ready` messages that are answered by ReadyForQuery. */
  send(pieces: readonly Buffer[], ready: number): boolean {
    if (this.#failure !== undefined) throw this.#failure;
    return this.connection.writeAll(pieces, ready);
  }

  receive(chunk: Buffer): void {
    this.#chunks.push(this.#keep(chunk));
    this.#queuedBytes += chunk.length;
    if (this.#queuedBytes > QUEUE_BYTES && !this.#paused) {
      this.#paused = true;
      this.connection.pause();
    }
    this.#wakeReader();
  }

  fail(error: PgError): void {
    this.#failure = error;
    this.#wakeReader();
  }

  /** The next message or run of rows. ErrorResponse comes as a message; a lost connection throws. */
  async next(): Promise<Item> {
    for (;;) {
      const item = this.poll();
      if (item !== undefined) return item;
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => {
        assert(this.#wake === undefined, 'two readers of one exchange');
        this.#wake = resolve;
      });
    }
  }

  /** What `next` would give now, or undefined when it would wait. */
  poll(): Item | undefined {
    for (;;) {
      const item = this.#take();
      if (item === undefined || item.kind === 'rows') return item;
      if (item.type === backendType.noticeResponse) this.onNotice?.(item.frame);
      else if (!this.connection.noteAsynchronous(item.frame)) {
        if (item.type === backendType.readyForQuery) this.connection.noteReady(readReadyForQuery(item.frame));
        if (item.type === backendType.errorResponse) return { ...item, frame: this.connection.explain(item.frame) };
        return item;
      }
    }
  }

  /**
   * Reads up to the last outstanding ReadyForQuery and gives the connection back.
   * Returns the first error the server reported on the way.
   */
  async finish(): Promise<PgError | undefined> {
    let error: PgError | undefined;
    while (this.connection.outstandingReady > 0) {
      const item = await this.next();
      if (item.kind === 'message' && item.type === backendType.errorResponse) error ??= readErrorResponse(item.frame);
    }
    this.release();
    return error;
  }

  /** Gives the connection back; nothing may be outstanding. */
  release(): void {
    this.connection.detach();
    if (this.#paused) {
      this.#paused = false;
      this.connection.resume();
    }
  }

  /** A copy of a small chunk costs less than another read buffer. */
  #keep(chunk: Buffer): Buffer {
    if (chunk.length <= COPIED_BYTES) return Buffer.from(chunk);
    this.connection.retain();
    return chunk;
  }

  #wakeReader(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  /** The length of the frame at the read position, when its header is there. */
  #frameBytes(): number | undefined {
    const chunk = this.#chunks[0];
    if (chunk === undefined) return undefined;
    if (chunk.length - this.#position >= HEADER_BYTES) return 1 + this.#checkedLength(chunk, this.#position + 1);
    if (this.#queuedBytes < HEADER_BYTES) return undefined;
    const header = Buffer.allocUnsafe(HEADER_BYTES);
    this.#copy(header, HEADER_BYTES, false);
    return 1 + this.#checkedLength(header, 1);
  }

  #checkedLength(bytes: Buffer, offset: number): number {
    const length = bytes.readInt32BE(offset);
    if (length >= 4 && length <= MAXIMUM_FRAME_BYTES) return length;
    this.connection.destroy();
    throw new PgError(sqlstate.protocolViolation, `invalid message length ${length} from a server`);
  }

  #take(): Item | undefined {
    const bytes = this.#frameBytes();
    if (bytes === undefined || bytes > this.#queuedBytes) return undefined;
    const chunk = this.#chunks[0];
    assert(chunk !== undefined, 'queued bytes without a chunk');
    const type = chunk[this.#position];
    assert(type !== undefined, 'a frame without a type');
    if (chunk.length - this.#position < bytes) {
      const frame = Buffer.allocUnsafe(bytes);
      this.#copy(frame, bytes, true);
      return type === backendType.dataRow
        ? { kind: 'rows', run: { bytes: frame, start: 0, end: bytes, rows: 1 } }
        : { kind: 'message', type, frame };
    }
    if (type === backendType.dataRow) return { kind: 'rows', run: this.#takeRows(chunk) };
    const frame = chunk.subarray(this.#position, this.#position + bytes);
    this.#advance(bytes);
    return { kind: 'message', type, frame };
  }

  /** All whole DataRow frames from the read position to the end of its chunk. */
  #takeRows(chunk: Buffer): RowRun {
    const start = this.#position;
    let end = start;
    let rows = 0;
    while (end + HEADER_BYTES <= chunk.length && chunk[end] === backendType.dataRow) {
      const next = end + 1 + this.#checkedLength(chunk, end + 1);
      if (next > chunk.length) break;
      end = next;
      rows += 1;
    }
    this.#advance(end - start);
    return { bytes: chunk, start, end, rows };
  }

  /** Copies the next bytes over chunk borders, and takes them from the queue if `consume`. */
  #copy(target: Buffer, bytes: number, consume: boolean): void {
    let copied = 0;
    let position = this.#position;
    for (const chunk of this.#chunks) {
      copied += chunk.copy(target, copied, position, Math.min(chunk.length, position + bytes - copied));
      position = 0;
      if (copied === bytes) break;
    }
    if (consume) this.#advance(bytes);
  }

  #advance(bytes: number): void {
    this.#queuedBytes -= bytes;
    this.#position += bytes;
    for (let chunk = this.#chunks[0]; chunk !== undefined && this.#position >= chunk.length; chunk = this.#chunks[0]) {
      this.#position -= chunk.length;
      this.#chunks.shift();
    }
    if (this.#paused && this.#queuedBytes < QUEUE_BYTES / 2) {
      this.#paused = false;
      this.connection.resume();
    }
  }
}
