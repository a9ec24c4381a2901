/** What the parts of binding need of one another: planner/bind/bind.ts carries it out. */

import type { Node, WithClause } from 'libpg-query';

import type { PlanContext } from '../tree/context.js';
import type { Fact, Term } from './facts.js';
import type { CommonTables, Entry, FromNode, Qualifier, Query, Scope, VisibleColumn } from './query.js';
import type { StatementText } from '../tree/text.js';

/** A part of FROM with the names that it makes visible. */
export interface BoundFrom {
  readonly node: FromNode;
  readonly columns: readonly VisibleColumn[];
  readonly qualifiers: readonly Qualifier[];
}

export interface Binding {
  readonly context: PlanContext;
  readonly text: StatementText;
  newTerm(): Term;
  /** Counts one more occurrence; too many are refused. */
  count(location: number): void;
  childScope(scope: Scope, parts: readonly BoundFrom[]): Scope;
  bindNode(node: Node | undefined, parent: Scope | undefined, common: CommonTables): Query;
  bindExpressions(nodes: unknown, scope: Scope): void;
  bindCondition(condition: Node | undefined, scope: Scope): readonly Fact[];
  bindFromList(items: readonly Node[] | undefined, scope: Scope, first?: Entry): FromNode | undefined;
  bindWith(clause: WithClause | undefined, scope: Scope): () => Query[];
  outputsOf(targets: readonly Node[] | undefined, scope: Scope): VisibleColumn[];
}
