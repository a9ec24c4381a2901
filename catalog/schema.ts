/** What exists in one database: relations, their columns and where their rows live. All of it is immutable. */

import type { DatabaseCode } from './code.js';

export type Placement =
  | { readonly kind: 'sharded'; readonly key: readonly string[] }
  | { readonly kind: 'reference' }
  | { readonly kind: 'home' };

export type RelationKind =
  | 'table'
  | 'partitioned table'
  | 'view'
  | 'materialized view'
  | 'foreign table'
  | 'sequence'
  | 'composite type'
  | 'index';

/**
 * How values of a column sort: `bytewise` text can be merged by comparing bytes, `locale` text cannot; of
 * `nondeterministic` text not even equal values need to have the same bytes.
 */
export type TextOrder = 'none' | 'bytewise' | 'locale' | 'nondeterministic';

export interface Column {
  readonly name: string;
  /** pg_attribute.attnum */
  readonly number: number;
  readonly typeOid: number;
  /** The type below any domain; equals typeOid when the type is no domain. */
  readonly baseTypeOid: number;
  /** As format_type() prints it. */
  readonly typeName: string;
  readonly typeModifier: number;
  readonly notNull: boolean;
  /** The default's expression as pg_get_expr() prints it. Not for generated columns. */
  readonly defaultExpression: string | undefined;
  readonly generated: 'no' | 'stored' | 'virtual';
  readonly identity: 'no' | 'always' | 'by default';
  readonly textOrder: TextOrder;
  /** The collation, qualified and quoted, where it is not that of the column's type. */
  readonly collation: string | undefined;
  /** The sequence that serial or identity columns take their values from, qualified and quoted. */
  readonly sequence: string | undefined;
}

export interface UniqueKey {
  readonly name: string;
  readonly columns: readonly string[];
  readonly primary: boolean;
  /**
   * Set for a unique index with a predicate or expressions and for an exclusion constraint: not every row is unique in
   * these columns. They are its plain columns that are compared by equality, so the rule that a sharded table's unique
   * keys contain its shard key holds for it too.
   */
  readonly partial?: true;
}

export interface Relation {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: RelationKind;
  readonly columns: readonly Column[];
  readonly uniqueKeys: readonly UniqueKey[];
  readonly placement: Placement;
  /** For a view or materialized view: oids of the relations it reads, through other views too; no views among them. */
  readonly reads: readonly number[];
  /** For a view of the user's: its query, with every name qualified. */
  readonly definition: string | undefined;
  /** Rewrite rules other than a view's own. */
  readonly hasRules: boolean;
  readonly hasRowSecurity: boolean;
  readonly isPartition: boolean;
  /** A parent or a child by INHERITS: a SELECT from a parent reads its children too. */
  readonly isInherited: boolean;
  /** Oids of the tables that its foreign keys point at. */
  readonly references: readonly number[];
  /** Some foreign key has rows of its own table changed when a key here changes (ON UPDATE CASCADE and the like). */
  readonly isFollowed: boolean;
  readonly isTemporary: boolean;
}

export interface FunctionTraits {
  /** The least stable of all functions with the name. */
  readonly volatility: 'immutable' | 'stable' | 'volatile';
  readonly kind: 'function' | 'aggregate' | 'window' | 'procedure';
  readonly returnsSet: boolean;
}

/** A database as the home shard describes it, at one moment. */
export interface CatalogSnapshot {
  /** Differs between any two snapshots of a process; part of every plan-cache key. */
  readonly version: number;
  readonly database: string;
  readonly serverVersion: number;
  /** As an open transaction has changed it: other sessions know another. */
  readonly isUncommitted: boolean;
  /** The relation of that exact (already case-folded) name, or undefined. */
  relation(schema: string, name: string): Relation | undefined;
  relationByOid(oid: number): Relation | undefined;
  relations(): Iterable<Relation>;
  /** Traits of the functions of that name, put together; schema undefined means those of all schemas. */
  functions(schema: string | undefined, name: string): FunctionTraits | undefined;
  /** The user's functions, and what relations run. */
  readonly code: DatabaseCode;
}

/** Quotes an identifier unconditionally. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Quotes a string as a literal that does not depend on standard_conforming_strings. */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

/** `"schema"."name"` */
export function qualifiedName(relation: { readonly schema: string; readonly name: string }): string {
  return `${quoteIdentifier(relation.schema)}.${quoteIdentifier(relation.name)}`;
}
