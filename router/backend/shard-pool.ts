/**
 * The connections to one shard: idle ones, lent ones, those being opened, and who waits for one, in order. Whatever may
 * make a connection or a place free ends in serve(), which is the one place where waiting sessions get connections.
 */

import { PgError, sqlstate } from '../../base/errors.js';
import type { Shard } from '../../catalog/topology.js';
import type { Admission } from './admission.js';
import { ConnectBackoff } from './connect-backoff.js';
import { describeAddress, type BackendConnection, type BackendIdentity } from './connection.js';
import { IdleConnections } from './idle-connections.js';
import { openConnection } from './log-in.js';
import { identityKey, type PoolLimits, type Purpose, type Wish } from './pool-limits.js';

/** A lifetime is shorter by up to that part of it, so that connections opened together do not end together. */
const LIFETIME_JITTER = 0.2;
/** Who waits so long for a connection to finish a statement on gets one above the bound. */
const FINISHING_PATIENCE_MS = 1_000;

interface Request {
  readonly shard: Shard;
  readonly identity: BackendIdentity;
  readonly wish: Wish;
  readonly resolve: (connection: BackendConnection) => void;
  readonly reject: (error: unknown) => void;
  readonly stopTimers: () => void;
  state: 'waiting' | 'overdue' | 'done';
}

interface Loan {
  readonly owner: object;
  readonly purpose: Purpose;
  /** Database and role. */
  readonly role: string;
}

/** What became of a request: `blocked by role` says nothing about those behind it. */
type Outcome = 'served' | 'blocked' | 'blocked by role';

export class ShardPool {
  readonly #limits: PoolLimits;
  readonly #admission: Admission;
  readonly #idle: IdleConnections;
  readonly #lent = new Map<BackendConnection, Loan>();
  /** Identities in use lately, with the time of that. */
  readonly #seen = new Map<string, { readonly identity: BackendIdentity; usedAt: number }>();
  readonly #backoff = new ConnectBackoff();
  /** Loans, those being opened among them, by purpose, and for sessions by role. */
  readonly #loans: Record<Purpose, number> = { session: 0, finishing: 0 };
  readonly #roles = new Map<string, number>();
  readonly #queues: Record<Purpose, Request[]> = { session: [], finishing: [] };
  #connecting = 0;
  #warming = 0;
  #shard: Shard | undefined;
  #closed: PgError | undefined;

  constructor(limits: PoolLimits, admission: Admission) {
    this.#limits = limits;
    this.#admission = admission;
    this.#idle = new IdleConnections(limits.checkAfterMs);
  }

  /** Connections that exist or are being opened. */
  get size(): number {
    return this.#idle.size + this.#lent.size + this.#connecting;
  }

  /** Lends a connection that can be used at once, unless others wait for one; else undefined. */
  takeNow(shard: Shard, identity: BackendIdentity, wish: Wish): BackendConnection | undefined {
    if (this.#queues[wish.purpose].length > 0 && !this.#admission.holds(wish.owner)) return undefined;
    if (this.#bound(identity, wish) !== 'served') return undefined;
    const connection = this.#idle.takeReady(shard, identity, wish);
    if (connection !== undefined) this.#lend(connection, loanFor(identity, wish));
    return connection;
  }

  /** Lends a connection. Errors: the server's own, 08006 when it cannot be reached, 53300 after a long wait. */
  async take(shard: Shard, identity: BackendIdentity, wish: Wish): Promise<BackendConnection> {
    if (this.#closed !== undefined) throw this.#closed;
    this.#seen.set(identityKey(identity), { identity, usedAt: performance.now() });
    this.#shard = shard;
    return await new Promise<BackendConnection>((resolve, reject) => {
      const queue = this.#queues[wish.purpose];
      const timer = setTimeout(() => {
        this.#remove(request);
        reject(this.#tooMany(shard, wish));
      }, this.#limits.queueTimeoutMs);
      const patience = setTimeout(() => {
        if (wish.purpose !== 'finishing') return;
        request.state = 'overdue';
        this.serve();
      }, FINISHING_PATIENCE_MS);
      const stopTimers = (): void => {
        clearTimeout(timer);
        clearTimeout(patience);
      };
      const request: Request = { shard, identity, wish, resolve, reject, stopTimers, state: 'waiting' };
      this.#admission.beginWait(wish.owner);
      if (this.#admission.holds(wish.owner) && this.#serve(request) === 'served') return;
      queue.push(request);
      this.serve();
    });
  }

  /** Takes a connection back, which is clean; idle again, it may go to whoever waits. */
  putBack(connection: BackendConnection): void {
    this.#endLoan(connection);
    const now = performance.now();
    const isSpare = this.size >= this.#limits.connectionsPerShard + this.#limits.finishing;
    if (this.#closed !== undefined || connection.expiresAt <= now || isSpare) {
      connection.end();
      return;
    }
    connection.usedAt = now;
    this.#idle.add(connection);
    this.serve();
  }

  /** Gives connections to those who wait, in order. */
  serve(): void {
    if (this.#queues.session.length > 0) this.#serveInOrder(this.#queues.session);
    if (this.#queues.finishing.length > 0) {
      for (const request of this.#queues.finishing.filter(({ state }) => state === 'overdue')) this.#serve(request);
      this.#serveInOrder(this.#queues.finishing);
    }
  }

  /** Also to sessions further behind that have got their first connection elsewhere meanwhile. */
  serveHolders(): void {
    const holders = this.#queues.session.filter(({ wish }) => this.#admission.holds(wish.owner));
    for (const request of holders) this.#serve(request);
    this.serve();
  }

  /** Ends idle connections that nobody has used for long or that have served their time, and keeps the minimum. */
  sweep(): void {
    const { idleTimeoutMs, minimum } = this.#limits;
    const now = performance.now();
    for (const [key, seen] of this.#seen) {
      const isUsed = now - seen.usedAt < idleTimeoutMs;
      const idle = this.#idle.of(key);
      let left = idle.length + this.#countLent(key);
      const ending = idle.filter((connection) => {
        const isOld = now - connection.usedAt >= idleTimeoutMs && (!isUsed || left > minimum);
        const ends = isOld || connection.expiresAt <= now;
        if (ends) left -= 1;
        return ends;
      });
      for (const connection of ending) connection.end();
      if (isUsed) this.#warm(key, seen.identity);
      else if (left === 0) this.#seen.delete(key);
    }
  }

  /** Ends idle connections. */
  endIdle(wanted: (connection: BackendConnection) => boolean): void {
    for (const connection of [...this.#idle.all()].filter(wanted)) connection.end();
  }

  /** Ends idle connections, and others when they come back. */
  renew(): void {
    this.endIdle(() => true);
    for (const connection of this.#lent.keys()) connection.expiresAt = 0;
  }

  /** Lends nothing any more, for that reason. */
  close(reason: PgError): void {
    this.#closed = reason;
    for (const request of [...this.#queues.session, ...this.#queues.finishing]) {
      this.#remove(request);
      request.reject(reason);
    }
    this.endIdle(() => true);
  }

  #serveInOrder(queue: readonly Request[]): void {
    for (let place = 0; place < queue.length;) {
      const request = queue[place];
      if (request === undefined) return;
      const outcome = this.#serve(request);
      if (outcome === 'blocked') return;
      if (outcome === 'blocked by role') place += 1;
    }
  }

  #serve(request: Request): Outcome {
    const { shard, identity, wish } = request;
    if (request.state === 'done') return 'served';
    const bound = request.state === 'overdue' ? 'served' : this.#bound(identity, wish);
    if (bound !== 'served') return bound;
    const mayOpen = this.size < this.#limits.connectionsPerShard && this.#connecting < this.#limits.connectsAtOnce;
    const idle = this.#idle.takeBest(shard, identity, wish, mayOpen);
    if (idle !== undefined) {
      this.#remove(request);
      this.#lend(idle, loanFor(identity, wish));
      request.resolve(idle);
      return 'served';
    }
    const down = this.#backoff.errorNow();
    if (down === undefined && this.#connecting >= this.#limits.connectsAtOnce) return 'blocked';
    this.#remove(request);
    if (down === undefined) this.#openFor(request);
    else request.reject(down);
    return 'served';
  }

  /** Whether a loan is within its bounds. */
  #bound({ database, user }: BackendIdentity, { owner, purpose }: Wish): Outcome {
    const { connectionsPerShard, connectionsPerRole, reserve, finishing } = this.#limits;
    const { session: lent } = this.#loans;
    if (purpose === 'finishing') return this.#loans.finishing < finishing ? 'served' : 'blocked';
    if (this.#admission.holds(owner)) return lent < connectionsPerShard + reserve ? 'served' : 'blocked by role';
    if (lent >= connectionsPerShard || !this.#admission.hasRoom()) return 'blocked';
    if (connectionsPerRole >= connectionsPerShard) return 'served';
    return (this.#roles.get(roleOf(database, user)) ?? 0) < connectionsPerRole ? 'served' : 'blocked by role';
  }

  #openFor({ shard, identity, wish, resolve, reject }: Request): void {
    const loan = loanFor(identity, wish);
    if (this.size >= this.#limits.connectionsPerShard + this.#limits.finishing) this.#idle.oldest()?.end();
    this.#begin(loan);
    this.#open(shard, identity).then(
      (connection) => {
        if (this.#closed === undefined) {
          this.#lent.set(connection, loan);
          resolve(connection);
        } else {
          this.#finish(loan);
          connection.end();
          reject(this.#closed);
        }
        this.serve();
      },
      (error: unknown) => {
        this.#finish(loan);
        reject(error);
        this.serve();
      },
    );
  }

  #lend(connection: BackendConnection, loan: Loan): void {
    const seen = this.#seen.get(identityKey(connection.identity));
    if (seen !== undefined) seen.usedAt = performance.now();
    this.#lent.set(connection, loan);
    this.#begin(loan);
  }

  #endLoan(connection: BackendConnection): void {
    const loan = this.#lent.get(connection);
    if (loan === undefined) return;
    this.#lent.delete(connection);
    this.#finish(loan);
  }

  #begin(loan: Loan): void {
    this.#loans[loan.purpose] += 1;
    if (loan.purpose === 'finishing') return;
    this.#roles.set(loan.role, (this.#roles.get(loan.role) ?? 0) + 1);
    this.#admission.add(loan.owner);
  }

  #finish(loan: Loan): void {
    this.#loans[loan.purpose] -= 1;
    if (loan.purpose === 'finishing') return;
    const count = (this.#roles.get(loan.role) ?? 0) - 1;
    if (count > 0) this.#roles.set(loan.role, count);
    else this.#roles.delete(loan.role);
    this.#admission.remove(loan.owner);
  }

  /** Opens what the identity lacks to its minimum, in the background. */
  #warm(key: string, identity: BackendIdentity): void {
    const { minimum, connectionsPerShard, connectsAtOnce } = this.#limits;
    const shard = this.#shard;
    if (shard === undefined || minimum === 0 || this.#closed !== undefined) return;
    let there = this.#idle.of(key).length + this.#countLent(key) + this.#warming;
    while (there < minimum && this.size < connectionsPerShard && this.#connecting < connectsAtOnce) {
      if (this.#backoff.errorNow() !== undefined) return;
      there += 1;
      this.#warming += 1;
      this.#open(shard, identity)
        .then(
          (connection) => {
            this.putBack(connection);
          },
          () => undefined,
        )
        .finally(() => {
          this.#warming -= 1;
        });
    }
  }

  #countLent(key: string): number {
    let count = 0;
    for (const { identity } of this.#lent.keys()) if (identityKey(identity) === key) count += 1;
    return count;
  }

  async #open(shard: Shard, identity: BackendIdentity): Promise<BackendConnection> {
    this.#connecting += 1;
    try {
      const connection = await openConnection(shard, identity, this.#limits.connectTimeoutMs);
      this.#backoff.succeeded();
      const now = performance.now();
      connection.usedAt = now;
      connection.expiresAt = now + this.#limits.lifetimeMs * (1 - LIFETIME_JITTER * Math.random());
      connection.onClose = () => {
        this.#endLoan(connection);
        this.#idle.remove(connection);
        this.serve();
      };
      return connection;
    } catch (error) {
      this.#backoff.failed(error);
      throw error;
    } finally {
      this.#connecting -= 1;
    }
  }

  #remove(request: Request): void {
    request.state = 'done';
    request.stopTimers();
    this.#admission.endWait(request.wish.owner);
    const queue = this.#queues[request.wish.purpose];
    const place = queue.indexOf(request);
    if (place >= 0) queue.splice(place, 1);
  }

  #tooMany(shard: Shard, { purpose }: Wish): PgError {
    const { queueTimeoutMs, connectionsPerShard, finishing } = this.#limits;
    const [count, limit] =
      purpose === 'session'
        ? [connectionsPerShard, 'limits.server_connections_per_shard']
        : [finishing, 'limits.finishing_connections_per_shard'];
    return new PgError(
      sqlstate.tooManyConnections,
      `no connection to ${describeAddress(shard)} became free within ${queueTimeoutMs} ms`,
      { hint: `All ${count} are in use. Raise ${limit}, or use fewer clients.` },
    );
  }
}

function roleOf(database: string, user: string): string {
  return `${database}\n${user}`;
}

function loanFor({ database, user }: BackendIdentity, { owner, purpose }: Wish): Loan {
  return { owner, purpose, role: roleOf(database, user) };
}
