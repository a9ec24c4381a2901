/**
 * The transaction of one session over the shards it touches. A shard joins when it is first used: it then gets BEGIN
 * with the client's options, and every savepoint and setting that the transaction has seen so far.
 */

import { assert } from '../../base/assert.js';
import { PgError, sqlstate } from '../../base/errors.js';
import { quoteIdentifier } from '../../catalog/schema.js';
import type { ShardId } from '../../catalog/topology.js';
import type { TransactionStatus } from '../../wire/backend.js';
import { encodeQuery } from '../../wire/encode-frontend.js';
import { runCommand } from '../backend/command.js';
import type { BackendConnection } from '../backend/connection.js';
import { abortEverywhere, ignorantOf } from './abort.js';
import type { AtomicSnapshots, BindingReader } from './atomic-snapshots.js';
import type { SessionBackends } from './session-backends.js';
import type { SettingChange } from './settings.js';
import {
  beginningOf,
  idle,
  joinedLate,
  lostParticipant,
  openingOf,
  type LogEntry,
  type OpenTransaction,
  type TransactionOrigin,
  type TransactionState,
} from './transaction-state.js';
import { takeSnapshots } from './transaction-snapshots.js';
import { commitEverywhere, rollbackEverywhere, type TransactionResolver } from './two-phase-commit.js';

/** A connection that may be used at once; `begin` must be written before the statement, its answer swallowed. */
export interface ImmediateEntry {
  readonly connection: BackendConnection;
  readonly begin: Buffer | undefined;
}

export class SessionTransaction {
  readonly #backends: SessionBackends;
  readonly #database: string;
  readonly #resolver: TransactionResolver;
  readonly #holdsTemporary: () => boolean;
  readonly #isAtomic: () => boolean;
  readonly #snapshots: AtomicSnapshots;
  readonly #onNotice: (frame: Buffer) => void;
  #state: TransactionState = idle;
  #taking: Promise<void> | undefined;
  #savepoints = 0;
  /** Savepoints that were released, with those that they became part of. */
  readonly #merged = new Map<number, number>();
  /** Called before a commit; what it throws makes it a rollback. */
  onCommit: () => Promise<void> = async () => await Promise.resolve();

  constructor(
    backends: SessionBackends,
    options: {
      readonly database: string;
      readonly resolver: TransactionResolver;
      /** The transaction may have used temporary objects, which are on the home shard. */
      readonly holdsTemporary: () => boolean;
      /** pgring.cross_shard_reads is atomic. */
      readonly isAtomic: () => boolean;
      readonly snapshots: AtomicSnapshots;
      readonly onNotice: (frame: Buffer) => void;
    },
  ) {
    this.#backends = backends;
    this.#holdsTemporary = options.holdsTemporary;
    this.#database = options.database;
    this.#resolver = options.resolver;
    this.#isAtomic = options.isAtomic;
    this.#snapshots = options.snapshots;
    this.#onNotice = options.onNotice;
  }

  /** What ReadyForQuery tells the client. */
  get status(): TransactionStatus {
    if (this.#state.kind === 'idle' || this.#state.origin === 'implicit') return 'I';
    return this.#state.failed ? 'E' : 'T';
  }

  get isOpen(): boolean {
    return this.#state.kind === 'open';
  }

  get isExplicit(): boolean {
    return this.#state.kind === 'open' && this.#state.origin === 'explicit';
  }

  get isFailed(): boolean {
    return this.#state.kind === 'open' && this.#state.failed;
  }

  /** What opens another transaction with the same characteristics. */
  get beginSql(): string {
    return beginningOf(this.#open());
  }

  /** The session has temporary objects, or had them in this transaction. */
  get holdsTemporary(): boolean {
    return this.#holdsTemporary();
  }

  /** Shards on which the transaction is open. */
  get shards(): readonly ShardId[] {
    return this.#state.kind === 'open' ? [...this.#state.participants.keys()] : [];
  }

  /** The newest savepoint, 0 for none: what is made now is undone with it. */
  get newestSavepoint(): number {
    return this.#openSavepoints().at(-1) ?? 0;
  }

  /** What was made under a savepoint has not been rolled back. */
  holds(savepoint: number): boolean {
    let id = savepoint;
    for (let next = this.#merged.get(id); next !== undefined; next = this.#merged.get(id)) id = next;
    return id === 0 || this.#openSavepoints().includes(id);
  }

  #openSavepoints(): readonly number[] {
    if (this.#state.kind === 'idle') return [];
    return this.#state.log.flatMap((entry) => (entry.kind === 'savepoint' ? [entry.id] : []));
  }

  /** What was SET in the transaction so far, in order. */
  get settings(): readonly string[] {
    if (this.#state.kind === 'idle') return [];
    return this.#state.log.flatMap((entry) => (entry.kind === 'setting' ? [entry.change.sql] : []));
  }

  /** No transaction is open, and a statement over several shards needs one (`beginReading`) to read them atomically. */
  get needsReading(): boolean {
    return this.#state.kind === 'idle' && this.#isAtomic();
  }

  /**
   * Opens the transaction; no shard hears of it yet. An implicit one that is open becomes explicit. `readsOnly`: it is for
   * one statement, which reads these shards.
   */
  begin(origin: TransactionOrigin, sql: string, readsOnly?: readonly ShardId[]): void {
    if (this.#state.kind === 'open') {
      assert(this.#state.origin === 'implicit' && origin === 'explicit', 'a transaction was begun twice');
      this.#state = { ...this.#state, origin };
      return;
    }
    this.#state = {
      kind: 'open',
      origin,
      begin: sql,
      participants: new Map(),
      log: [],
      failed: false,
      unpreparable: false,
      agreement: 'none',
      readsOnly,
    };
  }

  /** The statement failed: until ROLLBACK or ROLLBACK TO nothing else runs. */
  fail(): void {
    if (this.#state.kind === 'open') this.#state = { ...this.#state, failed: true };
  }

  /** What comes next keeps the home shard's part of the transaction from being prepared. */
  noteUnpreparable(): void {
    if (this.#state.kind === 'open') this.#state = { ...this.#state, unpreparable: true };
  }

  /** The transaction failed on one shard, and others have not heard of it. */
  get mustAbort(): boolean {
    return this.#state.kind === 'open' && this.#state.failed && ignorantOf(this.#state).length > 0;
  }

  /** Lets a failed transaction fail on all shards. */
  async abort(): Promise<void> {
    this.fail();
    if (this.#state.kind === 'open') await abortEverywhere(this.#state);
  }

  /** Learns from the connection's last ReadyForQuery whether its statement failed the transaction. */
  noteAnswer(connection: BackendConnection): void {
    if (connection.status === 'E') this.fail();
  }

  /**
   * The connection to use for a statement, inside the transaction if one is open. `hasSnapshot` is false for commands that
   * may come before the transaction's first query.
   */
  async enter(shard: ShardId, wrote: boolean, hasSnapshot = true): Promise<BackendConnection> {
    if (this.#state.kind === 'idle') return await this.#backends.connect(shard);
    if (hasSnapshot) await this.#agree(this.#state, shard);
    return await this.#join(this.#open(), shard, wrote);
  }

  /** Numbers of a sequence there are to be stored elsewhere: that shard commits first. */
  noteTaken(shard: ShardId): void {
    const participant = this.#state.kind === 'open' ? this.#state.participants.get(shard) : undefined;
    if (participant !== undefined) participant.took = true;
  }

  async #join(state: OpenTransaction, shard: ShardId, wrote: boolean): Promise<BackendConnection> {
    const participant = state.participants.get(shard);
    if (participant !== undefined) {
      if (participant.connection.closed) throw lostParticipant();
      participant.wrote ||= wrote;
      return participant.connection;
    }
    if (state.agreement === 'taken' && state.readsOnly === undefined) throw joinedLate();
    const connection = await this.#backends.connect(shard);
    state.participants.set(shard, { shard, connection, wrote, took: false, onNotice: this.#onNotice });
    await runCommand(connection, openingOf(state));
    return connection;
  }

  /** Before a query: makes sure of what the transaction's reads are to have in common. `shard` is one that it uses. */
  async #agree(state: OpenTransaction, shard: ShardId): Promise<void> {
    if (!this.#isAtomic()) {
      if (state.agreement === 'none') this.#state = { ...state, agreement: 'apart' };
    } else if (state.agreement === 'none' || state.agreement === 'apart') {
      this.#taking ??= this.#takeSnapshots(state, shard).finally(() => {
        this.#taking = undefined;
      });
      await this.#taking;
    }
  }

  async #takeSnapshots(state: OpenTransaction, shard: ShardId): Promise<void> {
    const agreement = await takeSnapshots(
      state,
      this.#backends,
      this.#snapshots,
      async () => await this.#join(state, shard, false),
    );
    this.#state = { ...state, agreement };
  }

  /** Whether the snapshots of each statement must be made to agree, by `bindTogether`. */
  get bindsTogether(): boolean {
    return this.#state.kind === 'open' && this.#state.agreement === 'by statement' && this.#isAtomic();
  }

  /** Binds the portals of one statement on several shards; see AtomicSnapshots. */
  async bindTogether(readers: readonly BindingReader[]): Promise<readonly (readonly Buffer[])[]> {
    return await this.#snapshots.bind(readers);
  }

  /** Whether `enterNow` would do but for a connection: then `reserve` gets it. */
  lacksConnection(shard: ShardId): boolean {
    const state = this.#state;
    if (this.#backends.peek(shard) !== undefined) return false;
    if (state.kind === 'idle') return true;
    return !state.participants.has(shard) && state.log.length === 0 && state.agreement !== 'taken' && !this.#isAtomic();
  }

  /** Lends the connection that `enterNow` needs. Errors: those of connecting. */
  async reserve(shard: ShardId): Promise<void> {
    await this.#backends.connect(shard);
  }

  /** As `enter`, when that needs no waiting; else undefined. */
  enterNow(shard: ShardId, wrote: boolean): ImmediateEntry | undefined {
    const state = this.#state;
    if (state.kind === 'idle') {
      const connection = this.#backends.ready(shard);
      return connection === undefined ? undefined : { connection, begin: undefined };
    }
    const isSettled = state.agreement === 'by statement' || state.agreement === 'taken';
    if (this.#isAtomic() && !isSettled) return undefined;
    const participant = state.participants.get(shard);
    if (participant !== undefined) {
      if (participant.connection.closed) return undefined;
      participant.wrote ||= wrote;
      return { connection: participant.connection, begin: undefined };
    }
    if (state.log.length > 0 || state.agreement === 'taken') return undefined;
    const connection = this.#backends.ready(shard);
    if (connection === undefined) return undefined;
    state.participants.set(shard, { shard, connection, wrote, took: false, onNotice: this.#onNotice });
    if (state.agreement === 'none') this.#state = { ...state, agreement: 'apart' };
    return { connection, begin: encodeQuery(state.begin) };
  }

  /** Ends the transaction. `ROLLBACK` when it had failed, as PostgreSQL's COMMIT then answers. */
  async commit(): Promise<'COMMIT' | 'ROLLBACK'> {
    if (!this.#open().failed) {
      try {
        await this.onCommit();
      } catch (error) {
        await this.rollback();
        throw error;
      }
    }
    const state = this.#take();
    const participants = [...state.participants.values()];
    if (state.failed || participants.some((participant) => participant.connection.closed)) {
      await rollbackEverywhere(participants);
      for (const { connection } of participants) this.#backends.noteNames(connection);
      if (!state.failed) throw lostParticipant();
      return 'ROLLBACK';
    }
    const { home } = this.#backends.topology;
    const unpreparable = this.#holdsTemporary() || state.unpreparable ? state.participants.get(home) : undefined;
    await commitEverywhere(participants, this.#database, this.#resolver, unpreparable);
    for (const entry of state.log) {
      if (entry.kind === 'setting' && !entry.local) this.#backends.settings.record(entry.change);
    }
    for (const { connection } of participants) this.#backends.noteApplied(connection);
    return 'COMMIT';
  }

  async rollback(): Promise<void> {
    const participants = [...this.#take().participants.values()];
    await rollbackEverywhere(participants);
    for (const { connection } of participants) this.#backends.noteNames(connection);
  }

  async savepoint(name: string): Promise<void> {
    const state = this.#open();
    await this.#tellAll(state, `SAVEPOINT ${quoteIdentifier(name)}`);
    this.#state = { ...state, log: [...state.log, this.#newSavepoint(name)] };
  }

  async release(name: string): Promise<void> {
    const state = this.#open();
    const place = this.#findSavepoint(state, name);
    await this.#tellAll(state, `RELEASE SAVEPOINT ${quoteIdentifier(name)}`);
    const outer = state.log.slice(0, place).findLast((entry) => entry.kind === 'savepoint')?.id ?? 0;
    for (const entry of state.log.slice(place)) if (entry.kind === 'savepoint') this.#merged.set(entry.id, outer);
    const kept = state.log.slice(place).filter((entry) => entry.kind === 'setting');
    this.#state = { ...state, log: [...state.log.slice(0, place), ...kept] };
  }

  async rollbackTo(name: string): Promise<void> {
    const state = this.#open();
    const place = this.#findSavepoint(state, name);
    await this.#tellAll(state, `ROLLBACK TO SAVEPOINT ${quoteIdentifier(name)}`);
    // It goes on as a new savepoint of that name.
    this.#state = { ...state, log: [...state.log.slice(0, place), this.#newSavepoint(name)], failed: false };
  }

  /** A SET that every participant has accepted. Outside a transaction the caller tells the session's settings. */
  recordSetting(change: SettingChange, local: boolean): void {
    const state = this.#open();
    this.#state = { ...state, log: [...state.log, { kind: 'setting', change, local }] };
  }

  #newSavepoint(name: string): LogEntry {
    this.#savepoints += 1;
    return { kind: 'savepoint', name, id: this.#savepoints };
  }

  #open(): OpenTransaction {
    assert(this.#state.kind === 'open', 'no transaction is open');
    return this.#state;
  }

  #take(): OpenTransaction {
    const state = this.#open();
    this.#state = idle;
    this.#merged.clear();
    return state;
  }

  /** The place of the newest savepoint of that name in the log. */
  #findSavepoint(state: OpenTransaction, name: string): number {
    const place = state.log.findLastIndex((entry) => entry.kind === 'savepoint' && entry.name === name);
    if (place >= 0) return place;
    throw new PgError(sqlstate.savepointException, `savepoint "${name}" does not exist`);
  }

  async #tellAll(state: OpenTransaction, sql: string): Promise<void> {
    await Promise.all(
      [...state.participants.values()].map(async ({ connection }) => {
        await runCommand(connection, sql);
      }),
    );
  }
}
