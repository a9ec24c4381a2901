/**
 * Rung 2: which values the shard keys of a statement's tables must have (DESIGN.md, the planner's ladder).
 *
 * Every occurrence of a sharded table is judged with the facts that hold for those of its rows that can matter:
 * WHERE and inner joins of its level and of the levels that it depends on; the ON of an outer join for its nullable
 * side alone; a condition on a subquery's output where filtering before is the same as filtering after.
 */

import { unreachable } from '../../base/assert.js';
import { Classes, singleValue, type Fact } from '../bind/facts.js';
import type { KeySource, ValueSource } from '../plan/plan.js';
import type { Entry, FromNode, Query } from '../bind/query.js';

export interface Occurrence {
  readonly entry: Entry;
  readonly classes: Classes;
}

/** Facts that hold for every row that a part of FROM yields. */
export function yieldedFacts(node: FromNode | undefined): Fact[] {
  if (node === undefined) return [];
  if (node.kind === 'entry') {
    const query = node.entry.query;
    return query === undefined || query.kind !== 'select' ? [] : [...queryFacts(query), ...query.links];
  }
  switch (node.join) {
    case 'inner':
      return [...node.facts, ...yieldedFacts(node.left), ...yieldedFacts(node.right)];
    case 'left':
      return yieldedFacts(node.left);
    case 'right':
      return yieldedFacts(node.right);
    case 'full':
      return [];
    default:
      return unreachable(node.join, 'join');
  }
}

/** Facts that hold for every row that passes a query's FROM and WHERE. */
export function queryFacts(query: Query): Fact[] {
  return [...query.where, ...yieldedFacts(query.from)];
}

/** What a subquery in FROM may use of the facts around it. */
export function insideFacts(facts: readonly Fact[], query: Query): readonly Fact[] {
  return facts.filter((fact) => fact.kind !== 'equal' || fact.link?.derived !== query.outputs || fact.link.transparent);
}

/** All occurrences of relations that hold rows, with their facts. */
export function occurrencesOf(query: Query, outside: readonly Fact[] = [], found: Occurrence[] = []): Occurrence[] {
  const facts = [...outside, ...queryFacts(query)];
  visitFrom(query.from, facts, found);
  for (const subquery of query.subqueries) {
    occurrencesOf(subquery.query, semiFacts(facts, subquery), found);
  }
  for (const arm of query.arms) occurrencesOf(arm.query, [...outside, ...arm.links], found);
  for (const inner of query.withQueries) occurrencesOf(inner, [], found);
  return found;
}

/** The facts for a subquery of an expression. */
export function semiFacts(facts: readonly Fact[], subquery: { query: Query; semi: Fact | undefined }): readonly Fact[] {
  if (subquery.semi === undefined) return facts;
  const links = subquery.query.links.filter((fact) => fact.kind === 'equal' && fact.link?.transparent === true);
  return [...facts, subquery.semi, ...links];
}

function visitFrom(node: FromNode | undefined, facts: readonly Fact[], found: Occurrence[]): void {
  if (node === undefined) return;
  if (node.kind === 'entry') {
    const { entry } = node;
    if (entry.query !== undefined) occurrencesOf(entry.query, insideFacts(facts, entry.query), found);
    else if (entry.kind !== 'derived') found.push({ entry, classes: new Classes(facts) });
    return;
  }
  const { left, right, join } = node;
  const nullable = [...facts, ...node.facts];
  visitFrom(left, join === 'right' ? [...nullable, ...yieldedFacts(left)] : facts, found);
  visitFrom(right, join === 'left' ? [...nullable, ...yieldedFacts(right)] : facts, found);
}

/** The lists of alternatives for an occurrence's key; none when its rows may be anywhere. */
export function keyAlternatives({ entry, classes }: Occurrence): (readonly KeySource[])[] {
  const first = entry.key[0];
  if (first === undefined) return [];
  if (entry.key.length === 1) return classes.values(first);
  const values: ValueSource[] = [];
  for (const term of entry.key) {
    const single = classes
      .values(term)
      .map(singleValue)
      .find((value) => value !== undefined);
    if (single === undefined) return [];
    values.push(single);
  }
  return [[{ kind: 'tuple', values }]];
}
