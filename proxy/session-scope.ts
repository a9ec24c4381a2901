/** What a session's statements work with: its connections, transaction, catalog, settings and prepared statements. */

import { assert } from '../base/assert.js';
import { PgError, sqlstate } from '../base/errors.js';
import { noDatabaseCode } from '../catalog/code.js';
import type { CatalogSnapshot } from '../catalog/schema.js';
import { makeSnapshot } from '../catalog/snapshot.js';
import { loadSnapshot } from '../catalog/load.js';
import type { OidMap } from '../catalog/oid-map.js';
import type { Shard, ShardId, Topology } from '../catalog/topology.js';
import { readNoticeResponse } from '../wire/backend.js';
import { encodeParameterStatus } from '../wire/encode-backend.js';
import type { TransactionStatus } from '../wire/backend.js';
import { queryRows, withoutTrace } from '../router/backend/command.js';
import type { BackendConnection, BackendIdentity } from '../router/backend/connection.js';
import type { ClientOutput } from '../router/backend/output.js';
import type { BoundStatement, ExecutionContext, StatementShape } from '../router/execute/context.js';
import type { ShardMap } from '../router/ring/shard-map.js';
import { AtomicSnapshots } from '../router/transaction/atomic-snapshots.js';
import { SessionBackends } from '../router/transaction/session-backends.js';
import { SessionTransaction } from '../router/transaction/session-transaction.js';
import { namedSettings } from '../planner/code/named-settings.js';
import { contextKey } from '../planner/plan-cache.js';
import type { SessionView } from '../planner/plan/session-plan.js';
import { Activity } from './activity.js';
import type { CancelKeys } from './cancel-keys.js';
import { checkEncoding, checkStrings } from './check-readable.js';
import type { Definitions } from './definitions.js';
import type { ProxyParts } from './proxy-parts.js';
import { ClientPortals } from './portals.js';
import { PreparedStatements } from './prepared.js';
import { SessionPins } from './session-pins.js';
import { SessionSettingsView } from './session-settings.js';
import type { PlannedStatement } from './statement-planner.js';
import { TemporaryRelations } from './temporary-relations.js';
import { inferShape } from './statement-shape.js';
import { readTransactionOids } from './transaction-oids.js';

/** undefined_table and undefined_column: what a newer catalog may know. */
const unknownStates: ReadonlySet<string> = new Set([sqlstate.undefinedTable, sqlstate.undefinedColumn]);

/** Until the session is open nothing is planned. */
const noCatalog = makeSnapshot({ database: '', serverVersion: 0, relations: [], functions: [], code: noDatabaseCode });

export class SessionScope implements ExecutionContext {
  readonly output: ClientOutput;
  readonly database: string;
  readonly user: string;
  readonly backends: SessionBackends;
  readonly transaction: SessionTransaction;
  readonly pins: SessionPins;
  readonly prepared: PreparedStatements;
  readonly portals: ClientPortals;
  /** ParameterStatus values as the client knows them. */
  readonly parameters = new Map<string, string>();
  /** The client has gone; what still runs for it may stop. */
  gone = false;
  /** Takes ParameterStatus messages for the client, unless they pass through as bytes anyway. */
  onParameterChange: (bytes: Buffer) => void = () => undefined;
  /** The rows of a view that tells of the session, as a JSON array. */
  listOwn: (view: SessionView) => Promise<string> = async () => await Promise.resolve('[]');
  /** A server has ended the session's connection. */
  onTimeout: (shard: ShardId, error: PgError) => void = () => undefined;
  /** The client's next frame, while a statement reads them itself. */
  nextFrame: () => Promise<Buffer> = async () => await Promise.reject(new Error('the session does not run yet'));
  readonly activity = new Activity();
  readonly #parts: ProxyParts;
  readonly #temporary = new TemporaryRelations();
  readonly #settings: SessionSettingsView;
  #catalog: CatalogSnapshot = noCatalog;
  /** The catalog before DDL of the transaction in progress; undefined when there was none. */
  #catalogBefore: CatalogSnapshot | undefined;
  /** Oids by shard, as DDL of the transaction in progress made them; undefined when there was none. */
  #transactionOids: ReadonlyMap<ShardId, OidMap | undefined> | undefined;
  #keyed:
    | {
        readonly catalog: CatalogSnapshot;
        readonly searchPath: readonly string[];
        readonly isDump: boolean;
        readonly key: string;
      }
    | undefined;
  #copied = false;
  #portalNumber = 0;

  constructor(parts: ProxyParts, identity: BackendIdentity, output: ClientOutput) {
    this.#parts = parts;
    this.output = output;
    this.database = identity.database;
    this.user = identity.user;
    this.prepared = new PreparedStatements(parts.prepared);
    this.backends = new SessionBackends({
      pool: parts.pool,
      identity,
      pooling: parts.pooling,
      topology: parts.topology,
      prepareDatabase: async (shard: Shard, database: string) => {
        await parts.databases.prepare(shard, database);
      },
      isPrepared: (shard, database) => parts.databases.isPrepared(shard, database),
      oidMap: (shard) =>
        this.#transactionOids?.has(shard) === true
          ? this.#transactionOids.get(shard)
          : parts.databases.oidMap(identity.database, shard),
      listener: {
        onParameter: (name, value) => {
          this.#noteParameter(name, value);
        },
        onNotification: (frame) => {
          this.output.write(frame);
        },
        onFarewell: (shard, error) => {
          this.onTimeout(shard, error);
        },
      },
    });
    this.transaction = new SessionTransaction(this.backends, {
      database: identity.database,
      resolver: parts.resolver,
      holdsTemporary: () => this.#temporary.inUse,
      isAtomic: () => this.#settings.crossShardReads === 'atomic',
      snapshots: new AtomicSnapshots(identity.database, parts.readingHelper),
      onNotice: (frame) => {
        this.onNotice(frame);
      },
    });
    this.pins = new SessionPins({
      backends: this.backends,
      transaction: this.transaction,
      home: () => this.topology.home,
      holdsTemporary: () => this.#temporary.inUse,
      readers: parts.numberReaders,
      namedSettings: () => namedSettings(this.catalog),
      onSettings: async () => {
        await this.noteSettingChange(undefined);
      },
      role: `${identity.database}\n${identity.user}`,
    });
    this.#settings = new SessionSettingsView(
      this.transaction,
      () => this.transaction.shards[0] ?? [...this.backends.open][0]?.[0] ?? this.topology.home,
    );
    this.portals = new ClientPortals();
    this.transaction.onCommit = async () => {
      await this.portals.hold();
    };
  }

  get topology(): Topology {
    return this.#parts.topology();
  }

  get definitions(): Definitions {
    return this.#parts.definitions;
  }

  get combineBytes(): number {
    return this.#parts.combineBytes;
  }

  get combineRows(): number {
    return this.#parts.combineRows;
  }

  get shardMap(): ShardMap {
    return this.#parts.shardMap();
  }

  /** With the session's temporary relations. */
  get catalog(): CatalogSnapshot {
    return this.#temporary.over(this.#catalog);
  }

  /** What plans made now depend on, as contextKey() gives it; the newest catalog is taken over first. */
  get contextKey(): string {
    this.#takeNewestCatalog();
    const known = this.#keyed;
    const { catalog, isDump } = this;
    if (known?.catalog === catalog && known.searchPath === this.searchPath && known.isDump === isDump) {
      return known.key;
    }
    this.#keyed = { catalog, searchPath: this.searchPath, isDump, key: contextKey(this) };
    return this.#keyed.key;
  }

  get searchPath(): readonly string[] {
    return this.#settings.searchPath;
  }

  /** The client says that it is pg_dump: pgring's own schema is no part of a dump (planner/session/own-schema.ts). */
  get isDump(): boolean {
    return this.parameters.get('application_name') === 'pg_dump';
  }

  /** A name for portals on servers, which no other portal of the session has. */
  nextPortalName(): string {
    this.#portalNumber += 1;
    return `pgring_${this.#portalNumber}`;
  }

  /** The status for ReadyForQuery. */
  get status(): TransactionStatus {
    return this.transaction.status;
  }

  /** Plans with the newest catalog of the database, unless the transaction in progress has changed it. */
  plan(sql: Buffer, parameterTypes: readonly number[]): readonly PlannedStatement[] {
    this.#takeNewestCatalog();
    this.#temporary.checkPresent(this.backends.peek(this.topology.home));
    checkStrings(sql, this.parameters);
    const planned = this.#parts.planner.plan(sql, this, parameterTypes);
    if (planned.some(({ plan }) => plan.kind !== 'local')) checkEncoding(this.parameters);
    return planned;
  }

  planStatement(sql: Buffer, parameterTypes: readonly number[]): PlannedStatement {
    const [planned] = this.plan(sql, parameterTypes);
    assert(planned !== undefined, 'a statement that pgring has made is not empty');
    return planned;
  }

  /**
   * A plan as good as one made now: a statement before it may have changed the catalog, and a relation that pgring does
   * not know may have been created behind its back.
   */
  async replanIfStale(
    planned: PlannedStatement,
    plannedFor: string,
    parameterTypes: readonly number[],
  ): Promise<PlannedStatement> {
    const { plan } = planned;
    const isUnknown = plan.kind === 'refuse' && unknownStates.has(plan.error.sqlstate);
    if (isUnknown && !this.transaction.isFailed) {
      // A function may have made a temporary table.
      if (this.backends.peek(this.topology.home) !== undefined) await this.noteTemporaryChange();
      if (this.#catalogBefore === undefined) await this.#parts.databases.refresh(this.database);
      else await this.noteCatalogChange();
    }
    if (this.contextKey === plannedFor) return planned;
    const [again] = this.plan(planned.sql, parameterTypes);
    return again === undefined ? planned : { ...again, offset: planned.offset };
  }

  #takeNewestCatalog(): void {
    if (this.#catalogBefore === undefined) this.#catalog = this.#parts.databases.newest(this.database) ?? this.#catalog;
  }

  onNotice(frame: Buffer): void {
    this.#parts.log.debug({ notice: readNoticeResponse(frame).message }, 'notice');
    this.output.write(Buffer.from(frame));
  }

  async noteCatalogChange(): Promise<void> {
    await this.#readCatalog();
    // A temporary view goes with what it reads.
    if (this.#temporary.inUse) await this.#readTemporary();
  }

  async releaseDatabase(name: string): Promise<void> {
    this.#parts.pool.releaseDatabase(name);
    await this.#parts.databases.release(name);
  }

  async #readTemporary(): Promise<void> {
    const { transaction, topology } = this;
    const connection = await transaction.enter(topology.home, false);
    await this.#temporary.read(connection, this.#catalog, transaction.isOpen);
  }

  async #readCatalog(): Promise<void> {
    if (this.transaction.isOpen) {
      const connection = await this.transaction.enter(this.topology.home, false);
      const changed = await withoutTrace(
        connection,
        async () => await loadSnapshot(async (sql) => await queryRows(connection, sql), this.database, true),
      );
      this.#catalogBefore ??= this.#catalog;
      this.#catalog = changed;
      this.#transactionOids = await readTransactionOids(this.transaction, this.topology.home);
      return;
    }
    this.#catalogBefore = undefined;
    this.#transactionOids = undefined;
    this.#catalog = await this.#parts.databases.reload(this.database, true);
  }

  async noteTemporaryChange(): Promise<void> {
    if (this.#catalogBefore !== undefined) await this.noteCatalogChange();
    else await this.#readTemporary();
  }

  noteTemporaryUse(): void {
    this.#temporary.noteUse();
  }

  async noteTransactionEnd(): Promise<void> {
    if (this.transaction.isOpen) {
      // Back to a savepoint: cursors after it are gone; DDL after it is undone, DDL before it still holds.
      await this.portals.forgetRolledBack((savepoint) => this.transaction.holds(savepoint));
      if (this.#catalogBefore !== undefined) await this.noteCatalogChange();
    } else if (this.#catalogBefore !== undefined) {
      await this.noteCatalogChange();
    }
    // Without its connection there is nothing left, which the next statement hears.
    const home = this.backends.peek(this.topology.home);
    if (this.#temporary.changedInTransaction && home !== undefined) await this.noteTemporaryChange();
    await this.#settings.noteTransactionEnd();
  }

  describePins(): string {
    return this.pins.describe((id) => this.topology.shards.find((shard) => shard.id === id)?.name ?? String(id));
  }

  deallocate(name: string | undefined): void {
    if (name === undefined) this.prepared.clear();
    else {
      this.prepared.get(name);
      this.prepared.remove(name);
    }
  }

  async noteDiscard(sql: string): Promise<void> {
    if (/\ball\b/i.test(sql)) {
      this.prepared.clear();
      await this.portals.forgetAll();
    }
    if (this.#temporary.inUse) await this.noteTemporaryChange();
  }

  async noteSettingChange(name: string | undefined): Promise<void> {
    await this.#settings.noteChange(name);
  }

  /** Since the last look, a statement has read copy messages from the client. */
  takeCopied(): boolean {
    const copied = this.#copied;
    this.#copied = false;
    return copied;
  }

  async nextCopyMessage(): Promise<Buffer> {
    this.#copied = true;
    return await this.nextFrame();
  }

  async inferShape(statement: BoundStatement, connection?: BackendConnection): Promise<StatementShape> {
    return await inferShape(this, statement.sql, statement.parameters.types, connection);
  }

  /** Opens the connection to the home shard (or, while that is down, any other) and learns the session's settings. */
  async open(): Promise<void> {
    const { home, shards } = this.topology;
    const candidates = [home, ...shards.map((shard) => shard.id).filter((id) => id !== home)];
    let failure: unknown;
    for (const shard of candidates) {
      try {
        const connection = await this.backends.connect(shard);
        for (const [name, value] of connection.parameters) this.parameters.set(name, value);
        this.#catalog = await this.#parts.databases.catalog(this.database);
        await this.#settings.read();
        this.pins.release();
        return;
      } catch (error) {
        failure ??= error;
        // What a server itself says (no such database, no such role) holds for the cluster; only an outage does not.
        if (!(error instanceof PgError) || !error.sqlstate.startsWith('08')) throw error;
      }
    }
    throw failure;
  }

  get sessions(): CancelKeys {
    return this.#parts.sessions;
  }

  async signal(processId: number, kind: 'cancel' | 'terminate'): Promise<void> {
    await this.sessions.signal(processId, kind);
  }

  logFatal(error: PgError): void {
    this.#parts.log.info({ error: error.message, sqlstate: error.sqlstate, user: this.user }, 'a session was ended');
    if (error.stack !== undefined) this.#parts.log.debug({ stack: error.stack }, 'where');
  }

  /** Logs errors that are pgring's own fault. */
  logDefect(error: PgError): void {
    this.#parts.log.error({ error: error.message, stack: error.stack }, 'internal error');
  }

  #noteParameter(name: string, value: string): void {
    if (this.parameters.get(name) === value) return;
    this.parameters.set(name, value);
    this.onParameterChange(encodeParameterStatus(name, value));
  }
}
