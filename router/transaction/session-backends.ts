/**
 * The server connections of one client session, one a shard: lent when a statement or a transaction first needs the
 * shard, and given back when that is over, unless something pins them (pins.ts).
 */

import { assert } from '../../base/assert.js';
import { PgError, sqlstate } from '../../base/errors.js';
import type { OidMap } from '../../catalog/oid-map.js';
import type { Shard, ShardId, Topology } from '../../catalog/topology.js';
import { makeAppliedSettings, transition } from '../backend/applied-settings.js';
import { queryEach } from '../backend/command.js';
import type { BackendConnection, BackendIdentity } from '../backend/connection.js';
import { isReadyFor, type Purpose, type Wish } from '../backend/pool-limits.js';
import { discardAll, noteDiscarded, type BackendPool } from '../backend/pool.js';
import { isLasting, type PinReason } from './pins.js';
import { noteBase, noteFirstBase, reportsHold } from '../backend/reported-parameters.js';
import { SessionSettings } from './settings.js';

/** What a session wants to hear from its connections at any time. */
interface SessionListener {
  onParameter(name: string, value: string): void;
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

interface SessionBackendsOptions {
  readonly pool: BackendPool;
  readonly identity: BackendIdentity;
  /** `session`: connections are kept until the session ends. */
  readonly pooling: 'transaction' | 'session';
  readonly topology: () => Topology;
  /** Makes sure that schema pgring is there before a shard's database is first used, and that its oids are known to `oidMap`. */
  readonly prepareDatabase: (shard: Shard, database: string) => Promise<void>;
  readonly isPrepared: (shard: Shard, database: string) => boolean;
  readonly oidMap: (shard: ShardId) => OidMap | undefined;
  readonly listener: SessionListener;
}

export class SessionBackends {
  readonly settings = new SessionSettings();
  readonly #options: SessionBackendsOptions;
  readonly #connections = new Map<ShardId, BackendConnection>();
  readonly #borrowed = new Set<BackendConnection>();
  readonly #pins = new Map<BackendConnection, Set<PinReason>>();
  /** The topology that the connections' addresses were compared with. */
  #seen: Topology | undefined;
  /** The transaction has changed what connections take over when they are opened. */
  #ages = false;
  #ended = false;

  constructor(options: SessionBackendsOptions) {
    this.#options = options;
  }

  /** Nothing is given back before the session ends. */
  get keepsAll(): boolean {
    return this.#options.pooling === 'session';
  }

  get topology(): Topology {
    return this.#options.topology();
  }

  /** Connections that the session has now. */
  get open(): Iterable<readonly [ShardId, BackendConnection]> {
    return this.#connections;
  }

  /** Connections on which something runs now, borrowed ones too. */
  get busy(): readonly BackendConnection[] {
    return [...this.#connections.values(), ...this.#borrowed].filter((connection) => connection.outstandingReady > 0);
  }

  /** Connections that a statement or a transaction is on, borrowed ones too, with their shards. */
  get inUse(): readonly (readonly [ShardId, BackendConnection])[] {
    const inUse = [...this.#connections].filter(
      ([, connection]) => connection.outstandingReady > 0 || connection.status !== 'I',
    );
    for (const connection of this.#borrowed) {
      const shard = this.topology.shards.find(({ name }) => name === connection.address.name);
      if (shard !== undefined) inUse.push([shard.id, connection]);
    }
    return inUse;
  }

  /** Why connections are kept, by shard. */
  get pins(): readonly (readonly [ShardId, readonly PinReason[]])[] {
    return [...this.#connections].flatMap(([shard, connection]) => {
      const reasons = [...(this.keepsAll ? ['session pooling' as const] : []), ...(this.#pins.get(connection) ?? [])];
      return reasons.length === 0 ? [] : [[shard, reasons] as const];
    });
  }

  /** The connection to a shard that the session has now, whether it has caught up or not. */
  peek(shard: ShardId): BackendConnection | undefined {
    if (this.topology !== this.#seen) this.#leaveOldAddresses();
    const connection = this.#connections.get(shard);
    if (connection?.closed !== true) return connection;
    this.#drop(shard, connection);
    return undefined;
  }

  /** A connection that can be used at once, or undefined: then `connect` is needed. */
  ready(shard: ShardId): BackendConnection | undefined {
    const wish = this.#wish('session');
    const connection = this.peek(shard);
    if (connection !== undefined) {
      return connection.status === 'I' && isReadyFor(connection, wish) ? connection : undefined;
    }
    const { pool, identity, isPrepared } = this.#options;
    const target = this.topology.shards.find((candidate) => candidate.id === shard);
    if (target === undefined || this.#ended || !isPrepared(target, identity.database)) return undefined;
    const lent = pool.acquireNow(target, identity, wish);
    if (lent !== undefined) this.#adopt(shard, lent);
    return lent;
  }

  /** The connection to a shard, lent if need be, with the session's settings and no transaction. */
  async connect(shard: ShardId): Promise<BackendConnection> {
    let connection = this.peek(shard);
    assert(connection === undefined || connection.status === 'I', 'a transaction was left open on a connection');
    if (connection === undefined) {
      const { identity, prepareDatabase } = this.#options;
      connection = await this.#acquire(shard, 'session');
      this.#adopt(shard, connection);
      try {
        await prepareDatabase(shardOf(this.topology, shard), identity.database);
      } catch (error) {
        // Kept, it would be taken for a prepared one at the next use.
        if (this.#connections.get(shard) === connection) this.#giveUp(shard, connection);
        throw error;
      }
    }
    await this.catchUp(connection);
    return connection;
  }

  /** A connection of its own beside the session's, with the session's settings. `giveBack` returns it, or `keepForLater`. */
  async borrow(shard: ShardId): Promise<BackendConnection> {
    const connection = await this.#acquire(shard, 'finishing');
    this.#borrowed.add(connection);
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

  /** Returns a borrowed connection, on which anything may have been left. */
  async giveBack(connection: BackendConnection): Promise<void> {
    this.#borrowed.delete(connection);
    await this.#options.pool.releaseCleaned(connection);
  }

  /** Returns a borrowed connection on which nothing was left but the session's settings. */
  keepForLater(connection: BackendConnection): void {
    this.#borrowed.delete(connection);
    this.#options.pool.release(connection);
  }

  /** Brings the connection's settings to those of the session. Errors: what a server has against one, by now. */
  async catchUp(connection: BackendConnection): Promise<void> {
    const { applied } = this.settings;
    const isOthers = connection.numbersOf !== undefined && connection.numbersOf !== this;
    const statements = [...transition(connection.settings, applied), ...(isOthers ? ['DISCARD SEQUENCES'] : [])];
    if (statements.length > 0) {
      // What it reports on the way is no news to the client, who has SET it before.
      const { onParameter } = connection;
      connection.onParameter = undefined;
      try {
        await queryEach(connection, statements);
      } catch (error) {
        connection.destroy();
        throw error;
      }
      connection.onParameter = onParameter;
      if (isOthers) connection.numbersOf = undefined;
    }
    this.noteApplied(connection);
  }

  /** The connection has the session's settings: its statements have made them. */
  noteApplied(connection: BackendConnection): void {
    if (connection.settings.key === this.settings.applied.key) return;
    connection.settings = this.settings.applied;
    noteBase(connection);
  }

  /** A transaction on it was rolled back: but for names that were made up, its settings are as before. */
  noteNames(connection: BackendConnection): void {
    const { ownNames } = this.settings.applied;
    if (connection.settings.ownNames.length === ownNames.length) return;
    connection.settings = makeAppliedSettings(connection.settings.statements, ownNames);
  }

  /** Numbers of sequences were taken on the connection to that shard. */
  noteNumbers(shard: ShardId): void {
    const connection = this.#connections.get(shard);
    if (connection !== undefined) connection.numbersOf = this;
  }

  pin(connection: BackendConnection, reason: PinReason): void {
    const pins = this.#pins.get(connection);
    if (pins === undefined) this.#pins.set(connection, new Set([reason]));
    else pins.add(reason);
  }

  unpin(connection: BackendConnection, reason: PinReason): void {
    const pins = this.#pins.get(connection);
    pins?.delete(reason);
    if (pins?.size === 0) this.#pins.delete(connection);
  }

  /** DISCARD ALL was run on one connection: it goes to the others too. */
  async discardOthers(first: BackendConnection): Promise<void> {
    await Promise.all(
      [...this.#connections.values()].map(async (connection) => {
        if (connection === first) noteDiscarded(connection);
        else await discardAll(connection);
        for (const reason of this.#pins.get(connection) ?? []) if (!isLasting(reason)) this.unpin(connection, reason);
      }),
    );
  }

  /** What connections take over when they are opened is changed, from the end of the transaction on. */
  noteAged(): void {
    this.#ages = true;
  }

  /** No transaction is open: gives back what nothing pins. */
  releaseIdle(): void {
    if (this.#ages) {
      this.#ages = false;
      this.#options.pool.renew();
    }
    if (this.keepsAll) return;
    for (const [shard, connection] of this.#connections) {
      if (!reportsHold(connection)) this.pin(connection, 'settings of a function');
      if (this.#pins.has(connection)) continue;
      this.#connections.delete(shard);
      this.#options.pool.release(connection);
    }
  }

  /** The session's end: destroys connections that something unfinished or lasting is on, and gives the others back. */
  async releaseAll(): Promise<void> {
    this.#ended = true;
    const connections = [...this.#connections.values()];
    this.#connections.clear();
    await Promise.all(
      connections.map(async (connection) => {
        const pins = [...(this.#pins.get(connection) ?? [])];
        if (pins.some(isLasting)) connection.destroy();
        if (this.keepsAll || pins.length > 0) await this.#options.pool.releaseCleaned(connection);
        else this.#options.pool.release(connection);
      }),
    );
    this.#pins.clear();
  }

  #wish(purpose: Purpose): Wish {
    return { owner: this, purpose, settings: this.settings.applied };
  }

  /** Lends a connection; one that comes after the session's end goes back at once. */
  async #acquire(shard: ShardId, purpose: Purpose): Promise<BackendConnection> {
    const { pool, identity, oidMap } = this.#options;
    const connection = await pool.acquire(shardOf(this.topology, shard), identity, this.#wish(purpose));
    connection.oidMap = () => oidMap(shard);
    if (!this.#ended) return connection;
    pool.release(connection);
    throw new PgError(sqlstate.adminShutdown, 'the session has ended');
  }

  /** The session's own parts of a connection's life. */
  #adopt(shard: ShardId, connection: BackendConnection): void {
    const { oidMap, listener } = this.#options;
    this.#connections.set(shard, connection);
    noteFirstBase(connection);
    connection.oidMap = () => oidMap(shard);
    connection.onParameter = (name, value) => {
      listener.onParameter(name, value);
    };
    connection.onNotification = (frame) => {
      listener.onNotification(frame);
    };
    connection.onFarewell = (error) => {
      listener.onFarewell(shard, error);
    };
  }

  /** Gives up connections to where a shard is no more, unless a transaction is open on them. */
  #leaveOldAddresses(): void {
    const { topology } = this;
    let all = true;
    for (const [id, connection] of this.#connections) {
      const shard = topology.shards.find((candidate) => candidate.id === id);
      if (shard?.host === connection.address.host && shard.port === connection.address.port) continue;
      if (connection.clean) {
        this.#drop(id, connection);
        connection.end();
      } else all = false;
    }
    if (all) this.#seen = topology;
  }

  #drop(shard: ShardId, connection: BackendConnection): void {
    this.#connections.delete(shard);
    this.#pins.delete(connection);
  }

  #giveUp(shard: ShardId, connection: BackendConnection): void {
    this.#drop(shard, connection);
    this.#options.pool.release(connection);
  }
}
