/**
 * A statement after its names are resolved: query levels, occurrences of relations and what names mean where
 * (planner/bind/bind.ts makes them, the rest of the planner reads them).
 */

import type { EntryKind } from '../tree/scope.js';
import type { ColumnRef, Node, SelectStmt } from 'libpg-query';

import type { Relation, TextOrder } from '../../catalog/schema.js';
import type { Fact, Term } from './facts.js';
import type { ShippedType } from '../plan/plan.js';
import { systemColumns } from '../postgres/system-column-names.js';
import { columnRefParts } from '../tree/tree.js';

/** A type as a column of a table can have it. */
export interface DeclaredType extends ShippedType {
  /** Equal values are alike in every byte: no 1.0 beside 1.00, no -0 beside 0. */
  readonly exact: boolean;
}

/** What is known of a value's type; undefined stands for a type that the planner does not know. */
export interface ValueType {
  readonly baseTypeOid: number;
  readonly textOrder: TextOrder;
  /** Undefined where not all of it is known. */
  readonly declared?: DeclaredType | undefined;
}

/** A column as names find it. */
export interface VisibleColumn {
  readonly name: string;
  readonly term: Term;
  readonly type: ValueType | undefined;
}

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
  /** A table, whose rows have system columns too. */
  readonly isTable: boolean;
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

  /** Whether a reference means a column of this level, not of one around it. */
  isOwn(reference: ColumnRef): boolean {
    const parts = columnRefParts(reference);
    const name = parts.at(-1) ?? '';
    if (parts.length > 1) return this.qualifiers.some((qualifier) => qualifier.alias === parts.at(-2));
    return (
      this.columns.some((column) => column.name === name) ||
      this.qualifiers.some((qualifier) => qualifier.open || qualifier.alias === name) ||
      (systemColumns.has(name) && this.qualifiers.some((qualifier) => qualifier.isTable))
    );
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

export type JoinKind = 'inner' | 'left' | 'right' | 'full';

export type FromNode =
  | { readonly kind: 'entry'; readonly entry: Entry }
  | {
      readonly kind: 'join';
      readonly join: JoinKind;
      readonly left: FromNode;
      readonly right: FromNode;
      /** What its ON, USING or NATURAL says. */
      readonly facts: readonly Fact[];
      /** Its ON. */
      readonly on?: { readonly condition: Node; readonly scope: Scope };
    };

/** A query inside an expression. */
export interface Subquery {
  readonly query: Query;
  /** `x IN (SELECT y …)` as a condition of WHERE itself: x = y for every row that matters. */
  readonly semi: Fact | undefined;
  /** `ctid IN (SELECT ctid …)`, or NOT IN: it tells of rows by their places, which are those of one shard. */
  readonly byPlace: boolean;
  readonly location: number;
}

export interface Query {
  /** `recursive`: a set operation whose right arm reads its own result. `modify`: INSERT, UPDATE, DELETE, MERGE. */
  readonly kind: 'select' | 'set operation' | 'recursive' | 'modify';
  readonly select: SelectStmt | undefined;
  readonly scope: Scope;
  readonly from: FromNode | undefined;
  readonly where: readonly Fact[];
  readonly outputs: readonly VisibleColumn[];
  /** For each output that is a plain column: output = that column. */
  readonly links: readonly Fact[];
  readonly subqueries: readonly Subquery[];
  /** The arms of a set operation, with the facts that tie its outputs to theirs. */
  readonly arms: readonly { readonly query: Query; readonly links: readonly Fact[] }[];
  /** WITH queries that write or that nothing refers to; the others are occurrences where they are read. */
  readonly withQueries: readonly Query[];
}
