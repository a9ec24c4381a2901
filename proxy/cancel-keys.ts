/**
 * The sessions of this proxy's clients by the process id that BackendKeyData gave to each: which one a CancelRequest means,
 * and who pg_stat_activity, pg_cancel_backend() and pg_terminate_backend() speak of.
 */

import { randomBytes, randomInt, timingSafeEqual } from 'node:crypto';
import type { SessionActivity } from './activity.js';

export interface CancelKey {
  readonly processId: number;
  readonly secretKey: Buffer;
}

/** With the process id of its connection to the home shard, if it has one now. */
type SessionDescription = SessionActivity & { readonly home_pid: number | null };

/** A session, as others know it. */
export interface KnownSession {
  cancel(): Promise<void>;
  /** Ends it, whatever it does (pg_terminate_backend). */
  terminate(): void;
  describe(): SessionDescription;
}

/** Above every process id of Linux (PID_MAX_LIMIT): no server takes one of these for a process of its own. */
const SMALLEST_PROCESS_ID = 0x40_0000;
const LARGEST_PROCESS_ID = 0x7fffffff;

export class CancelKeys {
  readonly #sessions = new Map<number, { readonly secretKey: Buffer; readonly session: KnownSession }>();

  /** Gives a session its key; `keyBytes` is 4 for protocol 3.0. */
  register(session: KnownSession, keyBytes: number): CancelKey {
    let processId = randomInt(SMALLEST_PROCESS_ID, LARGEST_PROCESS_ID);
    while (this.#sessions.has(processId)) processId = randomInt(SMALLEST_PROCESS_ID, LARGEST_PROCESS_ID);
    const secretKey = randomBytes(keyBytes);
    this.#sessions.set(processId, { secretKey, session });
    return { processId, secretKey };
  }

  remove(processId: number): void {
    this.#sessions.delete(processId);
  }

  /** Rows of pg_stat_activity. */
  describeAll(): readonly (SessionDescription & { readonly pid: number })[] {
    return [...this.#sessions].map(([pid, { session }]) => ({ pid, ...session.describe() }));
  }

  /** A session that has gone meanwhile takes none. */
  async signal(processId: number, kind: 'cancel' | 'terminate'): Promise<void> {
    const session = this.#sessions.get(processId)?.session;
    if (kind === 'terminate') session?.terminate();
    else await session?.cancel();
  }

  /** Cancels what the session runs; a request with a wrong key is ignored, as by PostgreSQL. */
  async cancel(processId: number, secretKey: Buffer): Promise<void> {
    const entry = this.#sessions.get(processId);
    if (entry === undefined || entry.secretKey.length !== secretKey.length) return;
    if (timingSafeEqual(entry.secretKey, secretKey)) await entry.session.cancel();
  }
}
