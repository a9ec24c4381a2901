/** What an execution works with: the session it runs for, and the statement with its values. */

import type { CatalogSnapshot } from '../../catalog/schema.js';
import type { ShardId, Topology } from '../../catalog/topology.js';
import type { Plan } from '../../planner/plan/plan.js';
import type { SessionView } from '../../planner/plan/session-plan.js';
import type { Slot } from '../../planner/parse/tokenizer.js';
import type { BackendConnection } from '../backend/connection.js';
import type { ClientOutput } from '../backend/output.js';
import type { ShardMap } from '../ring/shard-map.js';
import type { SessionBackends } from '../transaction/session-backends.js';
import type { SessionTransaction } from '../transaction/session-transaction.js';

/** The values of Bind. `types` are those of Parse: 0 where the client left them to the server. */
export interface BoundParameters {
  readonly formats: readonly number[];
  readonly values: readonly (Buffer | null)[];
  readonly types: readonly number[];
}

export const noParameters: BoundParameters = { formats: [], values: [], types: [] };

/** One statement to run, once. */
export interface BoundStatement {
  /** The client's text of this one statement. */
  readonly sql: Buffer;
  readonly slots: readonly Slot[];
  /** The text that the slots are of, where it is another than the client's: views were expanded in it. */
  readonly expanded?: Buffer | undefined;
  /** All of the client's text, where that is more than the statement. */
  readonly source?: Buffer | undefined;
  readonly parameters: BoundParameters;
  /** Bind's result format codes; empty: all text. */
  readonly resultFormats: readonly number[];
  /** RowDescription goes before the rows (simple protocol, or Describe right before Execute). */
  readonly describe: boolean;
}

export interface StatementShape {
  readonly parameterTypes: readonly number[];
  /** RowDescription in text formats; undefined for a statement without rows. */
  readonly rowDescription: Buffer | undefined;
}

/** A statement with its plan. */
type PlannedQuery = Pick<BoundStatement, 'sql' | 'slots' | 'expanded'> & { readonly plan: Plan };

/** The session, as an execution sees it. */
export interface ExecutionContext {
  readonly backends: SessionBackends;
  readonly transaction: SessionTransaction;
  readonly output: ClientOutput;
  readonly database: string;
  readonly user: string;
  /** The number by which clients know the session: that of its BackendKeyData. */
  readonly activity: { readonly processId: number };
  readonly topology: Topology;
  readonly shardMap: ShardMap;
  readonly catalog: CatalogSnapshot;
  /** Passes a NoticeResponse of a server to the client. */
  onNotice(frame: Buffer): void;
  /** The catalog was changed by this session: its next statement must see that. */
  noteCatalogChange(): Promise<void>;
  /** Ends pgring's own idle connections to a database, which nobody may be connected to. */
  releaseDatabase(name: string): Promise<void>;
  /** The session's own temporary relations may be others now. */
  noteTemporaryChange(): Promise<void>;
  /** The transaction in progress uses temporary tables of pgring's own on its connection to the home shard. */
  noteTemporaryUse(): void;
  /** Plans a statement that pgring has made, as one of the client's. */
  planStatement(sql: Buffer, parameterTypes: readonly number[]): PlannedQuery;
  /** The transaction ended, or went back to a savepoint: what the session learned inside it may not hold any more. */
  noteTransactionEnd(): Promise<void>;
  /** Which server connections the session keeps between transactions, and why: as SHOW pgring.pins tells it. */
  describePins(): string;
  /** Removes a prepared statement, or all (undefined). Errors: 26000. */
  deallocate(name: string | undefined): void;
  /** The rows of a view that tells of the session itself, as a JSON array. */
  listOwn(view: SessionView): Promise<string>;
  /** Cancels what a client's session runs, or ends the session. */
  signal(processId: number, kind: 'cancel' | 'terminate'): Promise<void>;
  /** DISCARD (ALL, PLANS, …): what the session itself keeps of that is gone. */
  noteDiscard(sql: string): Promise<void>;
  /** The next copy message of the client (CopyData, CopyDone, CopyFail), in COPY FROM STDIN. */
  nextCopyMessage(): Promise<Buffer>;
  /** A setting may have changed that planning depends on (search_path, role). */
  noteSettingChange(name: string | undefined): Promise<void>;
  /**
   * What the statement takes and gives, as the home shard infers it; `connection` is one to it that is free, where the
   * transaction's own need not be asked. Errors: what it has against the statement.
   */
  inferShape(statement: BoundStatement, connection?: BackendConnection): Promise<StatementShape>;
  /** How many bytes of rows one statement may have shipped to where it is finished. */
  readonly combineBytes: number;
  /** How many rows. */
  readonly combineRows: number;
}

export function allShards(topology: Topology): readonly ShardId[] {
  return topology.shards.map((shard) => shard.id);
}

/** Hands bytes to the client and waits while it is slow. */
export async function send(output: ClientOutput, bytes: Buffer): Promise<void> {
  if (!output.writeSoon(bytes)) await output.drained();
}
