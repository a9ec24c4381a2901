/**
 * Which rows of a relation cannot matter to a statement, whatever is in the other relations: those that fail a
 * condition on its own columns, where filtering them before is the same as filtering after. That holds for WHERE and
 * the ON of inner joins, unless an outer join stands between that may put NULLs in the place of the row; and for the
 * ON of an outer join on its nullable side.
 */

import type { Node } from 'libpg-query';

import type { Binder } from './bind.js';
import type { SqlPiece } from './plan.js';
import { printCondition } from './print-condition.js';
import type { Entry, FromNode, Query, Scope } from './query.js';
import { quoteIdentifier } from '../catalog/schema.js';
import { conjuncts } from './tree.js';

/** A condition where it stands. */
export interface PlacedCondition {
  readonly node: Node;
  readonly scope: Scope;
}

export type EntryConditions = ReadonlyMap<Entry, readonly PlacedCondition[]>;

/** For each occurrence of a relation, the conditions that its rows must meet to matter, those on other columns too. */
export function conditionsByEntry(query: Query): EntryConditions {
  const found = new Map<Entry, readonly PlacedCondition[]>();
  visitQuery(query, found);
  return found;
}

function visitQuery(query: Query, found: Map<Entry, readonly PlacedCondition[]>): void {
  const where = query.kind === 'select' ? placed(query.select?.whereClause, query.scope) : [];
  if (query.from !== undefined) visitFrom(query.from, where, found);
  for (const { query: inner } of query.subqueries) visitQuery(inner, found);
  for (const { query: inner } of query.arms) visitQuery(inner, found);
  for (const inner of query.withQueries) visitQuery(inner, found);
}

function visitFrom(
  node: FromNode,
  conditions: readonly PlacedCondition[],
  found: Map<Entry, readonly PlacedCondition[]>,
): void {
  if (node.kind === 'entry') {
    if (node.entry.query === undefined) found.set(node.entry, conditions);
    else visitQuery(node.entry.query, found);
    return;
  }
  const { join, left, right, on } = node;
  const own = on === undefined ? [] : placed(on.condition, on.scope);
  const both = [...conditions, ...own];
  visitFrom(left, join === 'inner' ? both : join === 'left' ? conditions : join === 'right' ? own : [], found);
  visitFrom(right, join === 'inner' ? both : join === 'right' ? conditions : join === 'left' ? own : [], found);
}

function placed(condition: Node | undefined, scope: Scope): readonly PlacedCondition[] {
  return conjuncts(condition).map((node) => ({ node, scope }));
}

/** The conditions that read nothing but the entry's own columns, as SQL over its relation; undefined when there are none. */
export function ownConditions(
  entry: Entry,
  conditions: readonly PlacedCondition[],
  binder: Binder,
): readonly SqlPiece[] | undefined {
  const printed = conditions.flatMap((condition) => {
    const pieces = ownCondition(entry, condition, binder);
    return pieces === undefined ? [] : [pieces];
  });
  if (printed.length === 0) return undefined;
  return separated(printed, ' AND ');
}

/** What a condition says of the entry's columns alone: all of it, or what each arm of an OR says of them. */
function ownCondition(entry: Entry, { node, scope }: PlacedCondition, binder: Binder): readonly SqlPiece[] | undefined {
  if (!readsColumn(node)) return undefined;
  const whole = printCondition(
    node,
    (reference) => {
      const column = scope.resolve(reference);
      const index = column === undefined ? -1 : entry.columns.findIndex(({ term }) => term === column.term);
      const name = entry.relation?.columns[index]?.name;
      return name === undefined ? undefined : quoteIdentifier(name);
    },
    binder.context,
    binder.text,
  );
  if (whole !== undefined || !('BoolExpr' in node) || node.BoolExpr.boolop !== 'OR_EXPR') return whole;
  const arms: (readonly SqlPiece[])[] = [];
  for (const arm of node.BoolExpr.args ?? []) {
    const pieces = ownConditions(entry, placed(arm, scope), binder);
    if (pieces === undefined) return undefined;
    arms.push(pieces);
  }
  return ['(', ...separated(arms, ' OR '), ')'];
}

function separated(parts: readonly (readonly SqlPiece[])[], separator: string): readonly SqlPiece[] {
  return parts.flatMap((pieces, index) => (index === 0 ? pieces : [separator, ...pieces]));
}

function readsColumn(node: Node): boolean {
  return JSON.stringify(node).includes('"ColumnRef"');
}
