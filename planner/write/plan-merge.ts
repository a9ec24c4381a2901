/**
 * MERGE into a sharded table: each shard merges its own rows. That is exact when the source is joined to the target by
 * the shard key, so that a row's match lies on its shard, and what is inserted takes the key of its source row.
 */

import type { MergeStmt, MergeWhenClause } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import type { Relation } from '../../catalog/schema.js';
import { requireAlike } from '../checks/alike.js';
import type { Binder } from '../bind/bind.js';
import { DistributionCheck, isSharded } from '../route/distribution.js';
import { Classes } from '../bind/facts.js';
import { usesSequence } from '../code/column-defaults.js';
import { insideFacts, occurrencesOf, yieldedFacts, type Occurrence } from '../route/pins.js';
import type { Routing } from '../plan/plan.js';
import type { Entry, FromNode, Query } from '../bind/query.js';
import { pinnedRouting, scatterRouting } from '../route/routing.js';
import type { Spread } from '../route/spread.js';
import { changesOnAssignment } from '../tree/values.js';

const HINT = 'Use INSERT … ON CONFLICT, or UPDATE and INSERT in one transaction.';

/** Where the MERGE runs, each shard for itself. Throws a refusal where that is not exact. */
export function mergeRouting(merge: MergeStmt, query: Query, target: Entry, spread: Spread, binder: Binder): Routing {
  const { relation } = target;
  if (relation?.placement.kind !== 'sharded') throw refuse('MERGE into a reference table', HINT);
  if (query.withQueries.some((part) => part.kind === 'modify')) {
    throw refuse('a WITH query that writes, over several shards', 'Run it as a statement of its own.');
  }
  const { anchors } = new DistributionCheck(binder.context, binder.text).check(query);
  if (pinnedRouting(spread.sharded, binder.text) === undefined) requireAlike(merge, query, binder);
  const clauses = (merge.mergeWhenClauses ?? []).flatMap((node) =>
    'MergeWhenClause' in node ? [node.MergeWhenClause] : [],
  );
  for (const clause of clauses) {
    if (clause.commandType === 'CMD_INSERT') checkInserted(clause, relation, query, binder);
  }
  // A condition on the source says nothing about target rows that have none.
  if (clauses.some(({ matchKind }) => matchKind === 'MERGE_WHEN_NOT_MATCHED_BY_SOURCE')) return { kind: 'all' };
  return scatterRouting(
    spread.sharded.filter(({ entry }) => anchors.includes(entry)),
    binder.text,
  );
}

/** The key of what is inserted must be that of the source row, whether it matches or not. */
function checkInserted(clause: MergeWhenClause, relation: Relation, query: Query, binder: Binder): void {
  const source = query.from?.kind === 'join' ? query.from.left : undefined;
  const facts = yieldedFacts(source);
  const classes = new Classes(facts);
  const named = (clause.targetList ?? []).flatMap((node) => ('ResTarget' in node ? [node.ResTarget.name ?? ''] : []));
  const columns = named.length > 0 ? named : relation.columns.map(({ name }) => name);
  const given = (name: string): MergeWhenClause['values'] => {
    const value = clause.values?.[columns.indexOf(name)];
    return value === undefined || 'SetToDefault' in value ? undefined : [value];
  };
  const key = relation.placement.kind === 'sharded' ? relation.placement.key : [];
  const terms = key.map((name) => {
    const column = relation.columns.find((candidate) => candidate.name === name);
    const value = given(name)?.[0];
    return column === undefined || changesOnAssignment(column) || value === undefined || !('ColumnRef' in value)
      ? undefined
      : query.scope.resolve(value.ColumnRef)?.term;
  });
  const isOfSource = keysOf(source, facts).some(({ entry }) =>
    terms.every((term, index) => term !== undefined && classes.equal(term, entry.key[index] ?? -1)),
  );
  if (!isOfSource) throw refuse('MERGE that inserts a shard key other than that of its sharded source', HINT);
  const counted = relation.columns.find((column) => usesSequence(column) && given(column.name) === undefined);
  if (counted !== undefined) {
    throw refuse(`MERGE that inserts a default from a sequence into "${counted.name}"`, HINT, {
      position: binder.text.position(binder.text.start),
    });
  }
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
