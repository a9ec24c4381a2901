/** Items of FROM, and what their columns are called outside. */

import type { Names, SqlColumn } from './expressions.js';
import type { TypedColumn } from './tables.js';
import type { ColumnType } from './types.js';

/** One item of FROM. */
export interface Source {
  readonly sql: string;
  readonly alias: string;
  readonly columns: readonly TypedColumn[];
  /** Columns that tell its rows apart; undefined when nothing does. */
  readonly identity: readonly string[] | undefined;
}

export interface From {
  readonly sql: string;
  readonly columns: readonly SqlColumn[];
  /** Expressions that tell the joined rows apart. */
  readonly identity: readonly string[] | undefined;
}

export function inside(names: Names): Names {
  return { columns: [], outer: [...names.outer, ...names.columns] };
}

export function qualified(source: Source): readonly SqlColumn[] {
  return source.columns.map(({ name, type }) => ({ sql: `${source.alias}.${name}`, type }));
}

export function identityOf(source: Source): readonly string[] | undefined {
  return source.identity?.map((name) => `${source.alias}.${name}`);
}

export function plain(column: SqlColumn): TypedColumn {
  return { name: column.sql, type: column.type };
}

export function numbered(types: readonly ColumnType[]): readonly TypedColumn[] {
  return types.map((type, index) => ({ name: `c${index + 1}`, type }));
}
