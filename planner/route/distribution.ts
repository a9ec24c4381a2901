/**
 * Rung 3: whether a query over all shards is the union of the shards' own answers. It is when sharded tables are
 * joined on their keys, reference tables stand where a full copy on every shard does no harm, and whatever looks at
 * several rows at once (GROUP BY, DISTINCT, windows, subqueries) looks at rows of one key.
 */

import type { Node } from 'libpg-query';

import { refuse, type PgError } from '../../base/errors.js';
import { termsOf } from '../bind/bind-outputs.js';
import type { PlanContext } from '../tree/context.js';
import { Classes, type Fact, type Term } from '../bind/facts.js';
import { insideFacts, occurrencesOf, queryFacts, semiFacts, yieldedFacts, type Occurrence } from './pins.js';
import { mayAggregateOutside } from '../bind/outer-aggregates.js';
import { keyColumns, sameFamilies } from './routing.js';
import type { Entry, FromNode, Query, Subquery } from '../bind/query.js';
import { shapeOf, targetsOf } from '../bind/shape.js';
import type { StatementText } from '../tree/text.js';

/** The key of an occurrence whose rows lie on the shard that evaluates; nullable: or are null-extended there. */
interface LocalKey {
  readonly entry: Entry;
  readonly terms: readonly Term[];
  readonly nullable: boolean;
}

/** Where a query stands: `only` as the one source of rows, in their order, of what the client gets; `part` anywhere else. */
type Standing = 'top' | 'only' | 'part';

/** Undefined: the same rows on every shard. */
type Distribution = readonly LocalKey[] | undefined;

const JOIN_HINT = 'Join sharded tables by equality of their shard keys, or pin the statement to one key value.';

export class DistributionCheck {
  readonly #context: PlanContext;
  readonly #text: StatementText;

  constructor(context: PlanContext, text: StatementText) {
    this.#context = context;
    this.#text = text;
  }

  /**
   * Throws a refusal unless the query is the union of the shards' answers, but for LIMIT and plain aggregates.
   * `anchors` are occurrences that have a row behind every row of the answer: their keys say which shards may have any.
   */
  check(query: Query): { readonly ungrouped: boolean; readonly anchors: readonly Entry[] } {
    const { distribution, ungrouped } = this.#query(query, [], 'top');
    if (distribution === undefined) {
      // Its sharded tables stand only where they make no rows of the answer (a WITH query that nothing reads).
      throw refuse(
        'rows that every shard would give, over several shards',
        'Leave out the WITH query that is not read.',
      );
    }
    return { ungrouped, anchors: distribution.filter((key) => !key.nullable).map((key) => key.entry) };
  }

  /** The same for a query inside another one, which nothing gathers in order or combines. */
  checkPart(query: Query): readonly Entry[] {
    const { distribution } = this.#query(query, [], 'part');
    return (distribution ?? []).filter((key) => !key.nullable).map((key) => key.entry);
  }

  /**
   * The same for the rows of FROM and WHERE alone, before they are grouped and cut; `within` tells which subqueries
   * belong to these.
   */
  checkRows(query: Query, within: (subquery: Subquery) => boolean): readonly Entry[] {
    const facts = queryFacts(query);
    const distribution = this.#from(query.from, facts, this.#keepsOrder(query, 'top') ? 'only' : 'part');
    this.#subqueries(query.subqueries.filter(within), facts, distribution);
    return (distribution ?? []).filter((key) => !key.nullable).map((key) => key.entry);
  }

  #query(
    query: Query,
    outside: readonly Fact[],
    standing: Standing,
  ): { readonly distribution: Distribution; readonly ungrouped: boolean } {
    if (!hasSharded(occurrencesOf(query))) {
      return { distribution: undefined, ungrouped: false };
    }
    if (query.kind === 'set operation' || query.kind === 'recursive') {
      const construct =
        query.kind === 'recursive'
          ? 'WITH RECURSIVE over sharded tables'
          : 'UNION, INTERSECT or EXCEPT over sharded tables';
      throw this.#refusal(
        construct,
        'Run the parts as statements of their own, or pin all of them to one key value.',
        query,
      );
    }
    if (query.withQueries.some((part) => part.kind === 'modify')) {
      throw this.#refusal(
        'a WITH query that writes, over several shards',
        'Run it as a statement of its own in the same transaction.',
        query,
      );
    }
    if (query.subqueries.some((subquery) => mayAggregateOutside(subquery.query, this.#context))) {
      throw this.#refusal(
        'an aggregate in a subquery of the query that it belongs to, over several shards',
        'Write the aggregate outside of the subquery.',
        query,
      );
    }
    if (standing === 'only' && (query.select?.sortClause?.length ?? 0) > 0) {
      throw this.#refusal(
        'the order of a subquery in FROM, over several shards',
        'Write ORDER BY in the outer query.',
        query,
      );
    }
    const facts = [...outside, ...queryFacts(query)];
    const distribution = this.#from(query.from, facts, this.#keepsOrder(query, standing) ? 'only' : 'part');
    const classes = new Classes(facts);
    this.#subqueries(query.subqueries, facts, distribution);
    if (distribution === undefined || query.select === undefined) return { distribution, ungrouped: false };
    return { distribution, ungrouped: this.#rows(query, distribution, classes, standing === 'top') };
  }

  /** Subqueries read rows of the key of the row that they stand beside. */
  #subqueries(subqueries: readonly Subquery[], facts: readonly Fact[], distribution: Distribution): void {
    for (const subquery of subqueries) {
      const inner = occurrencesOf(subquery.query, semiFacts(facts, subquery)).filter(isSharded);
      if (inner.length === 0) continue;
      // Each shard's own places say which of its own rows are meant.
      if (subquery.byPlace && this.#query(subquery.query, facts, 'part').distribution !== undefined) continue;
      if (distribution === undefined || !isAnchored(inner, distribution)) {
        throw refuse(
          `a subquery over the sharded table "${inner[0]?.entry.relation?.name ?? ''}" that is not tied to the outer query's shard key`,
          'Correlate it by equality of the shard keys, write it as a join on them, or run it as a statement of its own.',
          { position: this.#text.position(subquery.location) },
        );
      }
    }
  }

  /** Whether the order of the answer is that in which the query's one FROM item gives its rows. */
  #keepsOrder(query: Query, standing: Standing): boolean {
    const { select, from } = query;
    if (standing === 'part' || select === undefined || from?.kind !== 'entry') return false;
    const clauses = [select.sortClause, select.groupClause, select.distinctClause];
    return (
      clauses.every((clause) => (clause?.length ?? 0) === 0) && shapeOf(select, this.#context).aggregates.length === 0
    );
  }

  /** Whether grouping and cutting stay within a key. Returns whether it aggregates all rows into one. */
  #rows(query: Query, distribution: readonly LocalKey[], classes: Classes, isTop: boolean): boolean {
    const select = query.select;
    if (select === undefined) return false;
    const shape = shapeOf(select, this.#context);
    const targets = targetsOf(select.targetList, query.scope);
    const holdsKey = (terms: ReadonlySet<Term>): boolean =>
      distribution.some(
        (key) => !key.nullable && key.terms.every((term) => [...terms].some((other) => classes.equal(term, other))),
      );
    const keyHint = `Add the shard key (${describeKey(distribution)}) to it, or restrict the query to one key value.`;
    const grouping = select.groupClause ?? [];
    if (grouping.some((node) => 'GroupingSet' in node)) {
      throw this.#refusal(
        'GROUPING SETS, ROLLUP or CUBE over several shards',
        'Run one statement for each grouping.',
        query,
      );
    }
    const ungrouped = grouping.length === 0 && (shape.aggregates.length > 0 || select.havingClause !== undefined);
    if (grouping.length > 0 && !holdsKey(termsOf(grouping, query, targets))) {
      throw this.#refusal('GROUP BY without the shard key', keyHint, query, grouping);
    }
    for (const window of shape.windows) {
      if (!holdsKey(termsOf(window.partitionClause ?? [], query, targets))) {
        throw this.#refusal('a window function whose PARTITION BY lacks the shard key', keyHint, query);
      }
    }
    this.#distinct(query, holdsKey, keyHint);
    if (!isTop && (shape.limited || ungrouped)) {
      const construct = shape.limited
        ? 'LIMIT or OFFSET in a subquery over several shards'
        : 'an aggregate without GROUP BY in a subquery over several shards';
      throw this.#refusal(
        construct,
        'Run the subquery as a statement of its own, or restrict it to one key value.',
        query,
      );
    }
    return ungrouped;
  }

  #distinct(query: Query, holdsKey: (terms: ReadonlySet<Term>) => boolean, hint: string): void {
    const distinct = query.select?.distinctClause ?? [];
    if (distinct.length === 0) return;
    const targets = targetsOf(query.select?.targetList, query.scope);
    const on = distinct.filter((node) => Object.keys(node).length > 0);
    if (on.length > 0) {
      if (!holdsKey(termsOf(on, query, targets)))
        throw this.#refusal('DISTINCT ON without the shard key', hint, query, on);
      return;
    }
    const terms = new Set<Term>();
    for (const { expression, star } of targets) {
      if (star !== undefined && star !== 'unknown') for (const column of star) terms.add(column.term);
      const term = 'ColumnRef' in expression ? query.scope.resolve(expression.ColumnRef)?.term : undefined;
      if (term !== undefined) terms.add(term);
    }
    if (!holdsKey(terms)) throw this.#refusal('SELECT DISTINCT without the shard key', hint, query);
  }

  #from(node: FromNode | undefined, facts: readonly Fact[], standing: Standing = 'part'): Distribution {
    if (node === undefined) return undefined;
    if (node.kind === 'entry') return this.#entry(node.entry, facts, standing);
    const { left, right, join } = node;
    const nullable = [...facts, ...node.facts];
    const leftFacts = join === 'right' ? [...nullable, ...yieldedFacts(left)] : facts;
    const rightFacts = join === 'left' ? [...nullable, ...yieldedFacts(right)] : facts;
    const whole = join === 'full' ? node.facts : [...leftFacts, ...rightFacts];

    const leftSharded = hasSharded(shardedBelow(left, leftFacts));
    const rightSharded = hasSharded(shardedBelow(right, rightFacts));
    if (!leftSharded && !rightSharded) return undefined;
    if (leftSharded && rightSharded) return this.#joinSharded(node, leftFacts, rightFacts, new Classes(whole));
    const keys = leftSharded ? this.#from(left, leftFacts) : this.#from(right, rightFacts);
    if (join === 'full' || (join === 'left' && !leftSharded) || (join === 'right' && !rightSharded)) {
      throw refuse(
        'an outer join that keeps all rows of a table without shards, joined to a sharded table',
        'Each shard would add its own unmatched rows: put the sharded table on the outer side, or use an inner join.',
      );
    }
    return keys;
  }

  #joinSharded(
    node: Extract<FromNode, { kind: 'join' }>,
    leftFacts: readonly Fact[],
    rightFacts: readonly Fact[],
    classes: Classes,
  ): Distribution {
    const { left, right, join } = node;
    if (join === 'inner' || join === 'left') {
      // A subquery that depends on the left row by its key may do anything.
      const isDerived = right.kind === 'entry' && right.entry.query !== undefined;
      const inner = isDerived ? shardedBelow(right, rightFacts).filter(isSharded) : [];
      if (isDerived) {
        const keys = this.#from(left, leftFacts);
        if (keys !== undefined && isAnchored(inner, keys)) return keys;
      }
    }
    const leftKeys = this.#from(left, leftFacts) ?? [];
    const rightKeys = this.#from(right, rightFacts) ?? [];
    const joined =
      leftKeys.some((one) => rightKeys.some((other) => sameKey(one, other, classes))) ||
      isSameRow(left, right, [...leftFacts, ...rightFacts, ...node.facts]);
    if (!joined) {
      const names = [leftKeys[0], rightKeys[0]].map((key) => `"${key?.entry.relation?.name ?? ''}"`);
      throw refuse(`a join of the sharded tables ${names.join(' and ')} that is not on their shard keys`, JOIN_HINT, {
        position: this.#text.position(rightKeys[0]?.entry.location ?? 0),
      });
    }
    const extended = (keys: readonly LocalKey[], isNullable: boolean): LocalKey[] =>
      keys.map((key) => ({ ...key, nullable: key.nullable || isNullable }));
    return [
      ...extended(leftKeys, join === 'right' || join === 'full'),
      ...extended(rightKeys, join === 'left' || join === 'full'),
    ];
  }

  #entry(entry: Entry, facts: readonly Fact[], standing: Standing): Distribution {
    if (entry.query !== undefined)
      return this.#query(entry.query, insideFacts(facts, entry.query), standing).distribution;
    return entry.kind === 'sharded' ? [{ entry, terms: entry.key, nullable: false }] : undefined;
  }

  #refusal(construct: string, hint: string, query: Query, nodes?: readonly Node[]): PgError {
    const location = nodes?.[0] === undefined ? undefined : firstLocation(nodes[0]);
    void query;
    return refuse(construct, hint, location === undefined ? {} : { position: this.#text.position(location) });
  }
}

function firstLocation(node: Node): number | undefined {
  const body: unknown = Object.values(node)[0];
  const location: unknown = typeof body === 'object' && body !== null && 'location' in body ? body.location : undefined;
  return typeof location === 'number' && location >= 0 ? location : undefined;
}

export function isSharded(occurrence: Occurrence): boolean {
  return occurrence.entry.kind === 'sharded';
}

function hasSharded(occurrences: readonly Occurrence[]): boolean {
  return occurrences.some(isSharded);
}

/** The occurrences of relations in a part of FROM. */
function shardedBelow(node: FromNode, facts: readonly Fact[]): Occurrence[] {
  if (node.kind === 'join') {
    return [...shardedBelow(node.left, facts), ...shardedBelow(node.right, facts)];
  }
  const { entry } = node;
  if (entry.query !== undefined) return occurrencesOf(entry.query, insideFacts(facts, entry.query));
  return entry.kind === 'sharded' ? [{ entry, classes: new Classes(facts) }] : [];
}

/** Whether a row of one side is joined with itself on the other (the caller sees to it that there is one relation only). */
function isSameRow(left: FromNode, right: FromNode, facts: readonly Fact[]): boolean {
  const lefts = columnsBelow(left);
  const rights = columnsBelow(right);
  return facts.some(
    (fact) =>
      fact.kind === 'same row' &&
      ((lefts.includes(fact.left) && rights.includes(fact.right)) ||
        (lefts.includes(fact.right) && rights.includes(fact.left))),
  );
}

function columnsBelow(node: FromNode): readonly object[] {
  return node.kind === 'entry' ? [node.entry.columns] : [...columnsBelow(node.left), ...columnsBelow(node.right)];
}

export function sameKey(left: LocalKey, right: LocalKey, classes: Classes): boolean {
  return (
    sameFamilies(left.entry.relation, right.entry.relation) &&
    left.terms.every((term, index) => classes.equal(term, right.terms[index] ?? -1))
  );
}

/** Whether every one of the occurrences has the key of one of the keys that are here. */
function isAnchored(occurrences: readonly Occurrence[], keys: readonly LocalKey[]): boolean {
  return occurrences.every(({ entry, classes }) =>
    keys.some((key) => sameKey(key, { entry, terms: entry.key, nullable: false }, classes)),
  );
}

function describeKey(keys: readonly LocalKey[]): string {
  const relation = keys[0]?.entry.relation;
  return keyColumns(relation)
    .map((column) => `${relation?.name ?? ''}.${column.name}`)
    .join(', ');
}
