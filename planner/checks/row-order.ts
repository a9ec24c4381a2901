/** Whether the rows of a query level have one order, whatever the order of their tables is. */

import type { Node } from 'libpg-query';

import { Classes, singleValue, type Term } from '../bind/facts.js';
import { entriesOf } from '../bind/from-entries.js';
import { queryFacts } from '../route/pins.js';
import type { Entry, Query, Scope } from '../bind/query.js';
import { orderingExpression, type Target } from '../bind/shape.js';
import { typeOf } from '../bind/value-types.js';

/** Whether values that are equal are alike. */
export function isExact(node: Node, scope: Scope): boolean {
  return typeOf(node, scope)?.declared?.exact === true;
}

/** The expressions of an ORDER BY, of those that sort by their type's own order. */
export function orderItems(clause: readonly Node[] | undefined, targets: readonly Target[] = []): readonly Node[] {
  return (clause ?? []).flatMap((node) => {
    if (!('SortBy' in node) || node.SortBy.node === undefined || node.SortBy.sortby_dir === 'SORTBY_USING') return [];
    return [targets.length === 0 ? node.SortBy.node : orderingExpression(node.SortBy.node, targets)];
  });
}

/** Whether no two rows of FROM are equal in all of these: a unique key of each table is among them. */
export function ordersTotally(items: readonly Node[], query: Query): boolean {
  const terms = new Set<Term>();
  for (const item of items) {
    const term = 'ColumnRef' in item ? query.scope.resolve(item.ColumnRef)?.term : undefined;
    if (term !== undefined) terms.add(term);
  }
  const entries = entriesOf(query.from);
  return entries.length > 0 && entries.every((entry) => hasUniqueKey(entry, (term) => terms.has(term), true));
}

/** Whether conditions pin the one table of a level to one row, or to one for each row of the query around. */
export function isSingleRow(query: Query): boolean {
  const { from } = query;
  if (from?.kind !== 'entry') return false;
  return hasUniqueKey(from.entry, pinnedTerms(query, new Set(from.entry.columns.map(({ term }) => term))), false);
}

/** Whether a column is equal to one value, or to a column that is none of `own`. */
export function pinnedTerms(query: Query, own: ReadonlySet<Term>): (term: Term) => boolean {
  const facts = queryFacts(query);
  const classes = new Classes(facts);
  const others = facts.flatMap((fact) =>
    fact.kind === 'equal' ? [fact.left, fact.right].filter((term) => !own.has(term)) : [],
  );
  return (term) =>
    classes.values(term).some((list) => singleValue(list) !== undefined) ||
    others.some((other) => classes.equal(term, other));
}

/** `ordered`: rows with NULL in a column are equal in an order, though not to a constraint. */
export function hasUniqueKey({ relation, columns }: Entry, holds: (term: Term) => boolean, ordered: boolean): boolean {
  // The constraints of a parent do not hold for the rows of its children.
  if (relation === undefined || relation.isInherited) return false;
  return relation.uniqueKeys.some(
    (key) =>
      key.partial !== true &&
      key.columns.every((name) => {
        const index = relation.columns.findIndex((column) => column.name === name);
        const isNullable = relation.columns[index]?.notNull !== true && !key.primary;
        return holds(columns[index]?.term ?? -1) && !(ordered && isNullable);
      }),
  );
}
