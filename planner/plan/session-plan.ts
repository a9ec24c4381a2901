/** Plans of what a session keeps by name: prepared statements and cursors, written as SQL. */

/** Which rows a FETCH or MOVE goes over: as PostgreSQL's grammar gives it (FETCH ALL is a count that has no end). */
export interface FetchDirection {
  readonly direction: 'forward' | 'backward' | 'absolute' | 'relative';
  readonly count: number;
}

/** What DECLARE says of a cursor beside its query. */
export interface CursorOptions {
  readonly scroll: 'scroll' | 'no scroll' | 'unspecified';
  readonly insensitive: boolean;
  readonly asensitive: boolean;
  readonly binary: boolean;
  readonly hold: boolean;
}

export interface ExecutePlan {
  readonly kind: 'execute';
  readonly name: string;
  /** The arguments as written; undefined without brackets. */
  readonly arguments: { readonly sql: string; readonly start: number; readonly count: number } | undefined;
  /** The arguments where all of them are plain literals. */
  readonly literals: readonly ExecuteLiteral[] | undefined;
}

/** An argument that is read without a server: an integer, a string, or NULL. */
export type ExecuteLiteral =
  | { readonly kind: 'integer'; readonly value: number }
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'null' };

/** All offsets are bytes of the statement's own text. */
export type SessionPlan =
  /** PREPARE; the statement inside begins at `start`, and is planned when it is prepared. */
  | { readonly kind: 'prepare'; readonly name: string; readonly start: number }
  | ExecutePlan
  /** DECLARE; the query inside begins at `start`, and is planned when the cursor is opened. */
  | { readonly kind: 'declare'; readonly name: string; readonly start: number; readonly options: CursorOptions }
  | ({ readonly kind: 'fetch'; readonly name: string; readonly move: boolean } & FetchDirection)
  /** UPDATE or DELETE … WHERE CURRENT OF a cursor, whose name stands from `start` to `end`. */
  | { readonly kind: 'current of'; readonly name: string; readonly start: number; readonly end: number }
  /** CLOSE of one cursor, or of all (undefined). */
  | { readonly kind: 'close'; readonly name: string | undefined };

/** What only pgring can tell: system views of a client's session, or of all of them, and pg_backend_pid(). */
export type SessionView = 'pg_prepared_statements' | 'pg_cursors' | 'pg_stat_activity' | 'pg_backend_pid';
