/**
 * Which parts of a combined statement the shards answer by themselves, so that only their results are shipped: the
 * outermost ones that they can.
 */

import type { SelectStmt } from 'libpg-query';

import { entriesOf, innerQueries, queriesBelow } from '../bind/from-entries.js';
import { pushAggregates } from './push-aggregates.js';
import { pushGroups, type StatementParts } from './push-groups.js';
import { outsideSubqueries, pushableLevel, type PushedQuery } from './push-level.js';
import { pushResult } from './push-result.js';
import { pushRows } from './push-rows.js';
import type { Entry, Query } from '../bind/query.js';

export function pushQueries(top: Query, parts: StatementParts): readonly PushedQuery[] {
  const { binder, once, conditions, occurrences } = parts;
  const pushed: PushedQuery[] = [];
  const bound = countBindings(top);
  /** A WITH query that is read twice stands in the text once. */
  const seen = new Set<SelectStmt>();
  /** `place`: where its rows are read in FROM. */
  const visit = (query: Query, place: Entry | undefined): void => {
    const { select } = query;
    const isAlone = select !== undefined && bound.get(select) === 1;
    if (select !== undefined) {
      if (seen.has(select)) return;
      seen.add(select);
    }
    const level = pushableLevel(query, binder, once, {
      isTop: query === top,
      outside: isAlone && place !== undefined ? (conditions.get(place) ?? []) : [],
      occurrences: isAlone ? occurrences : undefined,
    });
    const found = level === undefined ? undefined : (pushResult(level) ?? pushAggregates(level) ?? pushRows(level));
    if (level !== undefined && found !== undefined) {
      pushed.push(found);
      for (const subquery of outsideSubqueries(level)) visit(subquery.query, undefined);
      return;
    }
    if (isAlone) pushed.push(...pushGroups(query, parts));
    for (const entry of entriesOf(query.from)) if (entry.query !== undefined) visit(entry.query, entry);
    for (const inner of innerQueries(query)) visit(inner, undefined);
  };
  visit(top, undefined);
  return pushed;
}

/** How often each query is bound: as often as a WITH query is read. */
function countBindings(top: Query): ReadonlyMap<SelectStmt, number> {
  const counts = new Map<SelectStmt, number>();
  const visit = (query: Query): void => {
    if (query.select !== undefined) counts.set(query.select, (counts.get(query.select) ?? 0) + 1);
    for (const below of queriesBelow(query)) visit(below);
  };
  visit(top);
  return counts;
}
