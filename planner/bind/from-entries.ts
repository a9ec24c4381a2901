/** What a FROM and a query hold: entries, queries below, and how many rows a join can have. */

import type { Classes, Fact } from './facts.js';
import type { Entry, FromNode, Query } from './query.js';

export function entriesOf(node: FromNode | undefined): readonly Entry[] {
  if (node === undefined) return [];
  return node.kind === 'entry' ? [node.entry] : [...entriesOf(node.left), ...entriesOf(node.right)];
}

/** Where an UPDATE, DELETE or MERGE writes: the first entry of its FROM. */
export function targetOf(node: FromNode | undefined): Entry | undefined {
  if (node === undefined) return undefined;
  return node.kind === 'entry' ? node.entry : targetOf(node.left);
}

/** The queries that stand in a query's FROM. */
function derivedQueries(query: Query): readonly Query[] {
  return entriesOf(query.from).flatMap((entry) => entry.query ?? []);
}

/** The queries directly below a query, but for those in its FROM. */
export function innerQueries(query: Query): readonly Query[] {
  return [
    ...query.subqueries.map((subquery) => subquery.query),
    ...query.arms.map((arm) => arm.query),
    ...query.withQueries,
  ];
}

/** All queries directly below a query. */
export function queriesBelow(query: Query): readonly Query[] {
  return [...innerQueries(query), ...derivedQueries(query)];
}

/** What all joins say, the outer ones too: for an estimate, not for a proof. */
export function joinFacts(node: FromNode | undefined): readonly Fact[] {
  if (node === undefined || node.kind === 'entry') return [];
  return [...node.facts, ...joinFacts(node.left), ...joinFacts(node.right)];
}

/** Whether some unique key of the entry is equal to columns of the others. */
export function isSingle(entry: Entry, entries: readonly Entry[], classes: Classes): boolean {
  const others = entries.filter((other) => other !== entry).flatMap(({ columns }) => columns.map(({ term }) => term));
  const { relation, columns } = entry;
  return (
    relation?.uniqueKeys.some(
      (key) =>
        key.partial !== true &&
        key.columns.every((name) => {
          const term = columns[relation.columns.findIndex((column) => column.name === name)]?.term ?? -1;
          return classes.values(term).length > 0 || others.some((other) => classes.equal(term, other));
        }),
    ) ?? false
  );
}
