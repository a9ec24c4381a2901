/** A schema as advice is given about it: tables with what ties them together, and how large and busy they are. */

import type { CatalogSnapshot, Placement, UniqueKey } from '../../catalog/schema.js';

export interface TableName {
  readonly schema: string;
  readonly name: string;
}

export interface AdvisedColumn {
  readonly name: string;
  readonly typeName: string;
  /** Columns of one family hash alike; undefined for a type that is no key, and for a generated column. */
  readonly family: number | undefined;
  /** Distinct values as ANALYZE counted them; undefined where it did not. */
  readonly distinct: number | undefined;
}

export interface ForeignKey {
  readonly name: string;
  readonly columns: readonly string[];
  /** The oid of the table that it points at, or of the root of its tree. */
  readonly target: number;
  readonly targetColumns: readonly string[];
}

/** A table, or a tree of partitions or of inheritance, which is placed as one. */
export interface AdvisedTable extends TableName {
  readonly oid: number;
  readonly columns: readonly AdvisedColumn[];
  readonly uniqueKeys: readonly UniqueKey[];
  readonly foreignKeys: readonly ForeignKey[];
  /** Names of its exclusion constraints. */
  readonly exclusions: readonly string[];
  readonly hasRules: boolean;
  /** Its partitions and children. */
  readonly members: readonly (TableName & { readonly oid: number })[];
  /** Undefined where nobody counted. */
  readonly rows: number | undefined;
  readonly bytes: number | undefined;
  /** Rows inserted, updated and deleted since the server's statistics begin. */
  readonly writes: number | undefined;
}

/** A statement as pg_stat_statements has it. */
export interface WorkloadStatement {
  readonly sql: string;
  readonly calls: number;
}

export interface AdvisedSchema {
  /** What was read, for people. */
  readonly source: string;
  readonly tables: readonly AdvisedTable[];
  readonly catalog: CatalogSnapshot;
  readonly searchPath: readonly string[];
  /** Undefined where the server does not count statements. */
  readonly statements: readonly WorkloadStatement[] | undefined;
  /** What could not be read. */
  readonly remarks: readonly string[];
}

/** Where each table goes, by oid. */
export type Choices = ReadonlyMap<number, Placement>;

/** `name`, or `schema.name` for a table that is not in public. */
export function shownName({ schema, name }: TableName): string {
  return schema === 'public' ? name : `${schema}.${name}`;
}

/** `sharded by id`, `reference`, `home` */
export function shownPlacement(placement: Placement): string {
  return placement.kind === 'sharded' ? `sharded by ${placement.key.join(', ')}` : placement.kind;
}

export function samePlacement(left: Placement, right: Placement): boolean {
  if (left.kind !== 'sharded' || right.kind !== 'sharded') return left.kind === right.kind;
  return left.key.length === right.key.length && left.key.every((column, index) => column === right.key[index]);
}
