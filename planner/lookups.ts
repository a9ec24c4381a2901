/**
 * Columns by which subqueries look up rows for each row around them: `WHERE i.k = o.k` with o of an outer level. A copy
 * of many rows needs an index there, as its relation may have one.
 */

import { quoteIdentifier, type Column } from '../catalog/schema.js';
import { typeOid } from '../catalog/type-oid.js';
import type { Term } from './facts.js';
import { entriesOf } from './from-entries.js';
import { termsOfScope } from './level-references.js';
import type { EntryConditions, PlacedCondition } from './pushdown.js';
import type { Entry, Query } from './query.js';
import { operatorName } from './tree.js';

/** For each occurrence of a relation: the index, as CREATE INDEX takes it behind the table. */
export function lookupIndexes(top: Query, conditions: EntryConditions): ReadonlyMap<Entry, string> {
  const found = new Map<Entry, string>();
  const visit = (query: Query): void => {
    const own = termsOfScope(query.scope);
    for (const entry of entriesOf(query.from)) {
      if (entry.query !== undefined) visit(entry.query);
      const columns = (conditions.get(entry) ?? []).flatMap((condition) => lookedUp(entry, condition, own));
      const index = indexOf(columns);
      if (index !== undefined) found.set(entry, index);
    }
    for (const subquery of query.subqueries) visit(subquery.query);
    for (const arm of query.arms) visit(arm.query);
    for (const inner of query.withQueries) visit(inner);
  };
  visit(top);
  return found;
}

/** Types of few bytes, which any index takes. */
const small: ReadonlySet<number> = new Set([
  typeOid.int2,
  typeOid.int4,
  typeOid.int8,
  typeOid.oid,
  typeOid.date,
  typeOid.timestamp,
  typeOid.timestamptz,
  typeOid.uuid,
]);

/** Types of any length: a hash index takes them, of one column. */
const long: ReadonlySet<number> = new Set([typeOid.text, typeOid.varchar, typeOid.bpchar, typeOid.numeric]);

function indexOf(columns: readonly Column[]): string | undefined {
  const names = columns.filter(({ baseTypeOid }) => small.has(baseTypeOid)).map(({ name }) => quoteIdentifier(name));
  if (names.length > 0) return `USING btree (${[...new Set(names)].toSorted().join(', ')})`;
  const one = columns.find(({ baseTypeOid }) => long.has(baseTypeOid));
  return one === undefined ? undefined : `USING hash (${quoteIdentifier(one.name)})`;
}

/** The entry's column that a condition compares with one of an outer level. */
function lookedUp(
  { relation, columns }: Entry,
  { node, resolve }: PlacedCondition,
  own: ReadonlySet<Term>,
): readonly Column[] {
  if (!('A_Expr' in node) || node.A_Expr.kind !== 'AEXPR_OP' || operatorName(node.A_Expr.name) !== '=') return [];
  const { lexpr, rexpr } = node.A_Expr;
  if (lexpr === undefined || rexpr === undefined || !('ColumnRef' in lexpr) || !('ColumnRef' in rexpr)) return [];
  const sides = [resolve(lexpr.ColumnRef), resolve(rexpr.ColumnRef)];
  return sides.flatMap((term, side) => {
    const other = sides[1 - side];
    const isOuter = other !== undefined && !own.has(other);
    const column = isOuter ? relation?.columns[columns.findIndex((each) => each.term === term)] : undefined;
    return column === undefined ? [] : [column];
  });
}
