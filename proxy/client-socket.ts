/** A client's socket: output with backpressure, input as whole frames. */

import type { Socket } from 'node:net';
import type { ClientOutput } from '../router/backend/output.js';

/** Larger parts are not worth a copy. */
const SMALL_BYTES = 8 * 1024;

export class ClientSocket implements ClientOutput {
  readonly #socket: Socket;
  /** Parts that leave together at the end of the turn. */
  #parts: Buffer[] = [];
  #partBytes = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  write(bytes: Buffer): boolean {
    if (this.#socket.destroyed) return true;
    this.#flush();
    this.#socket.write(bytes);
    return this.#socket.writableLength === 0;
  }

  writeSoon(bytes: Buffer): boolean {
    if (bytes.length > SMALL_BYTES) return this.write(bytes);
    if (this.#parts.length === 0) process.nextTick(this.#flush);
    this.#parts.push(Buffer.from(bytes));
    this.#partBytes += bytes.length;
    if (this.#partBytes > SMALL_BYTES) this.#flush();
    return this.#socket.writableLength === 0;
  }

  async drained(): Promise<void> {
    this.#flush();
    if (this.#socket.destroyed || this.#socket.writableLength === 0) return;
    await new Promise<void>((resolve) => {
      this.#whenDrained(resolve, resolve);
    });
  }

  onceDrained(callback: () => void): void {
    this.#whenDrained(callback, () => undefined);
  }

  /** Says the last words and closes. */
  end(bytes: Buffer): void {
    if (this.#socket.destroyed) return;
    this.#flush();
    this.#socket.end(bytes);
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
    if (!this.#socket.destroyed) this.#socket.write(bytes);
  };

  /**
   * An empty write with a callback marks the place up to which everything must have left: below the high-water mark
   * Node emits no `drain`.
   */
  #whenDrained(callback: () => void, onClose: () => void): void {
    const socket = this.#socket;
    this.#flush();
    if (socket.destroyed) {
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
