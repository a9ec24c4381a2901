/** The part of a watch that all stores share: reads, in order, one at a time, and only news reaches the listener. */

import { PgError, sqlstate } from '../../base/errors.js';
import type { Topology } from '../topology.js';

export class TopologyWatcher {
  readonly #read: () => Promise<Topology | undefined>;
  readonly #listener: (topology: Topology) => void;
  readonly #onTrouble: (error: PgError) => void;
  #epoch = 0;
  #closed = false;
  #troubled = false;
  #wanted = false;
  #running: Promise<void> = Promise.resolve();
  #isRunning = false;

  constructor(
    read: () => Promise<Topology | undefined>,
    listener: (topology: Topology) => void,
    onTrouble: (error: PgError) => void = () => {},
  ) {
    this.#read = read;
    this.#listener = listener;
    this.#onTrouble = onTrouble;
  }

  /** Something may have changed: reads now, or once more when the read in progress has ended. */
  poke(): void {
    if (this.#closed) return;
    this.#wanted = true;
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#running = this.#drain();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  /** Never rejects. */
  async #drain(): Promise<void> {
    while (this.#wanted && !this.#closed) {
      this.#wanted = false;
      try {
        const topology = await this.#read();
        this.#troubled = false;
        this.#offer(topology);
      } catch (error) {
        this.#tell(error);
      }
    }
    this.#isRunning = false;
  }

  #offer(topology: Topology | undefined): void {
    if (topology === undefined || topology.epoch <= this.#epoch || this.#isClosed()) return;
    this.#epoch = topology.epoch;
    this.#listener(topology);
  }

  #isClosed(): boolean {
    return this.#closed;
  }

  #tell(error: unknown): void {
    if (this.#troubled || this.#isClosed()) return;
    this.#troubled = true;
    this.#onTrouble(
      error instanceof PgError ? error : new PgError(sqlstate.internalError, String(error), { severity: 'WARNING' }),
    );
  }
}
