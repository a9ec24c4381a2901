/** What a random program knows of its tables. DDL makes new tables of old ones; a rollback puts the old ones back. */

import type { RandomColumn, RandomTable } from '../random-schema.js';

export interface WriteColumn extends RandomColumn {
  /**
   * - `plain`: values are given, or come from a default that is the same everywhere
   * - `generated`: computed from the row; it takes no values
   * - `opaque`: a sequence, the time or chance gives it, so that it is never compared
   */
  readonly kind: 'plain' | 'generated' | 'opaque';
  readonly hasDefault: boolean;
  /** What stands behind the type. */
  readonly definition: string;
}

export interface WriteTable extends RandomTable {
  readonly columns: readonly WriteColumn[];
  /** All columns of the shard key; for other tables, the primary key's first. */
  readonly keys: readonly WriteColumn[];
  readonly primary: readonly WriteColumn[];
  /** Names of unique constraints with their columns: the primary key is among them. */
  readonly uniques: readonly { readonly name: string; readonly columns: readonly string[] }[];
  /** What else a program may drop. */
  readonly checks: readonly string[];
  readonly indexes: readonly string[];
  /** Rows cannot be given another key: inheritance, triggers, foreign keys that follow. */
  readonly moves: boolean;
  /** Statements that belong to its making: triggers, partitions. */
  readonly after: readonly string[];
}

/** What every counted column takes its numbers from. */
export const SEQUENCE = 'numbers';

/** Columns whose numbers come from sequences alone: no two rows have the same. */
export function counted(table: WriteTable): readonly WriteColumn[] {
  return table.columns.filter(
    ({ kind, definition, type }) => kind === 'opaque' && type === 'bigint' && definition !== '',
  );
}

/** The columns that are compared. */
export function comparable(table: WriteTable): readonly WriteColumn[] {
  return table.columns.filter(({ kind }) => kind !== 'opaque');
}

/** The columns that an UPDATE may set without moving a row. */
export function settable(table: WriteTable): readonly WriteColumn[] {
  return table.columns.filter(
    (column) => column.kind === 'plain' && !table.keys.includes(column) && !table.primary.includes(column),
  );
}

/** The table as a SELECT may look at it: opaque columns are not to be seen. */
export function visibleTable(table: WriteTable): WriteTable {
  const columns = comparable(table);
  const key = columns.includes(table.keys[0] ?? table.columns[0] ?? fail()) ? (table.keys[0] ?? fail()) : columns[0];
  return { ...table, columns, key: key ?? fail() };
}

function fail(): never {
  throw new Error('a table without columns that can be compared');
}
