/**
 * Server connections, lent and taken back. A connection belongs to one shard and one identity (database, role, start-up
 * parameters). It carries what a session has left on it in fields (settings, numbers of sequences), by which the next
 * one brings it up to its own; whatever else a session leaves, it must take away before, or give the connection up.
 */

import { PgError, sqlstate } from '../../base/errors.js';
import type { Shard, ShardId } from '../../catalog/topology.js';
import { encodeQuery } from '../../wire/encode-frontend.js';
import { Admission } from './admission.js';
import { makeAppliedSettings } from './applied-settings.js';
import { sameOids, type BackendConnection, type BackendIdentity } from './connection.js';
import { Exchange } from './exchange.js';
import type { PoolLimits, Wish } from './pool-limits.js';
import { noteBase } from './reported-parameters.js';
import { ShardPool } from './shard-pool.js';

/** As long as a server waits for others to leave a database that is dropped (CountOtherDBBackends(), procarray.c). */
const RELEASED_MS = 5_000;
/** How often idle connections are looked at. */
const SWEEP_MS = 1_000;

export class BackendPool {
  readonly #limits: PoolLimits;
  readonly #shards = new Map<ShardId, ShardPool>();
  readonly #homes = new WeakMap<BackendConnection, ShardPool>();
  readonly #admission: Admission;
  /** When databases were released, by name. */
  readonly #released = new Map<string, number>();
  readonly #sweeper: NodeJS.Timeout;
  #closed = false;

  constructor(limits: PoolLimits) {
    this.#limits = limits;
    this.#admission = new Admission(limits.connectionsPerShard + limits.reserve, () => {
      for (const pool of this.#shards.values()) pool.serveHolders();
    });
    this.#sweeper = setInterval(
      () => {
        for (const pool of this.#shards.values()) pool.sweep();
      },
      Math.min(SWEEP_MS, limits.idleTimeoutMs),
    ).unref();
  }

  /** Connections that exist now, lent or idle. */
  get size(): number {
    let size = 0;
    for (const pool of this.#shards.values()) size += pool.size;
    return size;
  }

  /** Lends a connection that has all that the session needs, if one is idle and nobody waits for one. */
  acquireNow(shard: Shard, identity: BackendIdentity, wish: Wish): BackendConnection | undefined {
    const pool = this.#poolOf(shard.id);
    const connection = this.#closed ? undefined : pool.takeNow(shard, identity, wish);
    if (connection !== undefined) this.#homes.set(connection, pool);
    return connection;
  }

  /**
   * Lends a connection, which may have other settings. Errors: the server's own, 08006 when it cannot be reached, 53300
   * after a long wait.
   */
  async acquire(shard: Shard, identity: BackendIdentity, wish: Wish): Promise<BackendConnection> {
    if (this.#closed) throw shuttingDown();
    const pool = this.#poolOf(shard.id);
    for (;;) {
      const connection = await pool.take(shard, identity, wish);
      this.#homes.set(connection, pool);
      const idleMs = performance.now() - connection.usedAt;
      if (idleMs <= this.#limits.checkAfterMs || (await this.#isAlive(connection))) return connection;
      connection.destroy();
    }
  }

  /** Takes a connection back, which must not be used by the caller any more. One that is in the middle of something is ended. */
  release(connection: BackendConnection): void {
    connection.onNotification = undefined;
    connection.onParameter = undefined;
    connection.onFarewell = undefined;
    connection.oidMap = sameOids;
    // It may be waiting for a client that is gone.
    connection.resume();
    const pool = this.#homes.get(connection);
    if (pool === undefined || this.#closed || !connection.clean) {
      connection.destroy();
      return;
    }
    if (this.#isReleased(connection.identity.database)) connection.end();
    else if (connection.cancelling) void this.#releaseLater(connection, pool);
    else pool.putBack(connection);
  }

  /** Takes back a connection on which a session may have left anything that DISCARD ALL takes away. */
  async releaseCleaned(connection: BackendConnection): Promise<void> {
    connection.onNotification = undefined;
    connection.onParameter = undefined;
    connection.resume();
    try {
      if (connection.clean) await discardAll(connection);
    } catch {
      connection.destroy();
    }
    this.release(connection);
  }

  /** Ends the idle connections to a database, and those that come back in the next moments. */
  releaseDatabase(database: string): void {
    this.#released.set(database, Date.now());
    for (const pool of this.#shards.values()) pool.endIdle(({ identity }) => identity.database === database);
  }

  /** No connection that exists now is lent again: idle ones end, and lent ones when they come back. */
  renew(): void {
    for (const pool of this.#shards.values()) pool.renew();
  }

  /** Ends the idle connections; lent ones end when they come back. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#sweeper);
    for (const pool of this.#shards.values()) pool.close(shuttingDown());
  }

  /** A late cancel would hit whatever runs on it next. */
  async #releaseLater(connection: BackendConnection, pool: ShardPool): Promise<void> {
    await connection.cancelled();
    if (connection.clean && !this.#closed) pool.putBack(connection);
    else connection.destroy();
  }

  async #isAlive(connection: BackendConnection): Promise<boolean> {
    const timer = setTimeout(() => {
      connection.destroy();
    }, this.#limits.connectTimeoutMs);
    try {
      const exchange = new Exchange(connection);
      exchange.send([encodeQuery('')], 1);
      await exchange.finish();
      return true;
    } catch {
      return false;
    } finally {
      clearTimeout(timer);
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
      pool = new ShardPool(this.#limits, this.#admission);
      this.#shards.set(shard, pool);
    }
    return pool;
  }
}

/** Takes away what a session has left. What it cannot: names of settings that were made up, a seed, loaded libraries. */
export async function discardAll(connection: BackendConnection): Promise<void> {
  const exchange = new Exchange(connection);
  exchange.send([encodeQuery('DISCARD ALL')], 1);
  const error = await exchange.finish();
  if (error !== undefined) throw error;
  noteDiscarded(connection);
}

/** DISCARD ALL was run on it. */
export function noteDiscarded(connection: BackendConnection): void {
  connection.prepared.clear();
  connection.settings = makeAppliedSettings([], connection.settings.ownNames);
  connection.numbersOf = undefined;
  noteBase(connection);
}

function shuttingDown(): PgError {
  return new PgError(sqlstate.adminShutdown, 'pgring is shutting down', { severity: 'FATAL' });
}
