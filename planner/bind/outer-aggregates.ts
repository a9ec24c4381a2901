/**
 * Aggregates that stand in a subquery and yet belong to a query around it: an aggregate is of the level of the columns
 * in its arguments (PostgreSQL manual, "Aggregate Expressions"), so `(SELECT max(o.x))` aggregates the rows of `o`.
 */

import type { SelectStmt } from 'libpg-query';

import { queriesBelow } from './from-entries.js';
import type { PlanContext } from '../tree/context.js';
import type { Query } from './query.js';
import { isAggregate, shapeOf, walkLevel } from './shape.js';
import { someNode } from '../tree/tree.js';

/** Whether an aggregate in the query, at any depth, may belong to a level around it. */
export function mayAggregateOutside(query: Query, context: PlanContext): boolean {
  const { select, scope } = query;
  const isOutside =
    query.kind === 'select' &&
    select !== undefined &&
    shapeOf(select, context).aggregates.some((call) =>
      someNode(
        [call.args, call.agg_order, call.agg_filter],
        (node) => 'ColumnRef' in node && !scope.isOwn(node.ColumnRef),
      ),
    );
  const outOfPlace = select !== undefined && aggregatesOutOfPlace(select, context);
  return isOutside || outOfPlace || queriesBelow(query).some((part) => mayAggregateOutside(part, context));
}

/** In WHERE, ON and GROUP BY a query cannot aggregate its own rows: what stands there is of a level around it. */
function aggregatesOutOfPlace(select: SelectStmt, context: PlanContext): boolean {
  let found = false;
  walkLevel([select.whereClause, select.fromClause, select.groupClause], (node) => {
    if ('FuncCall' in node && node.FuncCall.over === undefined) found ||= isAggregate(node.FuncCall, context);
    return !('RangeSubselect' in node);
  });
  return found;
}
