/**
 * Columns by which a subquery looks for rows, once for each row of the query around it: `WHERE own = outer.column`.
 * Over a copy without an index each look would read all of the copy.
 */

import type { Node } from 'libpg-query';

import type { Column } from '../catalog/schema.js';
import type { PlacedCondition } from './pushdown.js';
import type { Entry, Scope, VisibleColumn } from './query.js';
import { operatorName } from './tree.js';

/** int8, int2, int4, oid, float4, float8, date, timestamp, timestamptz, uuid: small values with an order of their own. */
const indexable: ReadonlySet<number> = new Set([20, 21, 23, 26, 700, 701, 1082, 1114, 1184, 2950]);

/** The columns of the entry's relation that such conditions compare; none where no index would serve. */
export function probedColumns(entry: Entry, conditions: readonly PlacedCondition[]): readonly Column[] {
  const probed = new Set<Column>();
  for (const { node, scope } of conditions) {
    const [left, right] = comparedColumns(node, scope);
    if (left === undefined || right === undefined) continue;
    const column = isOuter(right, scope)
      ? ownColumn(entry, left)
      : isOuter(left, scope)
        ? ownColumn(entry, right)
        : undefined;
    if (column !== undefined && indexable.has(column.baseTypeOid)) probed.add(column);
  }
  return [...probed];
}

function comparedColumns(node: Node, scope: Scope): readonly (VisibleColumn | undefined)[] {
  if (!('A_Expr' in node) || node.A_Expr.kind !== 'AEXPR_OP' || operatorName(node.A_Expr.name) !== '=') return [];
  const { lexpr, rexpr } = node.A_Expr;
  return [lexpr, rexpr].map((side) =>
    side !== undefined && 'ColumnRef' in side ? scope.resolve(side.ColumnRef) : undefined,
  );
}

/** Whether a column is of a query around the one whose FROM the scope is of. */
function isOuter({ term }: VisibleColumn, scope: Scope): boolean {
  const isLocal = (columns: readonly VisibleColumn[]): boolean => columns.some((column) => column.term === term);
  return !isLocal(scope.columns) && !scope.qualifiers.some(({ columns }) => isLocal(columns));
}

function ownColumn(entry: Entry, { term }: VisibleColumn): Column | undefined {
  const index = entry.columns.findIndex((column) => column.term === term);
  return index < 0 ? undefined : entry.relation?.columns[index];
}
