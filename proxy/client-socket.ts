/** A client's socket: output with backpressure, input as whole frames. */

import type { Socket } from 'node:net';
import type { ClientOutput } from '../router/backend/output.js';

export class ClientSocket implements ClientOutput {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  write(bytes: Buffer): boolean {
    if (this.#socket.destroyed) return true;
    this.#socket.write(bytes);
    return this.#socket.writableLength === 0;
  }

  async drained(): Promise<void> {
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

  /**
   * An empty write with a callback marks the place up to which everything must have left: below the high-water mark
   * Node emits no `drain`.
   */
  #whenDrained(callback: () => void, onClose: () => void): void {
    const socket = this.#socket;
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
