/**
 * Server connections, lent and taken back. A connection belongs to one shard and one identity (database, role,
 * start-up parameters). What comes back is cleaned by DISCARD ALL; what is not provably clean is destroyed.
 */

import type { Shard, ShardId } from '../../catalog/topology.js';
import { PgError, sqlstate } from '../../base/errors.js';
import { encodeQuery } from '../../wire/encode-frontend.js';
import { describeAddress, sameOids, type BackendConnection, type BackendIdentity } from './connection.js';
import { Exchange } from './exchange.js';
import { openConnection } from './log-in.js';

export interface PoolLimits {
  readonly connectTimeoutMs: number;
  /** Connections to one shard, over all identities. */
  readonly connectionsPerShard: number;
  /** How long a session waits for a free place. */
  readonly queueTimeoutMs: number;
  /** A connection that nobody used for so long is ended. */
  readonly idleTimeoutMs: number;
}

interface Waiter {
  readonly resume: () => void;
}

interface ShardPool {
  /** Free connections by identity, the one used last at the end: idle ones are lent last in, first out. */
  readonly idle: Map<string, BackendConnection[]>;
  /** Connections that exist or are being made, lent or idle. */
  size: number;
  readonly waiters: Set<Waiter>;
}

const discard = encodeQuery('DISCARD ALL');

function identityKey(identity: BackendIdentity): string {
  return JSON.stringify([identity.database, identity.user, identity.password, ...identity.parameters]);
}

function idleKey(identity: BackendIdentity, state: string | undefined): string {
  return state === undefined ? identityKey(identity) : `${identityKey(identity)} ${state}`;
}

async function clean(connection: BackendConnection): Promise<void> {
  const exchange = new Exchange(connection);
  exchange.send([discard], 1);
  const error = await exchange.finish();
  if (error !== undefined) throw error;
  connection.prepared.clear();
}

/** As long as a server waits for others to leave a database that is dropped (CountOtherDBBackends(), procarray.c). */
const RELEASED_MS = 5_000;

export class BackendPool {
  readonly #limits: PoolLimits;
  readonly #shards = new Map<ShardId, ShardPool>();
  readonly #homes = new Map<BackendConnection, ShardPool>();
  /** When databases were released, by name. */
  readonly #released = new Map<string, number>();
  readonly #idleTimers = new Map<BackendConnection, NodeJS.Timeout>();
  #closed = false;

  constructor(limits: PoolLimits) {
    this.#limits = limits;
  }

  /** Connections that exist now, lent or idle. */
  get size(): number {
    let size = 0;
    for (const pool of this.#shards.values()) size += pool.size;
    return size;
  }

  /**
   * Lends a clean connection; with `state` rather one that came back in that state. Errors: the server's own, 08006 when
   * it cannot be reached, 53300 after a long wait.
   */
  async acquire(shard: Shard, identity: BackendIdentity, state?: string): Promise<BackendConnection> {
    const pool = this.#poolOf(shard.id);
    const key = identityKey(identity);
    const kept = idleKey(identity, state);
    const deadline = performance.now() + this.#limits.queueTimeoutMs;
    // Who comes later must not take what a longer waiter was woken for.
    if (pool.waiters.size > 0) await this.#waitForPlace(pool, shard, deadline);
    for (;;) {
      if (this.#closed) throw new PgError(sqlstate.adminShutdown, 'pgring is shutting down', { severity: 'FATAL' });
      const idle = pool.idle.get(kept)?.pop() ?? pool.idle.get(key)?.pop();
      if (idle !== undefined) {
        clearTimeout(this.#idleTimers.get(idle));
        if (idle.clean && idle.address.host === shard.host && idle.address.port === shard.port) return idle;
        idle.destroy();
        continue;
      }
      if (pool.size < this.#limits.connectionsPerShard) return await this.#open(pool, shard, identity);
      if (!this.#evictIdle(pool)) await this.#waitForPlace(pool, shard, deadline);
    }
  }

  /**
   * Takes a connection back. It must not be used by the caller any more. With `state` it is not cleaned, and lent only to
   * those who ask for that state: the caller has left nothing else on it.
   */
  async release(connection: BackendConnection, state?: string): Promise<void> {
    const pool = this.#homes.get(connection);
    connection.onNotification = undefined;
    connection.onParameter = undefined;
    connection.onFarewell = undefined;
    // It may be waiting for a client that is gone.
    connection.resume();
    connection.oidMap = sameOids;
    if (pool === undefined || !connection.clean || this.#closed) {
      connection.destroy();
      return;
    }
    try {
      await connection.cancelled();
      if (state === undefined) await clean(connection);
    } catch {
      connection.destroy();
      return;
    }
    connection.appliedSettings = 0;
    if (this.#closed || this.#isReleased(connection.identity.database)) {
      connection.end();
      return;
    }
    connection.keptState = state;
    const key = idleKey(connection.identity, state);
    const idle = pool.idle.get(key);
    if (idle === undefined) pool.idle.set(key, [connection]);
    else idle.push(connection);
    this.#idleTimers.set(
      connection,
      setTimeout(() => {
        connection.end();
      }, this.#limits.idleTimeoutMs).unref(),
    );
    this.#admitNext(pool);
  }

  /** Ends the idle connections to a database, and those that come back in the next moments. */
  releaseDatabase(database: string): void {
    this.#released.set(database, Date.now());
    for (const pool of this.#shards.values()) {
      for (const connections of pool.idle.values()) {
        for (const connection of connections.filter(({ identity }) => identity.database === database)) connection.end();
      }
    }
  }

  /** Ends the idle connections; lent ones end when they come back. */
  close(): void {
    this.#closed = true;
    for (const pool of this.#shards.values()) {
      for (const connections of pool.idle.values()) for (const connection of connections.splice(0)) connection.end();
      for (const waiter of pool.waiters) waiter.resume();
    }
  }

  #isReleased(database: string): boolean {
    const released = this.#released.get(database);
    if (released === undefined) return false;
    if (Date.now() - released < RELEASED_MS) return true;
    this.#released.delete(database);
    return false;
  }

  #poolOf(shard: ShardId): ShardPool {
    let pool = this.#shards.get(shard);
    if (pool === undefined) {
      pool = { idle: new Map(), size: 0, waiters: new Set() };
      this.#shards.set(shard, pool);
    }
    return pool;
  }

  async #open(pool: ShardPool, shard: Shard, identity: BackendIdentity): Promise<BackendConnection> {
    pool.size += 1;
    try {
      const connection = await openConnection(shard, identity, this.#limits.connectTimeoutMs);
      this.#homes.set(connection, pool);
      connection.onClose = () => {
        this.#homes.delete(connection);
        clearTimeout(this.#idleTimers.get(connection));
        this.#idleTimers.delete(connection);
        pool.size -= 1;
        const idle = pool.idle.get(idleKey(connection.identity, connection.keptState));
        const place = idle?.indexOf(connection) ?? -1;
        if (place >= 0) idle?.splice(place, 1);
        this.#admitNext(pool);
      };
      return connection;
    } catch (error) {
      pool.size -= 1;
      this.#admitNext(pool);
      throw error;
    }
  }

  /** Makes room by ending an idle connection of another identity. */
  #evictIdle(pool: ShardPool): boolean {
    for (const connections of pool.idle.values()) {
      const oldest = connections.shift();
      if (oldest !== undefined) {
        oldest.end();
        return true;
      }
    }
    return false;
  }

  #admitNext(pool: ShardPool): void {
    for (const waiter of pool.waiters) {
      pool.waiters.delete(waiter);
      waiter.resume();
      return;
    }
  }

  async #waitForPlace(pool: ShardPool, shard: Shard, deadline: number): Promise<void> {
    const { queueTimeoutMs, connectionsPerShard } = this.#limits;
    await new Promise<void>((resolve, reject) => {
      const waiter: Waiter = {
        resume: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      const timer = setTimeout(() => {
        pool.waiters.delete(waiter);
        reject(
          new PgError(
            sqlstate.tooManyConnections,
            `no connection to ${describeAddress(shard)} became free within ${queueTimeoutMs} ms`,
            {
              hint: `All ${connectionsPerShard} are in use. Raise limits.server_connections_per_shard, or use fewer clients.`,
            },
          ),
        );
      }, deadline - performance.now());
      pool.waiters.add(waiter);
    });
  }
}
