/**
 * What a session has in its temporary schema: it lies on the session's own connection to the home shard, no other
 * session sees it, and it is gone with that connection.
 */

import { PgError, sqlstate } from '../base/errors.js';
import type { CatalogSnapshot } from '../catalog/schema.js';
import { loadTemporary, withTemporary, type TemporaryCatalog } from '../catalog/temporary.js';
import { queryRows, withoutTrace } from '../router/backend/command.js';
import type { BackendConnection } from '../router/backend/connection.js';

export class TemporaryRelations {
  #catalog: TemporaryCatalog;
  #connection: BackendConnection | undefined;
  #changedInTransaction = false;
  #merged: { readonly shared: CatalogSnapshot; readonly merged: CatalogSnapshot } | undefined;

  /** Whether a transaction may have used what cannot be prepared on the home shard (PREPARE TRANSACTION, "Notes"). */
  get inUse(): boolean {
    return this.#catalog !== undefined || this.#changedInTransaction;
  }

  /** The transaction in progress has changed what there is. */
  get changedInTransaction(): boolean {
    return this.#changedInTransaction;
  }

  /** The transaction in progress uses such tables which are none of the session's. */
  noteUse(): void {
    this.#changedInTransaction = true;
  }

  /** The catalog as the session sees it. */
  over(shared: CatalogSnapshot): CatalogSnapshot {
    if (this.#catalog === undefined) return shared;
    if (this.#merged?.shared !== shared) this.#merged = { shared, merged: withTemporary(shared, this.#catalog) };
    return this.#merged.merged;
  }

  /**
   * What was there went with its connection: a name may mean another table now, so nothing more can run. Errors: 08006,
   * which ends the session, as the loss of a server ends it.
   */
  checkPresent(home: BackendConnection | undefined): void {
    if (this.#catalog === undefined || home === this.#connection) return;
    throw new PgError(
      sqlstate.connectionFailure,
      "the session's temporary tables were lost with its connection to the home shard",
      { severity: 'FATAL', hint: 'Connect again, and make them anew.' },
    );
  }

  /** Reads what there is now, inside the transaction if one is open. */
  async read(connection: BackendConnection, shared: CatalogSnapshot, inTransaction: boolean): Promise<void> {
    const load = async (): Promise<TemporaryCatalog> =>
      await loadTemporary(async (sql) => await queryRows(connection, sql), shared);
    this.#changedInTransaction = inTransaction;
    this.#catalog = inTransaction ? await withoutTrace(connection, load) : await load();
    this.#connection = connection;
    this.#merged = undefined;
  }
}
