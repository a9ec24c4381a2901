/**
 * Tagged messages: one byte of type, four bytes of length (which count themselves but not the type), the body
 * (PostgreSQL manual, "Message Formats"). The reader cuts a stream of chunks into whole frames and never looks inside.
 */

import { PgError, sqlstate } from '../base/errors.js';

/** The bytes before a body: the type and the length. */
export const frameHeaderBytes = 5;

/** Types of the messages that a client sends. Authentication answers share one type. */
export const frontendType = {
  query: 0x51,
  parse: 0x50,
  bind: 0x42,
  describe: 0x44,
  execute: 0x45,
  close: 0x43,
  sync: 0x53,
  flush: 0x48,
  terminate: 0x58,
  functionCall: 0x46,
  copyData: 0x64,
  copyDone: 0x63,
  copyFail: 0x66,
  password: 0x70,
} as const;

export type FrontendType = (typeof frontendType)[keyof typeof frontendType];

/** Types of the messages that a server sends. */
export const backendType = {
  authentication: 0x52,
  backendKeyData: 0x4b,
  parameterStatus: 0x53,
  readyForQuery: 0x5a,
  rowDescription: 0x54,
  dataRow: 0x44,
  commandComplete: 0x43,
  emptyQueryResponse: 0x49,
  parseComplete: 0x31,
  bindComplete: 0x32,
  closeComplete: 0x33,
  noData: 0x6e,
  portalSuspended: 0x73,
  parameterDescription: 0x74,
  errorResponse: 0x45,
  noticeResponse: 0x4e,
  notificationResponse: 0x41,
  negotiateProtocolVersion: 0x76,
  copyInResponse: 0x47,
  copyOutResponse: 0x48,
  copyBothResponse: 0x57,
  copyData: 0x64,
  copyDone: 0x63,
  functionCallResponse: 0x56,
} as const;

export type BackendType = (typeof backendType)[keyof typeof backendType];

const frontendTypes: ReadonlySet<number> = new Set(Object.values(frontendType));

/** Refuses a type that no client may send; the stream cannot be trusted after one (postgres.c, SocketBackend). */
export function checkFrontendType(type: number): FrontendType {
  if (!frontendTypes.has(type)) {
    throw new PgError(sqlstate.protocolViolation, `invalid frontend message type ${type}`, { severity: 'FATAL' });
  }
  return type as FrontendType;
}

/** A frame that is not whole yet is given this much room at first, so that a claimed length alone costs nothing. */
const firstAssemblyBytes = 64 * 1024;

const nothing = Buffer.alloc(0);

/**
 * Cuts chunks into frames. A frame that lies in one chunk is a view of it; one that goes over the end of a chunk is
 * copied, each byte at most twice, into room that grows with what has really arrived. Memory is bounded by twice the
 * bytes received and not yet taken.
 */
export class FrameReader {
  #maximumFrameBytes: number;
  /** Chunks that wait behind the current one. */
  #waiting: Buffer[] = [];
  #waitingHead = 0;
  #chunk: Buffer = nothing;
  #offset = 0;
  /** The frame that goes over the end of a chunk; empty when there is none. */
  #assembly: Buffer = nothing;
  #assembledBytes = 0;
  #bufferedBytes = 0;
  /** Frames that were taken so far. */
  taken = 0;

  /** `maximumFrameBytes` bounds a whole frame, its header included. */
  constructor(maximumFrameBytes: number) {
    this.#maximumFrameBytes = maximumFrameBytes;
  }

  /** From the next frame on: a stranger may send less than one who has logged in. */
  set maximumFrameBytes(bytes: number) {
    this.#maximumFrameBytes = bytes;
  }

  /** Adds bytes from the stream. The reader owns the chunk from here on: frames are views of it. */
  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#bufferedBytes += chunk.length;
    if (this.#offset === this.#chunk.length && this.#waitingHead === this.#waiting.length) {
      this.#chunk = chunk;
      this.#offset = 0;
    } else {
      this.#waiting.push(chunk);
    }
  }

  /**
   * The next whole frame with its header, or undefined until more bytes come. Throws 08P01 for an impossible length,
   * as soon as the header is there, and again at every later call: nothing after it can be understood.
   */
  next(): Buffer | undefined {
    if (this.#assembledBytes > 0) return this.#assemble();
    if (this.#offset === this.#chunk.length && !this.#advance()) return undefined;
    const available = this.#chunk.length - this.#offset;
    if (available >= frameHeaderBytes) {
      const frameBytes = this.#readFrameBytes(this.#chunk, this.#offset);
      if (frameBytes <= available) {
        const frame = this.#chunk.subarray(this.#offset, this.#offset + frameBytes);
        this.#offset += frameBytes;
        this.#bufferedBytes -= frameBytes;
        this.taken += 1;
        if (this.#offset === this.#chunk.length) this.#advance();
        return frame;
      }
    }
    this.#assembly = Buffer.allocUnsafe(frameHeaderBytes);
    return this.#assemble();
  }

  /** Bytes pushed and not yet returned in a frame. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** Moves on to the next waiting chunk; false when there is none, and then no chunk is held. */
  #advance(): boolean {
    this.#offset = 0;
    const chunk = this.#waiting[this.#waitingHead];
    if (chunk === undefined) {
      this.#chunk = nothing;
      this.#waiting = [];
      this.#waitingHead = 0;
      return false;
    }
    this.#waitingHead += 1;
    this.#chunk = chunk;
    // Chunks already passed must not be held; dropping them in halves costs each at most one more move.
    if (this.#waitingHead > 32 && this.#waitingHead * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#waitingHead);
      this.#waitingHead = 0;
    }
    return true;
  }

  #readFrameBytes(bytes: Buffer, offset: number): number {
    const length = bytes.readInt32BE(offset + 1);
    if (length < 4 || length >= this.#maximumFrameBytes) {
      throw new PgError(sqlstate.protocolViolation, 'invalid message length', { severity: 'FATAL' });
    }
    return length + 1;
  }

  #assemble(): Buffer | undefined {
    if (!this.#fill(frameHeaderBytes)) return undefined;
    const frameBytes = this.#readFrameBytes(this.#assembly, 0);
    if (!this.#fill(frameBytes)) return undefined;
    const frame = this.#assembly;
    this.#assembly = nothing;
    this.#assembledBytes = 0;
    this.#bufferedBytes -= frameBytes;
    this.taken += 1;
    return frame;
  }

  /** Copies from the chunks until the assembly holds `wanted` bytes; false when the chunks run out before. */
  #fill(wanted: number): boolean {
    while (this.#assembledBytes < wanted) {
      if (this.#offset === this.#chunk.length && !this.#advance()) return false;
      if (this.#assembledBytes === this.#assembly.length) this.#grow(wanted);
      const copied = this.#chunk.copy(
        this.#assembly,
        this.#assembledBytes,
        this.#offset,
        Math.min(this.#chunk.length, this.#offset + wanted - this.#assembledBytes),
      );
      this.#assembledBytes += copied;
      this.#offset += copied;
    }
    return true;
  }

  /** Doubles the assembly, up to exactly what the frame needs. */
  #grow(wanted: number): void {
    const room = Math.min(wanted, Math.max(firstAssemblyBytes, this.#assembly.length * 2));
    const larger = Buffer.allocUnsafe(room);
    this.#assembly.copy(larger, 0, 0, this.#assembledBytes);
    this.#assembly = larger;
  }
}
