/**
 * MERGE into a sharded table: each shard merges its own rows. That is exact when the source is joined to the target by
 * the shard key, so that a row's match lies on its shard, and what is inserted takes the key of its source row.
 */

import type { MergeStmt, MergeWhenClause, Node } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import { quoteIdentifier, type Relation } from '../../catalog/schema.js';
import { requireAlike } from '../checks/alike.js';
import type { Binder } from '../bind/bind.js';
import { DistributionCheck, isSharded } from '../route/distribution.js';
import { Classes, type Term } from '../bind/facts.js';
import type { Edit } from '../parse/splice.js';
import { needsHome } from '../code/column-defaults.js';
import { insideFacts, occurrencesOf, yieldedFacts, type Occurrence } from '../route/pins.js';
import type { OwningColumn, Routing } from '../plan/plan.js';
import type { Entry, FromNode, Query } from '../bind/query.js';
import { pinnedRouting, scatterRouting } from '../route/routing.js';
import type { Spread } from '../route/spread.js';
import { changesOnAssignment } from '../tree/values.js';

const HINT = 'Use INSERT … ON CONFLICT, or UPDATE and INSERT in one transaction.';

/** Where the MERGE runs, each shard for itself, and what is changed in its text for that. */
interface MergePlacement {
  readonly routing: Routing;
  /** Set where each shard takes the rows of the source that it owns. */
  readonly share: Share | undefined;
}

interface Share {
  readonly edits: readonly Edit[];
  readonly owned: readonly OwningColumn[];
}

/** Throws a refusal where no placement is exact. */
export function placeMerge(
  merge: MergeStmt,
  query: Query,
  target: Entry,
  spread: Spread,
  binder: Binder,
): MergePlacement {
  const { relation } = target;
  if (relation === undefined) throw refuse('this MERGE', HINT);
  if (query.withQueries.some((part) => part.kind === 'modify')) {
    throw refuse('a WITH query that writes, over several shards', 'Run it as a statement of its own.');
  }
  const source = query.from?.kind === 'join' ? query.from.left : undefined;
  if (source !== undefined && !spread.sharded.some(({ entry }) => entry !== target)) {
    requireAlike(merge, query, binder);
    return { routing: { kind: 'all' }, share: shareOf(merge, query, source, target, binder) };
  }
  const { anchors } = new DistributionCheck(binder.context, binder.text).check(query);
  if (pinnedRouting(spread.sharded, binder.text) === undefined) requireAlike(merge, query, binder);
  const clauses = clausesOf(merge);
  for (const clause of clauses) {
    if (clause.commandType === 'CMD_INSERT') checkInserted(clause, relation, query, binder);
  }
  // A condition on the source says nothing about target rows that have none.
  if (clauses.some(({ matchKind }) => matchKind === 'MERGE_WHEN_NOT_MATCHED_BY_SOURCE')) {
    return { routing: { kind: 'all' }, share: undefined };
  }
  const anchoring = spread.sharded.filter(({ entry }) => anchors.includes(entry));
  return { routing: scatterRouting(anchoring, binder.text), share: undefined };
}

function clausesOf(merge: MergeStmt): readonly MergeWhenClause[] {
  return (merge.mergeWhenClauses ?? []).flatMap((node) => ('MergeWhenClause' in node ? [node.MergeWhenClause] : []));
}

/**
 * A source that is the same on every shard. A row of it that matches nothing must be told of once, by the shard that would
 * own the row of the target; without an INSERT nobody looks at such rows.
 */
function shareOf(merge: MergeStmt, query: Query, source: FromNode, target: Entry, binder: Binder): Share | undefined {
  const inserting = clausesOf(merge).filter(({ commandType }) => commandType === 'CMD_INSERT');
  const { relation } = target;
  if (inserting.length === 0 || relation === undefined) return undefined;
  const classes = new Classes(query.from?.kind === 'join' ? query.from.facts : []);
  const columns =
    source.kind === 'entry'
      ? target.key.map((term) => source.entry.columns.find((column) => classes.equal(column.term, term)))
      : [];
  const terms = columns.flatMap((column) => (column?.type === undefined ? [] : [{ ...column, type: column.type }]));
  if (source.kind !== 'entry' || source.entry.alias === undefined || terms.length !== target.key.length) {
    throw refuse('MERGE that inserts, from a source that is not joined to the target by its shard key', HINT);
  }
  for (const clause of inserting) {
    const given = givenKey(clause, relation, query);
    if (!given.every((term, index) => term !== undefined && term === terms[index]?.term)) {
      throw refuse('MERGE that inserts a shard key other than that of its source', HINT);
    }
    checkSequences(clause, relation, binder);
  }
  const { text } = binder;
  const alias = quoteIdentifier(source.entry.alias);
  const using = text.findTopLevel(text.tokenIndexAt(target.location), (word) => word === 'using');
  const on = text.findTopLevel(using + 1, (word) => word === 'on');
  const start = text.startOf(using + 1);
  const end = text.endOf(on - 1);
  const owned = terms.map(({ name, type }) => ({
    sql: `${alias}.${quoteIdentifier(name)}`,
    typeOid: type.baseTypeOid,
  }));
  return {
    owned,
    edits: [
      { start, end: start, pieces: ['(SELECT * FROM '] },
      { start: end, end, pieces: [' WHERE ', { kind: 'owned' }, `) AS ${alias}`] },
    ],
  };
}

/** The key of what is inserted must be that of the source row, whether it matches or not. */
function checkInserted(clause: MergeWhenClause, relation: Relation, query: Query, binder: Binder): void {
  const source = query.from?.kind === 'join' ? query.from.left : undefined;
  const facts = yieldedFacts(source);
  const classes = new Classes(facts);
  const terms = givenKey(clause, relation, query);
  const isOfSource = keysOf(source, facts).some(({ entry }) =>
    terms.every((term, index) => term !== undefined && classes.equal(term, entry.key[index] ?? -1)),
  );
  if (!isOfSource) throw refuse('MERGE that inserts a shard key other than that of its sharded source', HINT);
  checkSequences(clause, relation, binder);
}

/** The values that are given for the columns of the target, by name; DEFAULT is none. */
function givenValues(clause: MergeWhenClause, relation: Relation): (name: string) => Node | undefined {
  const named = (clause.targetList ?? []).flatMap((node) => ('ResTarget' in node ? [node.ResTarget.name ?? ''] : []));
  const columns = named.length > 0 ? named : relation.columns.map(({ name }) => name);
  return (name) => {
    const value = clause.values?.[columns.indexOf(name)];
    return value === undefined || 'SetToDefault' in value ? undefined : value;
  };
}

/** The columns whose values are stored as the key, unchanged. */
function givenKey(clause: MergeWhenClause, relation: Relation, query: Query): readonly (Term | undefined)[] {
  const given = givenValues(clause, relation);
  const key = relation.placement.kind === 'sharded' ? relation.placement.key : [];
  return key.map((name) => {
    const column = relation.columns.find((candidate) => candidate.name === name);
    const value = given(name);
    return column === undefined || changesOnAssignment(column) || value === undefined || !('ColumnRef' in value)
      ? undefined
      : query.scope.resolve(value.ColumnRef)?.term;
  });
}

/** A shard's own copy of a sequence knows nothing of the numbers that were given out. */
function checkSequences(clause: MergeWhenClause, relation: Relation, binder: Binder): void {
  const given = givenValues(clause, relation);
  const counted = relation.columns.find((column) => needsHome(column) && given(column.name) === undefined);
  if (counted === undefined) return;
  throw refuse(`MERGE that inserts a default that only the home shard tells into "${counted.name}"`, HINT, {
    position: binder.text.position(binder.text.start),
  });
}

/** The sharded tables whose rows the source is made of. */
function keysOf(node: FromNode | undefined, facts: ReturnType<typeof yieldedFacts>): readonly Occurrence[] {
  if (node === undefined) return [];
  if (node.kind === 'join') return [...keysOf(node.left, facts), ...keysOf(node.right, facts)];
  const { entry } = node;
  const found =
    entry.query === undefined
      ? [{ entry, classes: new Classes(facts) }]
      : occurrencesOf(entry.query, insideFacts(facts, entry.query));
  return found.filter(isSharded);
}
