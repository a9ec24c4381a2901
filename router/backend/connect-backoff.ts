/** A server that cannot be reached is not asked again at once: the pause doubles with each failure, and is never the same. */

import { PgError } from '../../base/errors.js';

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1_000;

export class ConnectBackoff {
  #failures = 0;
  #until = 0;
  #error: PgError | undefined;

  /** Why the server is not to be asked now; undefined when it may be. */
  errorNow(): PgError | undefined {
    return performance.now() < this.#until ? this.#error : undefined;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#until = 0;
  }

  /** What a server says itself (no such role) shows that it is there. */
  failed(error: unknown): void {
    if (!(error instanceof PgError) || !error.sqlstate.startsWith('08')) return;
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures);
    this.#failures += 1;
    this.#error = error;
    this.#until = performance.now() + pause * (0.5 + Math.random() / 2);
  }
}
