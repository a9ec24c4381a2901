/** Names of one query level: which column of which occurrence of a relation a reference means. */

import type { ColumnRef } from 'libpg-query';

import { PgError, sqlstate } from '../base/errors.js';
import type { CatalogSnapshot, Relation, TextOrder } from '../catalog/schema.js';
import type { PlanContext } from './context.js';
import type { Term } from './facts.js';
import type { Query } from './query.js';
import { columnRefParts, type QualifiedName } from './tree.js';

/** What is known of a value's type; undefined stands for a type that the planner does not know. */
export interface ValueType {
  readonly baseTypeOid: number;
  readonly textOrder: TextOrder;
}

/** A column as names find it. */
export interface VisibleColumn {
  readonly name: string;
  readonly term: Term;
  readonly type: ValueType | undefined;
}

/** Where the rows of an occurrence come from. `catalog`: pg_catalog and its like, on the home shard. */
export type EntryKind = 'sharded' | 'reference' | 'home' | 'catalog' | 'derived';

/** One occurrence of a relation, a subquery or a function in FROM. */
export interface Entry {
  readonly kind: EntryKind;
  /** The name that qualifies its columns; undefined for an unnamed subquery. */
  readonly alias: string | undefined;
  readonly relation: Relation | undefined;
  /** Sharded: the terms of its key columns, in the key's order. */
  readonly key: readonly Term[];
  readonly columns: readonly VisibleColumn[];
  /** Its columns are not all known, so a name that is not found may be one of them. */
  readonly open: boolean;
  /** Derived: what makes its rows; undefined for functions and for a recursive reference to itself. */
  readonly query: Query | undefined;
  readonly location: number;
}

/** A name that qualifies columns: an entry's or a join's alias. */
export interface Qualifier {
  readonly alias: string | undefined;
  readonly schema: string | undefined;
  readonly columns: readonly VisibleColumn[];
  readonly open: boolean;
}

/** A common table expression as references see it; `bind` makes a new occurrence for each. */
export interface CommonTable {
  readonly bind: (alias: string, location: number) => Entry;
}

export type CommonTables = ReadonlyMap<string, CommonTable>;

export class Scope {
  readonly parent: Scope | undefined;
  /** What a subquery in FROM sees without LATERAL: nothing of this level. */
  readonly outer: Scope | undefined;
  commonTables: CommonTables;
  qualifiers: Qualifier[] = [];
  /** What an unqualified name or a star sees: joins merge the columns of USING. */
  columns: VisibleColumn[] = [];

  constructor(parent: Scope | undefined, outer: Scope | undefined, commonTables: CommonTables) {
    this.parent = parent;
    this.outer = outer;
    this.commonTables = commonTables;
  }

  /** The column that a reference means; undefined when the planner cannot tell, or the server will refuse it. */
  resolve(reference: ColumnRef): VisibleColumn | undefined {
    const parts = columnRefParts(reference);
    const name = parts.at(-1);
    if (name === undefined || name === '*') return undefined;
    if (parts.length === 1) return this.#unqualified(name);
    return this.#qualifier(parts.at(-2) ?? '', parts.at(-3))?.columns.find((column) => column.name === name);
  }

  #unqualified(name: string): VisibleColumn | undefined {
    const found = this.columns.filter((column) => column.name === name);
    if (found.length > 0) return found.length === 1 ? found[0] : undefined;
    if (this.qualifiers.some((qualifier) => qualifier.open)) return undefined;
    // A whole row (SELECT t FROM t) is no column, and hides none of an outer level.
    if (this.qualifiers.some((qualifier) => qualifier.alias === name)) return undefined;
    return this.parent?.resolveName(name);
  }

  resolveName(name: string): VisibleColumn | undefined {
    return this.#unqualified(name);
  }

  #qualifier(alias: string, schema: string | undefined): Qualifier | undefined {
    return (
      this.qualifiers.find(
        (qualifier) => qualifier.alias === alias && (schema === undefined || qualifier.schema === schema),
      ) ?? this.parent?.outerQualifier(alias, schema)
    );
  }

  outerQualifier(alias: string, schema: string | undefined): Qualifier | undefined {
    return this.#qualifier(alias, schema);
  }

  /** What a star expands to; undefined when not all columns are known. */
  expandStar(reference: ColumnRef): readonly VisibleColumn[] | undefined {
    const parts = columnRefParts(reference);
    if (parts.length === 1) return this.qualifiers.some((qualifier) => qualifier.open) ? undefined : this.columns;
    const qualifier = this.#qualifier(parts.at(-2) ?? '', parts.at(-3));
    return qualifier === undefined || qualifier.open ? undefined : qualifier.columns;
  }
}

const catalogSchemas: ReadonlySet<string> = new Set(['pg_catalog', 'information_schema', 'pg_toast']);

/** What a relation's name means. pg_catalog is searched first, as PostgreSQL does. */
export function resolveRelation(name: QualifiedName, context: PlanContext): Relation | 'catalog' | undefined {
  if (name.schema !== undefined) {
    if (catalogSchemas.has(name.schema)) return 'catalog';
    return context.catalog.relation(name.schema, name.name);
  }
  if (name.name.startsWith('pg_') && !existsOnPath(name.name, context)) return 'catalog';
  for (const schema of context.searchPath) {
    const found = catalogSchemas.has(schema) ? undefined : context.catalog.relation(schema, name.name);
    if (found !== undefined) return found;
    if (schema === 'information_schema' && informationViews.test(name.name)) return 'catalog';
  }
  return undefined;
}

const informationViews = /^(tables|columns|schemata|views|routines|parameters|table_constraints|key_column_usage)$/;

function existsOnPath(name: string, context: PlanContext): boolean {
  return context.searchPath.some((schema) => context.catalog.relation(schema, name) !== undefined);
}

/** What PostgreSQL says of a relation that is not there. */
export function undefinedRelation(name: QualifiedName, position: number): PgError {
  const shown = name.schema === undefined ? name.name : `${name.schema}.${name.name}`;
  return new PgError(sqlstate.undefinedTable, `relation "${shown}" does not exist`, { position });
}

/** Where a relation's rows are: for a view, where the rows of what it reads are. */
export function entryKind(relation: Relation, catalog: CatalogSnapshot): EntryKind | 'view over shards' {
  if (relation.kind !== 'view') {
    return relation.kind === 'materialized view' || relation.kind === 'sequence' ? 'home' : relation.placement.kind;
  }
  let kind: EntryKind = 'catalog';
  let reference = false;
  let home = relation.reads.length === 0;
  for (const oid of relation.reads) {
    const read = catalog.relationByOid(oid);
    if (read === undefined || catalogSchemas.has(read.schema)) home = true;
    else if (read.kind === 'view') continue;
    else if (read.kind === 'materialized view' || read.kind === 'sequence') home = true;
    else if (read.placement.kind === 'sharded') return 'view over shards';
    else if (read.placement.kind === 'reference') reference = true;
    else home = true;
  }
  if (reference && !home) kind = 'reference';
  else if (home) kind = 'home';
  return kind;
}
