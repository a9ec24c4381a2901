/**
 * A plan is frozen data: no closures, no shard ids, no values. The router binds values and turns a Routing into
 * shards. EXPLAIN prints a plan, and golden tests compare that text.
 */

import type { Placement } from '../../catalog/schema.js';
import type { PgError } from '../../base/errors.js';
import type { CopyDefault, CopyFormat, CopyIntake, LocalCommand, Numbering, PlacementChange } from './command-plan.js';
import type { Gather } from './gather-plan.js';
import type { ComputedExpression, OwningColumn, Routing, SqlPiece, SqlTemplate, ValueSource } from './parts.js';
import type { Replication } from './replication.js';
import type { RowMoves } from './moved-rows.js';
import type { ExecutePlan, SessionPlan } from './session-plan.js';
import type { SessionTrace } from '../postgres/session-trace.js';
import type { ShippedType } from './shipped-type.js';

export type {
  ComputedExpression,
  KeySource,
  OwningColumn,
  Routing,
  SqlPiece,
  SqlTemplate,
  ValueSource,
} from './parts.js';
export type { ShippedType } from './shipped-type.js';
export type { Combination, Gather, OrderKey, OrderType } from './gather-plan.js';

export type Access = 'read' | 'write';

/** Why a statement is not on a lower rung of the planner's ladder; EXPLAIN tells it. */
export interface Obstacles {
  /** Why no one shard can run it. */
  readonly oneShard?: string;
  /** Why its answer is not the union of the shards' answers. */
  readonly scatter?: string;
}

/** Rows that `combine` brings together on one server: those of a relation, or the result of a query on the shards. */
export interface Shipment {
  /** The relation's name, qualified and quoted; undefined for the result of a query, which is always shipped. */
  readonly relation: string | undefined;
  /** The columns that are shipped, in the relation's order, quoted. */
  readonly columns: readonly string[];
  /**
   * The columns with their types, as CREATE TABLE takes them: the copy is made without a look at the relation, which
   * the transaction may have created, changed or locked.
   */
  readonly definition: string;
  /** The types of these columns, on the home shard. */
  readonly types: readonly ShippedType[];
  /** Where its rows are: for a sharded relation its owners, else any shard that has them. */
  readonly routing: Routing;
  /** The query that each of these shards runs; its rows travel in binary. */
  readonly sql: readonly SqlPiece[];
  /** Primary key columns that the copy needs for GROUP BY to know what depends on them; empty when it needs none. */
  readonly primaryKey: readonly string[];
  /** Lists of columns by which a subquery looks for its rows again and again: a large copy gets an index on each. */
  readonly probed: readonly (readonly string[])[];
  /** False: it is shipped only inside a transaction, whose own writes another session does not see. */
  readonly always: boolean;
}

/**
 * Where one relation turns out to be small, its rows go to all shards, as array parameters, and the rest of the statement
 * is gathered from there. The shards' SQL names the relation as the shipment.
 */
export interface Broadcast {
  readonly shipment: number;
  readonly scatter: ScatterPlan;
}

export type { CopyDefault, CopyFormat, CopyIntake, Numbering, PlacementChange, SkipRule } from './command-plan.js';

/** How rows of INSERT … SELECT are stored that COPY cannot store: each shard inserts its own, sent as arrays. */
export interface Insertion {
  /** ` AS alias` of the target, or nothing. */
  readonly alias: string;
  /** Those of the columns that are stored. */
  readonly types: readonly ShippedType[];
  /** ON CONFLICT and RETURNING. */
  readonly tail: readonly SqlPiece[];
  readonly computed: readonly ComputedExpression[];
  readonly returning: boolean;
}

/** A password in a statement: the bytes of its literal, from the beginning of the statement, and what they mean. */
export interface RolePassword {
  readonly start: number;
  readonly end: number;
  readonly password: string;
}

/** Any plan: those of prepared statements and cursors are for the session, which knows them by name. */
export type Plan = (ServerPlan | SessionPlan) & {
  /** Functions that it calls may make or drop temporary tables: what the session has must be read again afterwards. */
  readonly changesTemporary?: true;
  /** It may NOTIFY or LISTEN, on the home shard, whose part of the transaction cannot be prepared then. */
  readonly notifies?: true;
  /** What it may leave in the session of the server that runs it. */
  readonly leaves?: readonly SessionTrace[];
};

/** Rungs 3 and 4: the answer is gathered from several shards. */
export interface ScatterPlan {
  readonly kind: 'scatter';
  readonly routing: Routing;
  readonly sql: SqlTemplate;
  readonly computed: readonly ComputedExpression[];
  readonly gather: Gather;
  readonly limit: ValueSource | undefined;
  readonly offset: ValueSource | undefined;
  /** SELECT … FOR UPDATE and the like. */
  readonly locks: boolean;
  /** Where such rows are merged up to a limit: the same query without locks, and whether it is SKIP LOCKED. */
  readonly lockedInOrder: { readonly unlocked: SqlTemplate; readonly skips: boolean } | undefined;
  readonly obstacles?: Obstacles;
}

export type ServerPlan =
  | { readonly kind: 'empty' }
  | { readonly kind: 'local'; readonly command: LocalCommand }
  /** Rung 2: one shard runs the statement as it is and its answer passes through as bytes. */
  | {
      readonly kind: 'pass';
      readonly routing: Routing;
      readonly access: Access;
      readonly sql: SqlTemplate;
      readonly computed: readonly ComputedExpression[];
      /** It calls pg_cancel_backend() or pg_terminate_backend(): whom it means is read from where it has put that down. */
      readonly signals?: boolean;
    }
  | ScatterPlan
  /** Rung 5: the relations are shipped to temporary tables of a session on the home shard, and PostgreSQL does the rest. */
  | {
      readonly kind: 'combine';
      readonly shipments: readonly Shipment[];
      readonly sql: readonly SqlPiece[];
      readonly computed: readonly ComputedExpression[];
      readonly obstacles?: Obstacles;
      /** What may be done instead, in the order in which it is tried. */
      readonly broadcasts?: readonly Broadcast[];
      /** Functions in it read reference tables, as the session that finishes it sees them: not from inside a transaction. */
      readonly readsOutside: boolean;
      /** It calls functions of the user's in a transaction that has made or changed some. */
      readonly callsUncommitted: boolean;
      /**
       * Who finishes it: `another` session on the home shard, or the client's `own`, whose sequences it takes from; there
       * rows come as array parameters only, for a transaction that made temporary tables could not be prepared.
       */
      readonly session: 'another' | 'own';
    }
  /**
   * INSERT … SELECT over shards: it runs as for `combine`, into a temporary table of the target's shape, which PostgreSQL
   * casts to and fills with defaults; from there the rows are split to their owners.
   */
  | {
      readonly kind: 'insert select';
      readonly shipments: readonly Shipment[];
      /** The statement; its target is the piece of the relation behind the last shipment. */
      readonly sql: readonly SqlPiece[];
      readonly computed: readonly ComputedExpression[];
      /** The target's columns with types and defaults, as CREATE TABLE takes them. */
      readonly definition: string;
      /** The target, qualified and quoted, and its columns that are stored, quoted. */
      readonly relation: string;
      readonly columns: readonly string[];
      /** Columns that are added to each row: the home shard gives their values. */
      readonly defaults: readonly CopyDefault[];
      /** Where each key column stands among the columns, and the defaults behind them. */
      readonly key: readonly { readonly index: number; readonly typeOid: number; readonly typeModifier: number }[];
      readonly target: 'sharded' | 'reference' | 'home';
      /** Undefined: the rows are copied to their owners. */
      readonly insertion: Insertion | undefined;
    }
  /**
   * CREATE TABLE AS and SELECT INTO: the home shard makes the table without rows, and so tells its columns; then it is
   * placed as any new table, and filled by the query.
   */
  | {
      readonly kind: 'create table as';
      /** What stands before the query. */
      readonly head: readonly SqlPiece[];
      /** The query is that of a prepared statement, which the session puts in its place before this runs. */
      readonly executed: ExecutePlan | undefined;
      /** Makes the table on the home shard, WITH NO DATA. */
      readonly sql: readonly SqlPiece[];
      /** The query; undefined where its rows are not wanted. */
      readonly query: readonly SqlPiece[] | undefined;
      readonly schema: string;
      readonly name: string;
      readonly persistence: '' | 'UNLOGGED ' | 'TEMPORARY ';
      /** pgring's own options as a WITH clause; undefined for a temporary table, which has no placement. */
      readonly placement: string | undefined;
      /** What CREATE TABLE says behind the columns. */
      readonly options: readonly SqlPiece[];
    }
  /** VALUES rows grouped by owner; a reference table gets all rows on every shard. */
  | {
      readonly kind: 'insert';
      /** Base type oids of the key; undefined for a reference table. */
      readonly keyTypes: readonly number[] | undefined;
      /** Type modifiers of the key columns; empty for a reference table. */
      readonly keyModifiers: readonly number[];
      readonly head: readonly SqlPiece[];
      readonly rows: readonly { readonly sql: readonly SqlPiece[]; readonly key: readonly ValueSource[] }[];
      readonly tail: readonly SqlPiece[];
      /** Computed keys hold explicit casts of the client's expressions, which take more than an assignment does. */
      readonly castsKeys: boolean;
      readonly computed: readonly ComputedExpression[];
      readonly returning: boolean;
    }
  /** UPDATE, DELETE and MERGE on several shards. `sum`: counts and RETURNING rows add up; `one`: every shard does the same. */
  | {
      readonly kind: 'modify';
      readonly routing: Routing;
      readonly sql: SqlTemplate;
      readonly computed: readonly ComputedExpression[];
      readonly tag: 'UPDATE' | 'DELETE' | 'MERGE';
      readonly outcome: 'sum' | 'one';
      readonly returning: boolean;
      readonly obstacles?: Obstacles;
      /** Each shard takes only those rows of the source that it owns by these columns. */
      readonly owned?: readonly OwningColumn[];
      /** Set where the home shard alone carries it out, on a reference table, and the other copies take over its rows. */
      readonly replication?: Replication;
      /** Set when it assigns the shard key: rows that then belong to another shard are moved there. */
      readonly moves: RowMoves | undefined;
    }
  /**
   * Parts of the statement are run first, each as a statement of its own, and their rows stand in the rest as array
   * parameters: the piece of a relation is that of a stage. The rest is planned when its turn comes.
   */
  | {
      readonly kind: 'staged';
      readonly stages: readonly (readonly SqlPiece[])[];
      readonly sql: readonly SqlPiece[];
      readonly obstacles?: Obstacles;
    }
  /** DDL and maintenance on all shards; `home`: on the session's temporary objects, which are there alone. */
  | {
      readonly kind: 'ddl';
      readonly sql: SqlTemplate;
      readonly where: 'everywhere' | 'home';
      /** What it makes or drops on the home shard alone all sessions see: a function over the type of a temporary table. */
      readonly isShared?: true;
      /** Sessions that begin afterwards are others than those before: of a role that was dropped and made again, say. */
      readonly agesConnections?: true;
      /**
       * The home shard checks the body of a function; on the others it may name what is not there, the session's temporary
       * tables.
       */
      readonly unchecked?: true;
      /** False for what cannot run inside a transaction block (VACUUM, CREATE INDEX CONCURRENTLY, CREATE DATABASE). */
      readonly transactional: boolean;
      readonly changes: readonly PlacementChange[];
      /** NOTICE messages for the client, each with a hint. */
      readonly notices: readonly { readonly message: string; readonly hint: string }[];
      /** False for VACUUM, COMMENT and the like, after which all that pgring knows of the catalog is as before. */
      readonly changesCatalog: boolean;
      /**
       * A materialized view over sharded tables: the home shard runs the statement with all rows of these tables, the
       * others run `elsewhere`, if anything.
       */
      readonly gathers?: {
        readonly tables: readonly { readonly schema: string; readonly name: string }[];
        readonly elsewhere: SqlTemplate | undefined;
      };
      /** Columns that it adds, which each server has numbered by itself. */
      readonly numbers?: Numbering;
      /** Databases that nobody may be connected to: pgring ends its own idle connections first. */
      readonly releases?: readonly string[];
      /** The password that the statement gives a role. */
      readonly password?: RolePassword;
    }
  | {
      readonly kind: 'copyFrom';
      readonly sql: SqlTemplate;
      /** What the shards get, where that is not the client's own statement. */
      readonly shardSql: readonly SqlPiece[] | undefined;
      readonly computed: readonly ComputedExpression[];
      readonly format: CopyFormat;
      readonly intake: CopyIntake;
      /** Where each key column stands among the columns of the data (from 0) and the defaults behind them, and its base type oid. */
      readonly key: readonly { readonly index: number; readonly typeOid: number; readonly typeModifier: number }[];
      /** For messages: the table's name, and the columns of the data in order. */
      readonly relation: string;
      readonly columns: readonly string[];
      /** Columns that are added to each row: the home shard gives their values. */
      readonly defaults: readonly CopyDefault[];
      /** Columns of the data for which the default text cannot be left to a shard. */
      readonly ownDefaults: readonly number[];
      /** `sharded` rows go to their owners, `reference` rows to every shard. */
      readonly target: 'sharded' | 'reference';
    }
  /** Each shard copies its rows out: those of a table, or of a query that is the union of the shards' answers. */
  | {
      readonly kind: 'copyTo';
      readonly sql: SqlTemplate;
      readonly format: CopyFormat;
      readonly routing: Routing;
      readonly access: Access;
      readonly computed: readonly ComputedExpression[];
      /** Values in binary may hold oids, which differ between servers. */
      readonly holdsOids: boolean;
    }
  /** COPY of a query whose rows are gathered as for `scatter`, and written here in the format of COPY. */
  | {
      readonly kind: 'copyGathered';
      readonly inner: ScatterPlan;
      readonly format: CopyFormat;
      /** CSV: columns whose values are quoted whatever they are. */
      readonly forceQuote: 'all' | readonly string[];
      /** The same COPY without rows: the home shard checks its options by it, and gives the header. */
      readonly empty: readonly SqlPiece[];
    }
  /** COPY of a query that PostgreSQL finishes as for `combine`: it copies the rows out, too. */
  | {
      readonly kind: 'copyCombined';
      readonly shipments: readonly Shipment[];
      /** The whole statement. */
      readonly sql: readonly SqlPiece[];
      readonly computed: readonly ComputedExpression[];
      readonly takesParameters: false;
      readonly readsOutside: boolean;
      readonly callsUncommitted: boolean;
    }
  /** SELECT create_distributed_table(…) and its siblings. */
  | {
      readonly kind: 'place table';
      readonly schema: string;
      readonly name: string;
      readonly placement: Placement;
      /** The function's name: the column of the one row (void) that is the answer. */
      readonly column: string;
    }
  /** SELECT create_distributed_function(…): what a function touches is recorded on every shard. */
  | {
      readonly kind: 'declare function';
      /** Its name, qualified and quoted, with the types of its arguments. */
      readonly identity: string;
      /** The number of the argument that is the shard key; 0: it touches no sharded table. */
      readonly argument: number;
      readonly column: string;
    }
  | {
      readonly kind: 'explain';
      readonly inner: Plan;
      /** The statement without EXPLAIN and its options. */
      readonly statement: readonly SqlPiece[];
      /** The options as written, but for FORMAT: `ANALYZE`, `COSTS off`. */
      readonly options: readonly string[];
      readonly analyze: boolean;
      readonly costs: boolean;
      /** Times of planning and execution. */
      readonly summary: boolean;
      readonly format: 'text' | 'json' | 'xml' | 'yaml';
    }
  | { readonly kind: 'refuse'; readonly error: PgError };
