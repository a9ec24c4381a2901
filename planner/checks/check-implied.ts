/**
 * What a statement runs without naming it: functions behind operators, views, defaults and constraints, the policies of
 * the tables that it reads, and the triggers and rules of those that it writes.
 */

import { refuse, type PgReportFields } from '../../base/errors.js';
import type { Trigger } from '../../catalog/code.js';
import type { Relation } from '../../catalog/schema.js';
import { copiesProblem, expressionProblem } from './alike-bodies.js';
import { placementOf, reachableOf, whyNowhere, type Conduct } from '../code/conduct.js';
import { conductOf, conductOfAll, conductOfReader } from '../code/read-routine.js';
import { SqlReader } from '../code/read-sql.js';
import { triggerProblem } from './triggers.js';
import type { PlanContext } from '../tree/context.js';
import { isCombined, type Reach } from './reach.js';
import type { StatementText } from '../tree/text.js';
import { walkNodes } from '../tree/tree.js';

type TriggerEvent = Trigger['events'][number];

export function checkImplied(root: unknown, reach: Reach, context: PlanContext, text: StatementText): void {
  const { catalog } = context;
  const reader = new SqlReader(context, 'statement');
  reader.read(root);
  const where = (): PgReportFields => ({ position: text.position(text.start) });
  checkHidden(context, where);
  if (reach === 'combined' && catalog.isUncommitted && reader.implied.length > 0) {
    throw refuse(
      'a statement with operators or views that call functions of the user, which several shards cannot answer by themselves, after DDL in the same transaction',
      'Another session finishes it, which may know other functions: commit first.',
      where(),
    );
  }
  for (const callee of reader.implied) {
    const problem = problemOf(conductOf(callee, catalog), reach, context);
    if (problem === undefined) continue;
    throw refuse(
      `the function ${callee.routine.name}(), ${problem} behind an operator, a view, a default or a constraint of this statement`,
      'Drop what calls it, or run its statements from the client.',
      where(),
    );
  }
  for (const relation of reader.guarded) {
    const problem = policyProblem(relation, reach, context);
    if (problem === undefined) continue;
    throw refuse(
      `the row security of the table "${relation.name}", ${problem} in this statement`,
      'Write its policies over columns of the table, settings and reference tables.',
      where(),
    );
  }
  checkChanged(reader, root, reach, context, where);
}

/** Refuses a write that several shards carry out where a trigger has to be fired once for it. */
export function checkFiredOnce(root: unknown, context: PlanContext, text: StatementText): void {
  const reader = new SqlReader(context, 'statement');
  reader.read(root);
  checkChanged(reader, root, 'several shards', context, () => ({ position: text.position(text.start) }));
}

function checkChanged(
  reader: SqlReader,
  root: unknown,
  reach: Reach,
  context: PlanContext,
  where: () => PgReportFields,
): void {
  const events = eventsOf(root, context);
  for (const relation of reader.changed) checkChange(relation, events, reach, context, where);
}

/** What a statement does to rows, and foreign keys after it: more than one table may be told of less. */
function eventsOf(root: unknown, { catalog }: PlanContext): ReadonlySet<TriggerEvent> {
  const events = new Set<TriggerEvent>();
  walkNodes(root, (node) => {
    if ('InsertStmt' in node) {
      events.add('insert');
      if (node.InsertStmt.onConflictClause?.action === 'ONCONFLICT_UPDATE') events.add('update');
    }
    if ('UpdateStmt' in node) events.add('update');
    if ('DeleteStmt' in node) events.add('delete');
    if ('MergeStmt' in node) for (const event of ['insert', 'update', 'delete'] as const) events.add(event);
    return true;
  });
  // ON DELETE SET NULL updates, ON UPDATE CASCADE too; a partitioned table's UPDATE may delete and insert.
  const isFollowed = [...catalog.relations()].some(({ oid }) => catalog.code.ofRelation(oid).cascades.length > 0);
  if (isFollowed && events.has('delete')) events.add('update');
  return events;
}

/** Casts and types are used without a trace in the statement, so what is wrong with one is wrong with all of them. */
function checkHidden(context: PlanContext, where: () => PgReportFields): void {
  const { catalog, searchPath } = context;
  for (const oid of catalog.code.hidden) {
    const routine = catalog.code.routine(oid);
    if (routine === undefined || routine.extension !== undefined) continue;
    const conduct = conductOf({ routine, searchPath }, catalog);
    if (reachableOf(conduct) === 'anywhere') continue;
    throw refuse(
      `the function ${routine.name}(), which touches tables or cannot be read, behind a cast or a type,`,
      'Drop the cast: any statement may use it unseen.',
      where(),
    );
  }
}

/** Whether functions that the statement calls read tables; all that it calls is known to be allowed. */
export function callsReadTables(root: unknown, context: PlanContext): boolean {
  return conductsOf(root, context).some((conduct) => reachableOf(conduct) === 'with copies');
}

/** Whether the statement calls any function of the user's. */
export function callsRoutines(root: unknown, context: PlanContext): boolean {
  return conductsOf(root, context).length > 0;
}

/** Whether what the statement calls may run on any shard. */
export function runsAnywhere(root: unknown, context: PlanContext): boolean {
  return conductsOf(root, context).every((conduct) => {
    const reachable = reachableOf(conduct);
    return reachable === 'anywhere' || reachable === 'with copies';
  });
}

/**
 * What the statement and the code that it calls, triggers included, may do to the session: make temporary tables, notify,
 * leave something behind.
 */
export function effectsOf(
  root: unknown,
  context: PlanContext,
): Pick<Conduct, 'changesTemporary' | 'notifies' | 'leaves'> {
  const reader = new SqlReader(context, 'code');
  reader.read(root);
  const { changesTemporary, notifies, leaves } = conductOfAll([...reader.calls, ...reader.implied], context.catalog);
  return { changesTemporary, notifies, leaves: new Set([...reader.leaves, ...leaves]) };
}

function conductsOf(root: unknown, context: PlanContext): Conduct[] {
  const reader = new SqlReader(context, 'statement');
  reader.read(root);
  return [...reader.calls, ...reader.implied].map((callee) => conductOf(callee, context.catalog));
}

/** Refuses a change of a table whose triggers or rules would not do what they do on one server. */
export function checkChange(
  relation: Relation,
  events: ReadonlySet<TriggerEvent>,
  reach: Reach,
  context: PlanContext,
  where: () => PgReportFields,
): void {
  const code = context.catalog.code.ofRelation(relation.oid);
  const movesRows = relation.kind === 'partitioned table' && events.has('update');
  for (const trigger of code.triggers) {
    const problem = triggerProblem(relation, trigger, context);
    if (problem === undefined) continue;
    const isFired = movesRows || trigger.events.some((event) => events.has(event));
    if (problem.mayStand === true && !isFired) continue;
    if (problem.mayFire === 'on one shard' && reach === 'one shard') continue;
    throw refuse(
      `a write to the table "${relation.name}", whose trigger "${trigger.name}" ${problem.why},`,
      problem.hint,
      where(),
    );
  }
  for (const rule of code.rules) {
    const problem = ruleProblem(rule, context);
    if (problem === undefined) continue;
    throw refuse(`a write to the table "${relation.name}", which has a rule, ${problem}`, 'Drop the rule.', where());
  }
}

/** Why code cannot run at that reach, as a relative clause; undefined when it can. */
function problemOf(conduct: Conduct, reach: Reach, context: PlanContext): string | undefined {
  switch (reachableOf(conduct)) {
    case 'nowhere':
      return whyNowhere(conduct);
    case 'at home':
      return reach === 'home' || reach === 'own session' ? undefined : 'which uses what lies on the home shard,';
    case 'with copies':
      if (reach === 'several shards') return copiesProblem(conduct, true, context);
      return reach === 'combined' ? 'which reads tables,' : undefined;
    case 'anywhere':
      return conduct.depends === 'time' && reach !== 'home' && reach !== 'one shard'
        ? 'which depends on the time of each server,'
        : undefined;
  }
}

function policyProblem(relation: Relation, reach: Reach, context: PlanContext): string | undefined {
  const { catalog } = context;
  const reader = new SqlReader({ catalog, searchPath: [] }, 'code');
  for (const { expressions } of catalog.code.ofRelation(relation.oid).policies) {
    for (const expression of expressions) reader.readText(`SELECT ${expression}`);
  }
  // The rows that are combined were read on the shards, under their policies.
  const where = isCombined(reach) && placementOf(relation) === 'sharded' ? 'several shards' : reach;
  const problem = problemOf(conductOfReader(reader, catalog), where, context);
  if (problem !== undefined || where !== 'several shards') return problem;
  const unqualified: PlanContext = { ...context, searchPath: [] };
  for (const { expressions } of catalog.code.ofRelation(relation.oid).policies) {
    for (const expression of expressions) {
      const found = expressionProblem(expression, unqualified);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function ruleProblem(rule: string, context: PlanContext): string | undefined {
  const { catalog } = context;
  const reader = new SqlReader({ catalog, searchPath: [] }, 'code');
  reader.readRule(rule);
  return problemOf(conductOfReader(reader, catalog), 'home', context);
}
