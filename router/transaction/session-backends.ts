/** The server connections of one client session: lent for the session's life, one a shard, opened when first needed. */

import { assert } from '../../base/assert.js';
import { PgError, sqlstate } from '../../base/errors.js';
import type { OidMap } from '../../catalog/oid-map.js';
import type { Shard, ShardId, Topology } from '../../catalog/topology.js';
import { runCommand } from '../backend/command.js';
import type { BackendConnection, BackendIdentity } from '../backend/connection.js';
import type { BackendPool } from '../backend/pool.js';
import { SessionSettings } from './settings.js';

/** What a session wants to hear from its connections at any time. */
interface SessionListener {
  onParameter(connection: BackendConnection, name: string, value: string): void;
  onNotification(frame: Buffer): void;
  /** The server of that shard has closed the session's connection, and said why. */
  onFarewell(shard: ShardId, error: PgError): void;
}

/** The shard of that id. Errors: XX000-like 55000 when a topology change removed it. */
export function shardOf(topology: Topology, id: ShardId): Shard {
  const shard = topology.shards.find((candidate) => candidate.id === id);
  if (shard !== undefined) return shard;
  throw new PgError(sqlstate.objectNotInPrerequisiteState, `shard ${id} is no longer part of the cluster`);
}

export class SessionBackends {
  readonly settings = new SessionSettings();
  readonly #connections = new Map<ShardId, BackendConnection>();
  /** With the state of the settings that each has. */
  readonly #borrowed = new Map<BackendConnection, string | undefined>();
  readonly #pool: BackendPool;
  readonly #identity: BackendIdentity;
  readonly #topology: () => Topology;
  readonly #prepareDatabase: (shard: Shard, database: string) => Promise<void>;
  readonly #oidMap: (shard: ShardId) => OidMap | undefined;
  readonly #listener: SessionListener;
  /** The topology that the connections' addresses were compared with. */
  #seen: Topology | undefined;
  #ended = false;

  /**
   * `prepareDatabase` makes sure that schema pgring is there before a shard's database is first used, and that its
   * oids are known to `oidMap`.
   */
  constructor(options: {
    readonly pool: BackendPool;
    readonly identity: BackendIdentity;
    readonly topology: () => Topology;
    readonly prepareDatabase: (shard: Shard, database: string) => Promise<void>;
    readonly oidMap: (shard: ShardId) => OidMap | undefined;
    readonly listener: SessionListener;
  }) {
    this.#pool = options.pool;
    this.#identity = options.identity;
    this.#topology = options.topology;
    this.#prepareDatabase = options.prepareDatabase;
    this.#oidMap = options.oidMap;
    this.#listener = options.listener;
  }

  get topology(): Topology {
    return this.#topology();
  }

  /** Connections that are open now. */
  get open(): Iterable<readonly [ShardId, BackendConnection]> {
    return this.#connections;
  }

  /** Connections on which something runs now, borrowed ones too. */
  get busy(): readonly BackendConnection[] {
    return [...this.#connections.values(), ...this.#borrowed.keys()].filter(
      (connection) => connection.outstandingReady > 0,
    );
  }

  /** Connections that a statement or a transaction is on, borrowed ones too, with their shards. */
  get inUse(): readonly (readonly [ShardId, BackendConnection])[] {
    const inUse = [...this.#connections].filter(
      ([, connection]) => connection.outstandingReady > 0 || connection.status !== 'I',
    );
    for (const connection of this.#borrowed.keys()) {
      const shard = this.#topology().shards.find(({ name }) => name === connection.address.name);
      if (shard !== undefined) inUse.push([shard.id, connection]);
    }
    return inUse;
  }

  /** The open connection to a shard, whether it has caught up or not. */
  peek(shard: ShardId): BackendConnection | undefined {
    if (this.#topology() !== this.#seen) this.#leaveOldAddresses();
    const connection = this.#connections.get(shard);
    if (connection?.closed !== true) return connection;
    this.#connections.delete(shard);
    return undefined;
  }

  /** An open connection that can be used at once, or undefined: then `connect` is needed. */
  ready(shard: ShardId): BackendConnection | undefined {
    const connection = this.peek(shard);
    if (connection?.status !== 'I' || connection.appliedSettings !== this.settings.version) return undefined;
    return connection;
  }

  /** Gives up connections to where a shard is no more, unless a transaction is open on them. */
  #leaveOldAddresses(): void {
    const topology = this.#topology();
    let all = true;
    for (const [id, connection] of this.#connections) {
      const shard = topology.shards.find((candidate) => candidate.id === id);
      if (shard?.host === connection.address.host && shard.port === connection.address.port) continue;
      if (connection.clean) {
        this.#connections.delete(id);
        connection.end();
      } else all = false;
    }
    if (all) this.#seen = topology;
  }

  /** Lends a connection; one that comes after the session's end goes back at once. */
  async #acquire(shard: ShardId, state?: string): Promise<BackendConnection> {
    const connection = await this.#pool.acquire(shardOf(this.#topology(), shard), this.#identity, state);
    connection.oidMap = () => this.#oidMap(shard);
    if (!this.#ended) return connection;
    await this.#pool.release(connection);
    throw new PgError(sqlstate.adminShutdown, 'the session has ended');
  }

  /** The connection to a shard, opened if need be, with the session's settings and no transaction. */
  async connect(shard: ShardId): Promise<BackendConnection> {
    let connection = this.peek(shard);
    assert(connection === undefined || connection.status === 'I', 'a transaction was left open on a connection');
    if (connection === undefined) {
      const target = shardOf(this.#topology(), shard);
      connection = await this.#acquire(shard);
      this.#adopt(shard, connection);
      try {
        await this.#prepareDatabase(target, this.#identity.database);
      } catch (error) {
        // Kept, it would be taken for a prepared one at the next use.
        if (this.#connections.get(shard) === connection) {
          this.#connections.delete(shard);
          await this.#pool.release(connection);
        }
        throw error;
      }
    }
    await this.catchUp(connection);
    return connection;
  }

  /**
   * A connection of its own beside the session's, with the session's settings. `giveBack` returns it, or `keepForLater`.
   */
  async borrow(shard: ShardId): Promise<BackendConnection> {
    const state = this.settings.state;
    const connection = await this.#acquire(shard, state);
    this.#borrowed.set(connection, state);
    // One in that very state has them all.
    if (connection.keptState !== undefined) connection.appliedSettings = this.settings.version;
    try {
      await this.catchUp(connection);
    } catch (error) {
      await this.giveBack(connection);
      throw error;
    }
    return connection;
  }

  /** Runs work with a borrowed connection to each of these shards. */
  async withBorrowed(
    shards: readonly ShardId[],
    work: (borrowed: readonly { readonly shard: ShardId; readonly connection: BackendConnection }[]) => Promise<void>,
  ): Promise<void> {
    const outcomes = await Promise.allSettled(
      shards.map(async (shard) => ({ shard, connection: await this.borrow(shard) })),
    );
    const borrowed = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    try {
      for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
      await work(borrowed);
    } finally {
      await Promise.all(borrowed.map(async ({ connection }) => await this.giveBack(connection)));
    }
  }

  async giveBack(connection: BackendConnection): Promise<void> {
    this.#borrowed.delete(connection);
    await this.#pool.release(connection);
  }

  /** Returns it uncleaned, for sessions with the same settings: nothing that they would see is left behind on it. */
  async keepForLater(connection: BackendConnection): Promise<void> {
    const state = this.#borrowed.get(connection);
    this.#borrowed.delete(connection);
    await this.#pool.release(connection, state);
  }

  /** Runs on the connection what the session has SET since the connection was last used. */
  async catchUp(connection: BackendConnection): Promise<void> {
    const version = this.settings.version;
    if (connection.appliedSettings === version) return;
    // What it reports on the way is no news to the client, who has SET it before.
    const { onParameter } = connection;
    connection.onParameter = undefined;
    for (const statement of this.settings.since(connection.appliedSettings)) await runCommand(connection, statement);
    connection.onParameter = onParameter;
    connection.appliedSettings = version;
  }

  /** The session's end: destroys connections that something unfinished is on, and gives the others back. */
  async releaseAll(): Promise<void> {
    this.#ended = true;
    const connections = [...this.#connections.values()];
    this.#connections.clear();
    await Promise.all(connections.map(async (connection) => await this.#pool.release(connection)));
  }

  /** The session's own parts of a connection's life. */
  #adopt(shard: ShardId, connection: BackendConnection): void {
    this.#connections.set(shard, connection);
    connection.onParameter = (name, value) => {
      this.#listener.onParameter(connection, name, value);
    };
    connection.onNotification = (frame) => {
      this.#listener.onNotification(frame);
    };
    connection.onFarewell = (error) => {
      this.#listener.onFarewell(shard, error);
    };
  }
}
