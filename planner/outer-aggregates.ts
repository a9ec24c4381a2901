/**
 * An aggregate belongs to the query whose columns its arguments read (src/backend/parser/parse_agg.c,
 * check_agg_arguments): in a subquery over an outer query's columns alone it makes that outer query an aggregation.
 */

import type { FuncCall } from 'libpg-query';

import type { PlanContext } from './context.js';
import type { Query, Scope } from './query.js';
import { isAggregate } from './shape.js';
import { columnRefParts, someNode, walkNodes } from './tree.js';

/** Whether a subquery holds an aggregate of a query around it. */
export function holdsOuterAggregate(subquery: Query, context: PlanContext): boolean {
  const { select, scope, subqueries, arms } = subquery;
  return (
    (select !== undefined &&
      someNode(select, (node) => 'FuncCall' in node && isOuter(node.FuncCall, scope, context))) ||
    subqueries.some(({ query }) => holdsOuterAggregate(query, context)) ||
    arms.some(({ query }) => holdsOuterAggregate(query, context))
  );
}

/** Reads columns, and none of the level. A subquery's own aggregates are found with a scope that does not know them. */
function isOuter(call: FuncCall, scope: Scope, context: PlanContext): boolean {
  if (call.over !== undefined || !isAggregate(call, context)) return false;
  let reads = false;
  let readsOwn = false;
  walkNodes([call.args, call.agg_filter, call.agg_order], (node) => {
    if ('ColumnRef' in node) {
      reads = true;
      readsOwn ||= isOwn(columnRefParts(node.ColumnRef), scope);
    }
    return true;
  });
  return reads && !readsOwn;
}

function isOwn(parts: readonly string[], { qualifiers, columns }: Scope): boolean {
  const [first] = parts;
  if (parts.length > 1) return qualifiers.some(({ alias }) => alias === parts.at(-2));
  return columns.some(({ name }) => name === first) || qualifiers.some(({ open, alias }) => open || alias === first);
}
