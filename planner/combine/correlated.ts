/**
 * Columns by which a subquery looks for rows, once for each row of the query around it: `WHERE own = outer.column`.
 * Over a copy without an index each look would read all of the copy.
 */

import { entriesOf } from '../bind/from-entries.js';
import type { Column } from '../../catalog/schema.js';
import type { Term } from '../bind/facts.js';
import type { PlacedCondition } from './pushdown.js';
import type { Entry, Query } from '../bind/query.js';
import { operatorName } from '../tree/tree.js';

/** int8, int2, int4, oid, float4, float8, date, timestamp, timestamptz, uuid: small values with an order of their own. */
const indexable: ReadonlySet<number> = new Set([20, 21, 23, 26, 700, 701, 1082, 1114, 1184, 2950]);

/** For each relation in a subquery of an expression: the columns of the queries around it. */
export type OuterTerms = ReadonlyMap<Entry, ReadonlySet<Term>>;

export function outerTerms(query: Query): OuterTerms {
  const found = new Map<Entry, ReadonlySet<Term>>();
  visit(query, new Set(), found);
  return found;
}

function visit(query: Query, outer: ReadonlySet<Term>, found: Map<Entry, ReadonlySet<Term>>): void {
  const entries = entriesOf(query.from);
  for (const entry of entries) {
    if (entry.query !== undefined) visit(entry.query, outer, found);
    else if (outer.size > 0) found.set(entry, outer);
  }
  const around = new Set([...outer, ...entries.flatMap(({ columns }) => columns.map(({ term }) => term))]);
  for (const { query: inner } of query.subqueries) visit(inner, around, found);
  for (const { query: inner } of query.arms) visit(inner, outer, found);
  for (const inner of query.withQueries) visit(inner, outer, found);
}

/** The columns of the entry's relation that such conditions compare; none where no index would serve. */
export function probedColumns(
  entry: Entry,
  conditions: readonly PlacedCondition[],
  outer: OuterTerms,
): readonly Column[] {
  const around = outer.get(entry);
  if (around === undefined) return [];
  const probed = new Set<Column>();
  for (const condition of conditions) {
    const [left, right] = comparedTerms(condition);
    if (left === undefined || right === undefined) continue;
    const own = around.has(right) ? left : around.has(left) ? right : undefined;
    const column = own === undefined ? undefined : ownColumn(entry, own);
    if (column !== undefined && indexable.has(column.baseTypeOid)) probed.add(column);
  }
  return [...probed];
}

function comparedTerms({ node, resolve }: PlacedCondition): readonly (Term | undefined)[] {
  if (!('A_Expr' in node) || node.A_Expr.kind !== 'AEXPR_OP' || operatorName(node.A_Expr.name) !== '=') return [];
  const { lexpr, rexpr } = node.A_Expr;
  return [lexpr, rexpr].map((side) =>
    side !== undefined && 'ColumnRef' in side ? resolve(side.ColumnRef) : undefined,
  );
}

function ownColumn(entry: Entry, term: Term): Column | undefined {
  const index = entry.columns.findIndex((column) => column.term === term);
  return index < 0 ? undefined : entry.relation?.columns[index];
}
