/**
 * What the names of one query level refer to: whether a query stands by itself, so that it can run elsewhere, and which
 * columns of its FROM the rest of a level reads.
 */

import type { ColumnRef, Node, SelectStmt } from 'libpg-query';

import { queriesBelow } from '../bind/from-entries.js';
import type { Term } from '../bind/facts.js';
import type { Query, Scope, VisibleColumn } from '../bind/query.js';
import { orderingExpression, targetsOf, type Target } from '../bind/shape.js';
import { isStar, walkNodes } from '../tree/tree.js';

export interface Reference {
  readonly node: ColumnRef;
  readonly column: VisibleColumn;
}

/** A reference that means no column that the planner knows: a whole row, a function's column, an unknown name. */
type Unresolved = 'unresolved';

/** The column references of expressions of a level; `skip` keeps out of parts of them. Subqueries are not looked into. */
export function referencesIn(
  nodes: unknown,
  scope: Scope,
  skip: (node: Node) => boolean = () => false,
): readonly Reference[] | Unresolved {
  const found: Reference[] = [];
  let isResolved = true;
  const visit = (node: Node): boolean => {
    if (skip(node)) return false;
    if ('SubLink' in node) {
      walkNodes(node.SubLink.testexpr, visit);
      return false;
    }
    if ('SelectStmt' in node) return false;
    if (!('ColumnRef' in node)) return true;
    const column = scope.resolve(node.ColumnRef);
    if (column === undefined) isResolved = false;
    else found.push({ node: node.ColumnRef, column });
    return false;
  };
  walkNodes(nodes, visit);
  return isResolved ? found : 'unresolved';
}

/** ORDER BY and GROUP BY items that are expressions of their own, not the name or number of an output. */
export function ownItems(nodes: readonly Node[] | undefined, targets: readonly Target[]): readonly Node[] {
  return (nodes ?? []).filter((node) => {
    const item = 'SortBy' in node ? node.SortBy.node : node;
    return item !== undefined && orderingExpression(item, targets) === item;
  });
}

/** The terms of all columns that a level's FROM makes visible. */
export function termsOfScope(scope: Scope): ReadonlySet<Term> {
  const columns = [...scope.columns, ...scope.qualifiers.flatMap((qualifier) => qualifier.columns)];
  return new Set(columns.map((column) => column.term));
}

/** Whether a query reads nothing of the levels around it, but for the terms that are given. */
export function isClosed(query: Query, around: ReadonlySet<Term> = new Set()): boolean {
  // Without a level around there is nothing else that its names could mean.
  if (query.scope.parent === undefined && query.scope.outer === undefined) return true;
  if (query.kind === 'modify') return false;
  const inside = new Set([...around, ...termsOfScope(query.scope)]);
  return readsOnly(query, inside) && queriesBelow(query).every((each) => isClosed(each, inside));
}

function readsOnly(query: Query, inside: ReadonlySet<Term>): boolean {
  const { select, scope } = query;
  if (select === undefined) return false;
  const isStarred = (node: Node): boolean => 'ColumnRef' in node && isStar(node.ColumnRef);
  const references = referencesIn(expressionsOf(select, scope), scope, isStarred);
  if (references === 'unresolved') return false;
  let starsAreInside = true;
  walkNodes(select.targetList, (node) => {
    if ('SubLink' in node) return false;
    if ('ColumnRef' in node && isStar(node.ColumnRef)) {
      const columns = scope.expandStar(node.ColumnRef);
      starsAreInside &&= columns?.every(({ term }) => inside.has(term)) === true;
    }
    return true;
  });
  return starsAreInside && references.every(({ column }) => inside.has(column.term));
}

/** All expressions of a level, FROM's too. */
function expressionsOf(select: SelectStmt, scope: Scope): unknown {
  if (select.op !== undefined && select.op !== 'SETOP_NONE') return [select.limitCount, select.limitOffset];
  const targets = targetsOf(select.targetList, scope);
  return [
    select.targetList,
    select.fromClause,
    select.whereClause,
    ownItems(select.groupClause, targets),
    ownItems(select.distinctClause, targets),
    ownItems(select.sortClause, targets),
    select.havingClause,
    select.windowClause,
    select.limitCount,
    select.limitOffset,
    select.valuesLists,
  ];
}
