/** Settings of a session that pgring itself goes by; the servers keep them, and are asked when they may have changed. */

import { crossShardReadsName, readCrossShardReads, type CrossShardReads } from '../catalog/cross-shard-reads.js';
import { searchPathSql } from '../catalog/search-path.js';
import { queryRows } from '../router/backend/command.js';
import type { BackendConnection } from '../router/backend/connection.js';
import type { SessionTransaction } from '../router/transaction/session-transaction.js';

/** Settings that the search path depends on. */
const pathSettings: ReadonlySet<string | undefined> = new Set([undefined, 'search_path', 'role']);
const readsSettings: ReadonlySet<string | undefined> = new Set([undefined, crossShardReadsName]);

export class SessionSettingsView {
  #searchPath: readonly string[] = ['public'];
  #crossShardReads: CrossShardReads = 'per_shard';
  /** Set in the transaction in progress, whose end may undo it. */
  #changed: { readonly path: boolean; readonly reads: boolean } = { path: false, reads: false };
  readonly #transaction: SessionTransaction;
  /** A shard whose connection has all settings. */
  readonly #anyShard: () => number;

  constructor(transaction: SessionTransaction, anyShard: () => number) {
    this.#transaction = transaction;
    this.#anyShard = anyShard;
  }

  get searchPath(): readonly string[] {
    return this.#searchPath;
  }

  get crossShardReads(): CrossShardReads {
    return this.#crossShardReads;
  }

  /** Reads all of them, at the session's beginning. */
  async read(): Promise<void> {
    await this.#readReads();
    await this.#readPath();
  }

  /** A statement has set this one, or any. */
  async noteChange(name: string | undefined): Promise<void> {
    const path = pathSettings.has(name);
    const reads = readsSettings.has(name);
    const { isOpen } = this.#transaction;
    this.#changed = { path: (path || this.#changed.path) && isOpen, reads: (reads || this.#changed.reads) && isOpen };
    if (reads) await this.#readReads();
    if (path) await this.#readPath();
  }

  /** The transaction ended, or went back to a savepoint. */
  async noteTransactionEnd(): Promise<void> {
    const { path, reads } = this.#changed;
    if (!this.#transaction.isOpen) this.#changed = { path: false, reads: false };
    if (reads) await this.#readReads();
    if (path) await this.#readPath();
  }

  async #readPath(): Promise<void> {
    const rows = await queryRows(await this.#connection(true), searchPathSql);
    this.#searchPath = rows.map((row) => row['name'] ?? '');
  }

  /** By SHOW, which takes no snapshot: the transaction's may yet have to agree with those of other shards. */
  async #readReads(): Promise<void> {
    const [row] = await queryRows(await this.#connection(false), `SHOW ${crossShardReadsName}`);
    this.#crossShardReads = readCrossShardReads(row?.[crossShardReadsName] ?? '');
  }

  async #connection(hasSnapshot: boolean): Promise<BackendConnection> {
    return await this.#transaction.enter(this.#anyShard(), false, hasSnapshot);
  }
}
