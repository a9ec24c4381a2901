/** UPDATE, DELETE and MERGE. */

import type { Node } from 'libpg-query';

import { targetOf } from '../bind/from-entries.js';
import { PgError, refuse, refusedConstruct } from '../../base/errors.js';
import type { Relation } from '../../catalog/schema.js';
import { requireAlike, requireOneMatch } from '../checks/alike.js';
import type { Binder } from '../bind/bind.js';
import { assignedColumns } from '../bind/bind-modify.js';
import { checkImplied } from '../checks/check-implied.js';
import { checkCalls, checkWritable } from '../checks/checks.js';
import { ComputedList, computeOnce } from '../checks/computed.js';
import { DistributionCheck } from '../route/distribution.js';
import { callsOf, isOfSession } from '../code/functions.js';
import { pinObstacle } from '../scatter/obstacles.js';
import type { Edit } from '../parse/splice.js';
import type { RowMoves } from '../plan/moved-rows.js';
import type { Plan, Routing } from '../plan/plan.js';
import { checkAssignedDefaults, defaultEdits, unlikeDefault } from './assigned-defaults.js';
import { asFinal } from './final-refusals.js';
import { placeMerge } from './plan-merge.js';
import { planCurrentOf } from './plan-current-of.js';
import { movesOf } from './row-moves.js';
import { refuseMerge, replicationOf } from './replicas.js';
import { refuseMixture } from '../select/plan-select.js';
import { sizeEdits } from '../checks/sizes.js';
import { spreadOf, type Spread } from '../route/spread.js';
import { pinnedRouting, scatterRouting } from '../route/routing.js';
import type { Entry, Query } from '../bind/query.js';
import { checkSystemColumns } from '../checks/system-columns.js';
import { columnRefParts, walkNodes } from '../tree/tree.js';

/** The relations that a statement writes to, at every level. */
export function writtenTables(node: Node): string[] {
  const names: string[] = [];
  walkNodes([node], (part) => {
    const range =
      'InsertStmt' in part
        ? part.InsertStmt.relation
        : 'UpdateStmt' in part
          ? part.UpdateStmt.relation
          : 'DeleteStmt' in part
            ? part.DeleteStmt.relation
            : 'MergeStmt' in part
              ? part.MergeStmt.relation
              : undefined;
    if (range?.relname !== undefined) names.push(range.relname);
    return true;
  });
  return names;
}

const MOVE_HINT = 'Delete the row and insert it with its new key, in one transaction.';

/** Every UPDATE of a sharded table in the statement must leave its key alone, but for the one that is `moving`. */
export function checkKeyAssignments(node: Node, spread: Spread, binder: Binder, moving?: Node): void {
  walkNodes([node], (part) => {
    const lists: [string | undefined, readonly Node[] | undefined][] = [];
    if ('UpdateStmt' in part) lists.push([part.UpdateStmt.relation?.relname, part.UpdateStmt.targetList]);
    if ('InsertStmt' in part)
      lists.push([part.InsertStmt.relation?.relname, otherAssignments(part.InsertStmt.onConflictClause?.targetList)]);
    if ('MergeStmt' in part) {
      for (const when of part.MergeStmt.mergeWhenClauses ?? []) {
        if ('MergeWhenClause' in when && when.MergeWhenClause.commandType === 'CMD_UPDATE') {
          lists.push([part.MergeStmt.relation?.relname, when.MergeWhenClause.targetList]);
        }
      }
    }
    for (const [name, targets] of lists) {
      const relation = spread.sharded.find(({ entry }) => entry.relation?.name === name)?.entry.relation;
      if (relation?.placement.kind !== 'sharded') continue;
      checkAssignedDefaults(targets, relation, binder);
      if (part === moving) continue;
      const { key } = relation.placement;
      const assigned = assignedColumns(targets).find((column) => key.includes(column));
      if (assigned !== undefined) {
        throw asFinal(
          refuse(`an update of the shard key "${relation.name}"."${assigned}"`, MOVE_HINT, {
            position: binder.text.position(firstAssignment(targets, assigned)),
          }),
        );
      }
    }
    return true;
  });
}

/**
 * Assignments of ON CONFLICT that may change a key: not `key = excluded.key`, for the rows have met by a constraint that
 * holds the key.
 */
function otherAssignments(targets: readonly Node[] | undefined): readonly Node[] | undefined {
  return targets?.filter((node) => {
    if (!('ResTarget' in node) || node.ResTarget.val === undefined) return true;
    const { val, name = '' } = node.ResTarget;
    let given: Node | undefined = val;
    if ('MultiAssignRef' in val) {
      const { source, colno = 0 } = val.MultiAssignRef;
      given = source !== undefined && 'RowExpr' in source ? source.RowExpr.args?.[colno - 1] : undefined;
    }
    const parts = given !== undefined && 'ColumnRef' in given ? columnRefParts(given.ColumnRef) : [];
    return parts.length !== 2 || parts[0] !== 'excluded' || parts[1] !== name;
  });
}

function firstAssignment(targets: readonly Node[] | undefined, name: string): number {
  for (const node of targets ?? []) {
    if ('ResTarget' in node && node.ResTarget.name === name) return node.ResTarget.location ?? 0;
  }
  return 0;
}

/** The leftmost of FROM: the target of an UPDATE or DELETE. */
function isReturning(node: Node): boolean {
  if ('UpdateStmt' in node) return node.UpdateStmt.returningClause !== undefined;
  if ('MergeStmt' in node) return node.MergeStmt.returningClause !== undefined;
  return 'DeleteStmt' in node && node.DeleteStmt.returningClause !== undefined;
}

/** Occurrences that the statement writes to, by name, must be writable without reading bodies of triggers. */
export function checkTargets(node: Node, spread: Spread, binder: Binder): void {
  const names = writtenTables(node);
  for (const { entry } of spread.all) {
    if (names.includes(entry.relation?.name ?? '')) checkWritable(entry, binder.text);
  }
}

export function planModify(node: Node, binder: Binder): Plan {
  const { context, text } = binder;
  const query = binder.bindNode(node, undefined, new Map());
  const spread = spreadOf(query);
  const root = [node];
  refuseMixture(spread, binder);
  if (spread.sharded.length > 0 || spread.reference) checkTargets(node, spread, binder);
  const current = planCurrentOf(node, spread, context, text);
  if (current !== undefined) return current;
  const target = targetOf(query.from);
  const moves = movesOf(node, target, binder);
  checkKeyAssignments(node, spread, binder, moves === undefined ? undefined : node);
  const writesReference = spread.all.some(
    ({ entry }) => entry.kind === 'reference' && writtenTables(node).includes(entry.relation?.name ?? ''),
  );
  if (spread.sharded.length === 0 && !writesReference) {
    checkCalls(root, 'home', context, text);
    const computed = new ComputedList();
    const sql = text.template(sizeEdits(root, context, text, computed));
    return { kind: 'pass', routing: { kind: 'home' }, access: 'write', sql, computed: computed.expressions };
  }
  if ('MergeStmt' in node) {
    const merged = node.MergeStmt;
    const into = query.from?.kind === 'join' ? targetOf(query.from.right) : target;
    if (into === undefined) throw refuse('this MERGE', 'Use INSERT … ON CONFLICT.');
    if (into.kind === 'reference') return planReferenceModify(node, into, query, spread, binder);
    const { routing, share } = placeMerge(merged, query, into, spread, binder);
    checkSystemColumns(root, binder, spread);
    checkCalls(root, 'several shards', context, text);
    const plan = modifyPlan(node, binder, 'sum', routing, undefined, undefined, share?.edits);
    return share === undefined ? plan : { ...plan, owned: share.owned };
  }
  // Those are computed on the home shard first, which is done for statements on several shards.
  const tellsOfSession = callsOf(root, context).some(isOfSession);
  if (!writesReference && !tellsOfSession) {
    const pinned = pinnedRouting(spread.sharded, text);
    if (pinned !== undefined && moves !== undefined) {
      checkCalls(root, 'several shards', context, text);
      return modifyPlan(node, binder, 'sum', pinned, moves, target?.relation);
    }
    if (pinned !== undefined) {
      checkCalls(root, 'one shard', context, text);
      return { kind: 'pass', routing: pinned, access: 'write', sql: 'client', computed: [] };
    }
  }
  if (query.withQueries.some((part) => part.kind === 'modify')) throw refuseWritingWith();
  if (target?.kind === 'reference') return planReferenceModify(node, target, query, spread, binder);
  const anchor = spread.sharded.find(({ entry }) => entry === target);
  if (anchor === undefined)
    throw refuse('a write with tables of different placement', 'Write to one sharded table at a time.');
  const { anchors } = new DistributionCheck(context, text).check(query);
  requireAlike(root, query, binder);
  checkSystemColumns(root, binder, spread);
  checkCalls(root, 'several shards', context, text);
  const anchoring = spread.sharded.filter(({ entry }) => anchors.includes(entry));
  const oneShard = tellsOfSession ? 'it asks for what the home shard tells of the session' : pinObstacle(spread);
  return {
    ...modifyPlan(node, binder, 'sum', scatterRouting(anchoring, text), moves, target?.relation),
    obstacles: { oneShard },
  };
}

function refuseWritingWith(): PgError {
  return refuse(
    'a WITH query that writes, over several shards',
    'Run it as a statement of its own in the same transaction.',
  );
}

/** Every shard has a copy, so every shard must do the same to it. */
function planReferenceModify(node: Node, target: Entry, query: Query, spread: Spread, binder: Binder): Plan {
  if (spread.sharded.length > 0 || spread.home) {
    throw refuse(
      'a write to a reference table that reads tables that are not',
      'Read the values first and send them as parameters.',
    );
  }
  if (query.withQueries.some((part) => part.kind === 'modify')) throw refuseWritingWith();
  const { context, text } = binder;
  const oneShard = 'every shard has a copy of the reference table';
  checkSystemColumns([node], binder);
  const problem = unlikeProblem(node, target, query, binder);
  if (problem === undefined) {
    checkImplied([node], 'several shards', context, text);
    return { ...modifyPlan(node, binder, 'one', { kind: 'all' }, undefined), obstacles: { oneShard } };
  }
  checkCalls([node], 'home', context, text);
  const replication = replicationOf(node, target, binder, () => problem);
  const sql = text.pieces(text.start, text.end);
  return {
    kind: 'modify',
    routing: { kind: 'home' },
    sql,
    computed: [],
    tag: tagOf(node),
    outcome: 'one',
    returning: isReturning(node),
    moves: undefined,
    replication,
    obstacles: { oneShard },
  };
}

/** Why the copies would not do the same. */
function unlikeProblem(node: Node, { relation }: Entry, query: Query, binder: Binder): PgError | undefined {
  const { context, text } = binder;
  // Which rows of the source are new depends on the order in which they come.
  if ('MergeStmt' in node) return refuseMerge();
  const unlike = callsOf([node], context).find(
    ({ effect }) => effect !== 'plain' && effect !== 'once' && effect !== 'current',
  );
  if (unlike !== undefined) {
    return refuse(
      'a write to a reference table with a volatile function',
      'Each shard would store another value: send the value as a parameter.',
      { position: text.position(unlike.call.location ?? 0) },
    );
  }
  const targets = 'UpdateStmt' in node ? node.UpdateStmt.targetList : undefined;
  const assigned = relation === undefined ? undefined : unlikeDefault(targets, relation);
  if (assigned !== undefined) {
    return refuse(
      `an update of "${assigned.column.name}" in a reference table to its default, a function`,
      'Each shard would store another value: send the value as a parameter.',
      { position: text.position(assigned.location) },
    );
  }
  try {
    requireAlike(node, query, binder);
    requireOneMatch(node, query, text);
  } catch (error) {
    if (error instanceof PgError && refusedConstruct(error) !== undefined) return error;
    throw error;
  }
  return undefined;
}

function tagOf(node: Node): 'UPDATE' | 'DELETE' | 'MERGE' {
  return 'DeleteStmt' in node ? 'DELETE' : 'MergeStmt' in node ? 'MERGE' : 'UPDATE';
}

function modifyPlan(
  node: Node,
  binder: Binder,
  outcome: 'sum' | 'one',
  routing: Routing,
  moves: RowMoves | undefined,
  written?: Relation,
  more: readonly Edit[] = [],
): Extract<Plan, { kind: 'modify' }> {
  const { context, text } = binder;
  const computed = new ComputedList();
  const targets = 'UpdateStmt' in node ? node.UpdateStmt.targetList : undefined;
  // SET's items are ResTargets with names; only RETURNING may need labels, which computeOnce gives.
  const edits = [
    ...computeOnce([node], context, text, computed),
    ...defaultEdits(targets, written, text, computed),
    ...more,
  ];
  return {
    kind: 'modify',
    routing,
    // What is put behind it must not stand behind a semicolon or a comment of the client's.
    sql: moves === undefined ? text.template(edits) : text.pieces(text.start, text.end, edits),
    computed: computed.expressions,
    tag: tagOf(node),
    outcome,
    returning: isReturning(node),
    moves,
  };
}
