/**
 * Keeps the limits of time that the configuration sets for all sessions, and that of memory. Looking at the sessions now and
 * then costs nothing on the way of a statement, where a timer for each would.
 */

import { PgError, sqlstate } from '../base/errors.js';
import type { Logger } from '../base/log.js';
import type { Limits } from '../catalog/config-limits.js';
import type { SessionState } from './session-state.js';

export interface Activity {
  readonly doing: SessionState['kind'];
  /** In a transaction that the client has begun. */
  readonly isInTransaction: boolean;
  /** How many messages of the client were taken so far: while it stays the same, nothing new has begun. */
  readonly messages: number;
  /** Bytes that are held for it, in both directions. */
  readonly heldBytes: number;
}

/** A client, as the clock sees it. */
interface Watched {
  readonly activity: Activity | undefined;
  cancel(reason: PgError): Promise<void>;
  terminate(reason: PgError): void;
}

interface Seen {
  readonly activity: Activity;
  /** Since when it does the same. */
  readonly since: number;
  /** Since when it is in a transaction. */
  readonly inTransactionSince: number | undefined;
}

/** The shortest limit is kept to about a tenth. */
const LOOKS = 10;
const SHORTEST_TICK_MS = 20;
const LONGEST_TICK_MS = 500;
/** Ending a client for whom less is held would not help. */
const HELD_BYTES = 1024 * 1024;

function fatal(code: string, message: string): PgError {
  return new PgError(code, message, { severity: 'FATAL' });
}

const idleInTransaction = fatal(
  sqlstate.idleInTransactionTimeout,
  'terminating connection due to idle-in-transaction timeout',
);
const idleSession = fatal(sqlstate.idleSessionTimeout, 'terminating connection due to idle-session timeout');
const longTransaction = fatal(sqlstate.transactionTimeout, 'terminating connection due to transaction timeout');
const longStatement = new PgError(sqlstate.queryCanceled, 'canceling statement due to statement timeout');

export function outOfMemory(limitBytes: number): PgError {
  return new PgError(sqlstate.outOfMemory, 'out of memory', {
    severity: 'FATAL',
    detail: `pgring may take ${limitBytes} bytes (limits.memory_bytes).`,
  });
}

export class SessionClock {
  readonly #limits: () => Limits;
  readonly #clients: () => Iterable<Watched>;
  readonly #log: Logger;
  #seen = new Map<Watched, Seen>();
  #timer: NodeJS.Timeout | undefined;
  /** The process takes as much memory as it may. */
  isFull = false;

  /** Looks until it is closed. */
  constructor(limits: () => Limits, clients: () => Iterable<Watched>, log: Logger) {
    this.#limits = limits;
    this.#clients = clients;
    this.#log = log;
    this.#wait();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #wait(): void {
    const times = timesOf(this.#limits()).filter((time) => time > 0);
    const tickMs = Math.min(LONGEST_TICK_MS, Math.max(SHORTEST_TICK_MS, Math.min(...times) / LOOKS));
    this.#timer = setTimeout(() => {
      this.#look();
      this.#wait();
    }, tickMs).unref();
  }

  #look(): void {
    const limits = this.#limits();
    const now = performance.now();
    if (timesOf(limits).some((time) => time > 0)) this.#keepTimes(limits, now);
    else this.#seen.clear();
    this.#keepMemory(limits);
  }

  #keepTimes(limits: Limits, now: number): void {
    const seen = new Map<Watched, Seen>();
    for (const client of this.#clients()) {
      const { activity } = client;
      if (activity === undefined) continue;
      const before = this.#seen.get(client);
      const isSame = before?.activity.doing === activity.doing && before.activity.messages === activity.messages;
      const next = {
        activity,
        since: isSame ? before.since : now,
        inTransactionSince: activity.isInTransaction ? (before?.inTransactionSince ?? now) : undefined,
      };
      seen.set(client, next);
      this.#judge(client, next, limits, now);
    }
    this.#seen = seen;
  }

  #judge(client: Watched, { activity, since, inTransactionSince }: Seen, limits: Limits, now: number): void {
    const exceeds = (limit: number, from: number | undefined): boolean =>
      limit > 0 && from !== undefined && now - from >= limit;
    if (exceeds(limits.transactionTimeoutMs, inTransactionSince)) {
      client.terminate(longTransaction);
    } else if (activity.doing === 'idle') {
      if (activity.isInTransaction) {
        if (exceeds(limits.idleInTransactionTimeoutMs, since)) client.terminate(idleInTransaction);
      } else if (exceeds(limits.idleSessionTimeoutMs, since)) client.terminate(idleSession);
    } else if (exceeds(limits.statementTimeoutMs, since)) {
      client.cancel(longStatement).catch((error: unknown) => {
        this.#log.warn({ error }, 'a statement that took too long could not be cancelled');
      });
    }
  }

  #keepMemory(limits: Limits): void {
    this.isFull = limits.memoryBytes > 0 && process.memoryUsage.rss() > limits.memoryBytes;
    if (!this.isFull) return;
    let most: { readonly client: Watched; readonly heldBytes: number } | undefined;
    for (const client of this.#clients()) {
      const heldBytes = client.activity?.heldBytes ?? 0;
      if (heldBytes >= HELD_BYTES && heldBytes > (most?.heldBytes ?? 0)) most = { client, heldBytes };
    }
    most?.client.terminate(outOfMemory(limits.memoryBytes));
  }
}

function timesOf(limits: Limits): readonly number[] {
  return [
    limits.statementTimeoutMs,
    limits.idleInTransactionTimeoutMs,
    limits.transactionTimeoutMs,
    limits.idleSessionTimeoutMs,
  ];
}
