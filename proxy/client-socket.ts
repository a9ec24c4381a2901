/** A client's socket: output with backpressure, input as whole frames. */

import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { ClientOutput } from '../router/backend/output.js';

/** Larger parts are not worth a copy. */
const SMALL_BYTES = 8 * 1024;
/** How long a client may take to hear the last words. */
const FAREWELL_MS = 3_000;

export class ClientSocket implements ClientOutput {
  readonly #socket: Socket;
  readonly #isEncrypted: boolean;
  /** Parts that leave together at the end of the turn. */
  #parts: Buffer[] = [];
  #partBytes = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#isEncrypted = socket instanceof TLSSocket;
  }

  /** Bytes may be used again after true. */
  write(bytes: Buffer): boolean {
    if (this.#isOver) return true;
    this.#flush();
    // An encrypted socket always looks as if it had bytes left: it gets a copy, and says itself when it has enough.
    if (this.#isEncrypted) return this.#socket.write(Buffer.from(bytes));
    this.#socket.write(bytes);
    return this.#socket.writableLength === 0;
  }

  writeSoon(bytes: Buffer): boolean {
    if (bytes.length > SMALL_BYTES) return this.write(bytes);
    if (this.#parts.length === 0) process.nextTick(this.#flush);
    this.#parts.push(Buffer.from(bytes));
    this.#partBytes += bytes.length;
    if (this.#partBytes > SMALL_BYTES) this.#flush();
    return this.#isEncrypted ? !this.#socket.writableNeedDrain : this.#socket.writableLength === 0;
  }

  /** Closed, or the last words are said: what a statement still has to say is not heard. */
  get #isOver(): boolean {
    return this.#socket.destroyed || this.#socket.writableEnded;
  }

  /** Bytes that wait for the client. */
  get waitingBytes(): number {
    return this.#socket.writableLength;
  }

  async drained(): Promise<void> {
    this.#flush();
    if (this.#isOver || this.#socket.writableLength === 0) return;
    await new Promise<void>((resolve) => {
      this.#whenDrained(resolve, resolve);
    });
  }

  onceDrained(callback: () => void): void {
    this.#whenDrained(callback, () => undefined);
  }

  /** Says the last words and closes, also where the other side neither reads nor closes. */
  end(bytes: Buffer): void {
    const socket = this.#socket;
    if (this.#isOver) return;
    this.#flush();
    socket.end(bytes);
    // What still comes is dropped: unread bytes would turn the farewell into a reset.
    socket.removeAllListeners('data');
    socket.resume();
    const timer = setTimeout(() => socket.destroy(), FAREWELL_MS).unref();
    socket.once('close', () => {
      clearTimeout(timer);
    });
  }

  destroy(): void {
    this.#socket.destroy();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  readonly #flush = (): void => {
    const [first, ...others] = this.#parts;
    if (first === undefined) return;
    const bytes = others.length === 0 ? first : Buffer.concat(this.#parts, this.#partBytes);
    this.#parts = [];
    this.#partBytes = 0;
    if (!this.#isOver) this.#socket.write(bytes);
  };

  /**
   * An empty write with a callback marks the place up to which everything must have left: below the high-water mark
   * Node emits no `drain`.
   */
  #whenDrained(callback: () => void, onClose: () => void): void {
    const socket = this.#socket;
    this.#flush();
    if (this.#isOver) {
      onClose();
      return;
    }
    socket.once('close', onClose);
    socket.write(nothing, () => {
      socket.off('close', onClose);
      callback();
    });
  }
}

const nothing = Buffer.alloc(0);
