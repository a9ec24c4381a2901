/** What a session's transaction is, and what a shard that joins it must be told. session-transaction.ts steps it. */

import { PgError, sqlstate } from '../../base/errors.js';
import { quoteIdentifier } from '../../catalog/schema.js';
import type { ShardId } from '../../catalog/topology.js';
import type { SettingChange } from './settings.js';
import type { Participant } from './two-phase-commit.js';

/** `explicit`: the client said BEGIN. `implicit`: pgring needs one for a statement, a pipeline or several statements. */
export type TransactionOrigin = 'explicit' | 'implicit';

export type LogEntry =
  | { readonly kind: 'savepoint'; readonly name: string; readonly id: number }
  | { readonly kind: 'setting'; readonly change: SettingChange; readonly local: boolean };

/**
 * What its reads of several shards have in common. `none`: nothing was read yet; `apart`: nothing; `by statement`: the
 * snapshots of each statement agree; `taken`: so do those that the transaction keeps.
 */
type Agreement = 'none' | 'apart' | 'by statement' | 'taken';

export interface OpenTransaction {
  readonly kind: 'open';
  readonly origin: TransactionOrigin;
  readonly begin: string;
  readonly participants: Map<ShardId, Participant>;
  /** What a shard that joins later must be told, in order. */
  readonly log: readonly LogEntry[];
  readonly failed: boolean;
  /** It did on the home shard what PostgreSQL does not prepare. */
  readonly unpreparable: boolean;
  readonly agreement: Agreement;
  /** Of a single statement's transaction: the shards that it reads. Undefined: any. */
  readonly readsOnly: readonly ShardId[] | undefined;
}

export type TransactionState = { readonly kind: 'idle' } | OpenTransaction;

export const idle: TransactionState = { kind: 'idle' };

/** Opens the transaction of a statement whose snapshots are to agree. */
export const beginReading = 'BEGIN ISOLATION LEVEL REPEATABLE READ';
export const beginReadingOnly = `${beginReading} READ ONLY`;

/** What a shard that joins is told. */
export function openingOf({ begin, log }: OpenTransaction): string {
  return [begin, ...log.map(replay)].join(';');
}

const characteristicNames: ReadonlySet<string | undefined> = new Set([
  'transaction',
  'transaction_isolation',
  'transaction_read_only',
  'transaction_deferrable',
]);

/** The statement that opened the transaction, and what SET TRANSACTION has changed since. */
export function beginningOf({ begin, log }: OpenTransaction): string {
  const changes = log.flatMap((entry) => {
    return entry.kind === 'setting' && characteristicNames.has(entry.change.name) ? [entry.change.sql] : [];
  });
  return [begin, ...changes].join(';');
}

export function joinedLate(): PgError {
  return new PgError(
    sqlstate.serializationFailure,
    'the shard has no snapshot of this transaction: it became part of the cluster later',
    { hint: 'Repeat the transaction.' },
  );
}

export function setTooLate(): PgError {
  return new PgError(
    sqlstate.activeSqlTransaction,
    "pgring.cross_shard_reads must be set to 'atomic' before any query of a transaction that keeps its snapshot",
  );
}

function replay(entry: LogEntry): string {
  return entry.kind === 'savepoint' ? `SAVEPOINT ${quoteIdentifier(entry.name)}` : entry.change.sql;
}

export function lostParticipant(): PgError {
  return new PgError(
    sqlstate.connectionFailure,
    'the transaction was rolled back: the connection to one of its shards was lost',
    { hint: 'Repeat the transaction.' },
  );
}
