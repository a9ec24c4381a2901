/**
 * Which parts of a combined statement the shards answer by themselves, so that only their results are shipped: the
 * outermost ones that they can.
 */

import type { SelectStmt } from 'libpg-query';

import { pushAggregates } from './push-aggregates.js';
import { pushResult } from './push-result.js';
import { pushRows } from './push-rows.js';
import { pushGroups, type StatementParts } from './push-groups.js';
import { outsideSubqueries, pushableLevel, type PushedQuery } from './push-level.js';
import type { FromNode, Query } from './query.js';

export function pushQueries(query: Query, parts: StatementParts): readonly PushedQuery[] {
  const { binder, once } = parts;
  const pushed: PushedQuery[] = [];
  /** A WITH query that is read twice is bound twice, but stands in the text once. */
  const seen = new Set<SelectStmt>();
  const visit = (each: Query): void => {
    if (each.select !== undefined) {
      if (seen.has(each.select)) return;
      seen.add(each.select);
    }
    const level = pushableLevel(each, binder, once, each === query);
    const found = level === undefined ? undefined : (pushResult(level) ?? pushAggregates(level) ?? pushRows(level));
    if (level !== undefined && found !== undefined) {
      pushed.push(found);
      for (const { query: inner } of outsideSubqueries(level)) visit(inner);
      return;
    }
    pushed.push(...pushGroups(each, parts));
    visitFrom(each.from);
    for (const { query: inner } of each.subqueries) visit(inner);
    for (const { query: inner } of each.arms) visit(inner);
    for (const inner of each.withQueries) visit(inner);
  };
  const visitFrom = (node: FromNode | undefined): void => {
    if (node === undefined) return;
    if (node.kind === 'entry') {
      if (node.entry.query !== undefined) visit(node.entry.query);
      return;
    }
    visitFrom(node.left);
    visitFrom(node.right);
  };
  visit(query);
  return pushed;
}
