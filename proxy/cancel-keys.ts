/** Which session a CancelRequest means: its process id and secret key, as BackendKeyData gave them to the client. */

import { randomBytes, randomInt, timingSafeEqual } from 'node:crypto';

export interface CancelKey {
  readonly processId: number;
  readonly secretKey: Buffer;
}

interface Cancellable {
  cancel(): Promise<void>;
}

const LARGEST_PROCESS_ID = 0x7fffffff;

export class CancelKeys {
  readonly #sessions = new Map<number, { readonly secretKey: Buffer; readonly session: Cancellable }>();

  /** Gives a session its key; `keyBytes` is 4 for protocol 3.0. */
  register(session: Cancellable, keyBytes: number): CancelKey {
    let processId = randomInt(1, LARGEST_PROCESS_ID);
    while (this.#sessions.has(processId)) processId = randomInt(1, LARGEST_PROCESS_ID);
    const secretKey = randomBytes(keyBytes);
    this.#sessions.set(processId, { secretKey, session });
    return { processId, secretKey };
  }

  remove(processId: number): void {
    this.#sessions.delete(processId);
  }

  /** Cancels what the session runs; a request with a wrong key is ignored, as by PostgreSQL. */
  async cancel(processId: number, secretKey: Buffer): Promise<void> {
    const entry = this.#sessions.get(processId);
    if (entry === undefined || entry.secretKey.length !== secretKey.length) return;
    if (timingSafeEqual(entry.secretKey, secretKey)) await entry.session.cancel();
  }
}
