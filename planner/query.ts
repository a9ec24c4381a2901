/** A query level after its names are resolved: what planner/bind.ts makes and the rest of the planner reads. */

import type { SelectStmt } from 'libpg-query';

import type { Fact, Term } from './facts.js';
import type { Entry, Scope, VisibleColumn } from './scope.js';

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
    };

/** A query inside an expression. */
export interface Subquery {
  readonly query: Query;
  /** `x IN (SELECT y …)` as a condition of WHERE itself: x = y for every row that matters. */
  readonly semi: Fact | undefined;
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

/** A term's identity within a statement, and its type. */
export interface TermAllocator {
  newTerm(): Term;
}
