/**
 * Whether a trigger does on the shard that fires it what it would do on one server. On a sharded table its function may
 * touch the rows of its own row's key and reference tables; on a reference table, which fires it on every copy, it must
 * do the same on each; on a home table it may touch what is at home.
 */

import type { Routine, Trigger } from '../../catalog/code.js';
import type { Relation } from '../../catalog/schema.js';
import { PgError } from '../../base/errors.js';
import type { PlanContext } from '../tree/context.js';
import { placementOf, reachableOf, touchedOf, whyNowhere, type Conduct } from '../code/conduct.js';
import { copiesProblem } from './alike-bodies.js';
import { staysWithKey } from './key-statements.js';
import { readPlpgsql, splitAssignment, type PlpgsqlBody, type Tree } from '../code/read-plpgsql.js';
import { conductOf, conductOfAll, readFragments } from '../code/read-routine.js';
import { SqlReader } from '../code/read-sql.js';

interface TriggerProblem {
  /** What it does, as a verb phrase. */
  readonly why: string;
  readonly hint: string;
  /** It touches no table: only what would fire it wrongly is refused, and it may stand there. */
  readonly mayStand?: true;
  /** Where it does what it should: a statement that one shard runs fires it once. */
  readonly mayFire?: 'on one shard';
}

const STAY_HINT =
  'On a sharded table a trigger may change NEW, but for the shard key, read reference tables, and touch rows of its own ' +
  "row's key: WHERE key = NEW.key, or INSERT of NEW.key into a table with the same kind of key.";

const COPY_HINT =
  'A reference table fires its triggers on every copy: they may depend on nothing but the row and reference tables. ' +
  'Have the client send such values (SET changed = now()) and drop the trigger.';

const FIRED_ONCE = 'is fired once for the statement, which several shards would run';

const ONCE_HINT = 'Make it FOR EACH ROW, or write to one shard key value in a statement.';

const ROW_HINT = "Make it FOR EACH ROW, and have it touch rows of its own row's key.";

/** FirstNormalObjectId: trigger functions below are PostgreSQL's own, which look at nothing but the row. */
const FIRST_USER_OID = 16_384;

export function triggerProblem(relation: Relation, trigger: Trigger, context: PlanContext): TriggerProblem | undefined {
  return problemOf(relation, trigger, context, new Set());
}

function problemOf(
  relation: Relation,
  trigger: Trigger,
  context: PlanContext,
  seen: Set<string>,
): TriggerProblem | undefined {
  const key = `${relation.oid}/${trigger.name}`;
  if (seen.has(key)) return undefined;
  seen.add(key);
  const { catalog, searchPath } = context;
  const routine = catalog.code.routine(trigger.routine);
  if (routine === undefined) {
    return trigger.routine < FIRST_USER_OID ? undefined : { why: 'has a function that is not known', hint: STAY_HINT };
  }
  const conditions = trigger.uses.flatMap((oid) => {
    const used = catalog.code.routine(oid);
    return used === undefined ? [] : [{ routine: used, searchPath }];
  });
  const condition = conductOfAll(conditions, catalog);
  const placement = placementOf(relation);
  if (placement === 'home') {
    const whole = conductOf({ routine, searchPath }, catalog);
    const bad = [whole, condition].find((conduct) => reachableOf(conduct) === 'nowhere');
    return bad === undefined
      ? undefined
      : { why: `runs a function ${whyNowhere(bad).replace(/,$/, '')}`, hint: HOME_HINT };
  }
  if (placement === 'reference') {
    const whole = conductOf({ routine, searchPath }, catalog);
    return copyProblem(whole, context) ?? copyProblem(condition, context);
  }
  return (
    shardedProblem(relation, trigger, routine, context, seen) ??
    (reachableOf(condition) === 'anywhere' ? undefined : { why: 'has a WHEN that touches tables', hint: STAY_HINT })
  );
}

const HOME_HINT = 'A trigger of a home table may touch home tables and read reference tables.';

function copyProblem(conduct: Conduct, context: PlanContext): TriggerProblem | undefined {
  if (conduct.unread !== undefined) return { why: `cannot be read because of ${conduct.unread}`, hint: COPY_HINT };
  if (conduct.depends !== 'plain' || conduct.readsCatalog) {
    const problem = { why: 'may do something else on every copy', hint: COPY_HINT };
    const touchesNothing = !conduct.readsCatalog && conduct.reads.size === 0 && conduct.writes.size === 0;
    return touchesNothing && conduct.depends !== 'server' ? { ...problem, mayStand: true } : problem;
  }
  const other = touchedOf(conduct, 'sharded') ?? touchedOf(conduct, 'home');
  if (other !== undefined) return { why: `touches the table "${other.name}"`, hint: COPY_HINT };
  const unlike = copiesProblem(conduct, true, context);
  return unlike === undefined ? undefined : { why: `runs a function ${unlike.replace(/,$/, '')}`, hint: COPY_HINT };
}

function stay(why: string): TriggerProblem {
  return { why, hint: STAY_HINT };
}

function shardedProblem(
  relation: Relation,
  trigger: Trigger,
  routine: Routine,
  context: PlanContext,
  seen: Set<string>,
): TriggerProblem | undefined {
  if (trigger.timing === 'instead of') return stay('stands instead of the write');
  if (routine.declaration?.kind === 'anywhere') {
    return trigger.isForEachRow
      ? undefined
      : { why: FIRED_ONCE, hint: ONCE_HINT, mayStand: true, mayFire: 'on one shard' };
  }
  if (routine.language !== 'plpgsql') return stay(`cannot be read because of its language, ${routine.language}`);
  let body: PlpgsqlBody | undefined;
  try {
    body = readPlpgsql(routine);
    if (body === undefined) return unparsedProblem(routine, trigger, context);
    return bodyProblem(body, relation, trigger, routine, context, seen);
  } catch (error) {
    if (error instanceof PgError) return stay('cannot be read because of its syntax');
    throw error;
  }
}

/** A body that only its words tell about may touch nothing, and not stand before the row is stored. */
function unparsedProblem(routine: Routine, trigger: Trigger, context: PlanContext): TriggerProblem | undefined {
  const conduct = conductOf({ routine, searchPath: context.searchPath }, context.catalog);
  const isHarmless = reachableOf(conduct) === 'anywhere' && trigger.timing === 'after' && trigger.isForEachRow;
  return isHarmless ? undefined : { why: 'has a body that cannot be parsed', hint: STAY_HINT };
}

function bodyProblem(
  body: PlpgsqlBody,
  relation: Relation,
  trigger: Trigger,
  routine: Routine,
  context: PlanContext,
  seen: Set<string>,
): TriggerProblem | undefined {
  const { catalog } = context;
  const reader = new SqlReader(context, 'trigger');
  readFragments(body, reader, new Set(trigger.transitionTables));
  if (routine.searchPath !== undefined) reader.cannotRead('its own search_path');
  if (reader.unread !== undefined) return stay(`cannot be read because of ${reader.unread}`);
  const called = conductOfAll([...reader.calls, ...reader.implied], catalog);
  const reachable = reachableOf(called);
  if (reachable === 'nowhere') return stay(`calls a function ${whyNowhere(called).replace(/,$/, '')}`);
  if (reachable === 'at home' || reader.readsCatalog || reader.depends === 'server') {
    return stay('uses what only the home shard has: its tables, sequences or locks');
  }
  const home = touchedOf(reader, 'home');
  if (home !== undefined) return stay(`touches the table "${home.name}", which lies on the home shard`);
  const reference = [...reader.writes].find((written) => placementOf(written) === 'reference');
  if (reference !== undefined) return stay(`writes to one copy of the reference table "${reference.name}"`);
  if (!trigger.isForEachRow) return statementProblem(trigger, reader, called);
  if (trigger.timing === 'before' && trigger.isForEachRow) {
    const moved = changesKey(body, relation);
    if (moved !== undefined) return stay(moved);
  }
  for (const { sql } of body.fragments) {
    const touched = staysWithKey(sql, relation, context);
    if (touched !== undefined) {
      return stay(`touches rows of the sharded table "${touched}" that may lie on another shard`);
    }
  }
  for (const written of reader.changed) {
    for (const next of catalog.code.ofRelation(written.oid).triggers) {
      const problem = problemOf(written, next, context, seen);
      if (problem !== undefined)
        return { ...problem, why: `writes to "${written.name}", whose trigger ${problem.why}` };
    }
  }
  return undefined;
}

/**
 * One server fires a trigger FOR EACH STATEMENT once, with all rows in its transition tables; every shard that runs the
 * statement fires it. That is the same for one that does nothing but end the statement with an error, whose conditions are
 * alike everywhere. What reads the rows that have changed, or sends notices, is right where one shard runs the statement.
 */
function statementProblem(trigger: Trigger, reader: SqlReader, called: Conduct): TriggerProblem | undefined {
  const touched = touchedOf(reader, 'sharded');
  if (touched !== undefined) {
    return { why: `is fired for the statement, and touches the sharded table "${touched.name}"`, hint: ROW_HINT };
  }
  const isFree = reader.reads.size === 0 && called.reads.size === 0 && trigger.transitionTables.length === 0;
  const isAlike = [reader.depends, called.depends].every((depends) => depends === 'plain' || depends === 'time');
  if (isFree && isAlike) return undefined;
  return { why: FIRED_ONCE, hint: ONCE_HINT, mayStand: true, mayFire: 'on one shard' };
}

/** How a BEFORE trigger may give the row another shard key; undefined when it does not. */
function changesKey(body: PlpgsqlBody, relation: Relation): string | undefined {
  const key = relation.placement.kind === 'sharded' ? relation.placement.key : [];
  const isKeyField = (datum: Tree | undefined): boolean => {
    const field = datum?.['PLpgSQL_recfield'] as { readonly fieldname?: string } | undefined;
    return field?.fieldname !== undefined && key.includes(field.fieldname);
  };
  const isRow = (datum: Tree | undefined): boolean => {
    const record = datum?.['PLpgSQL_rec'] as { readonly refname?: string } | undefined;
    return record?.refname === 'new' || record?.refname === 'old';
  };
  const assigns = (datum: Tree | undefined): boolean => {
    const row = datum?.['PLpgSQL_row'] as { readonly fields?: readonly { readonly varno?: number }[] } | undefined;
    return (
      isKeyField(datum) || isRow(datum) || (row?.fields ?? []).some(({ varno }) => assigns(body.datums[varno ?? 0]))
    );
  };
  for (const { tag, node } of body.nodes) {
    const targets: (Tree | undefined)[] = [node['target'] as Tree | undefined, node['var'] as Tree | undefined];
    if (tag === 'PLpgSQL_stmt_assign' || tag === 'PLpgSQL_stmt_foreach_a')
      targets.push(body.datums[Number(node['varno'] ?? 0)]);
    if (tag === 'PLpgSQL_diag_item') targets.splice(0, 2, body.datums[Number(node['target'] ?? 0)]);
    if (targets.some(assigns)) return `may change the shard key${assignmentOf(node)}`;
    if (tag === 'PLpgSQL_stmt_return') {
      const returned = node['expr'] as { readonly PLpgSQL_expr: { readonly query: string } } | undefined;
      const isNull = returned !== undefined && /^\s*null\s*$/i.test(returned.PLpgSQL_expr.query);
      const variable = node['retvarno'] === undefined ? undefined : body.datums[Number(node['retvarno'])];
      const isPlain = returned === undefined ? variable === undefined || isRow(variable) : isNull;
      if (!isPlain) return 'returns another row than NEW or OLD';
    }
    // A procedure may assign to its arguments.
    if (tag === 'PLpgSQL_stmt_call' && /\bnew\b/i.test(JSON.stringify(node))) return 'hands NEW to a procedure';
  }
  return undefined;
}

function assignmentOf(node: Tree): string {
  const expression = node['expr'] as { readonly PLpgSQL_expr?: { readonly query?: string } } | undefined;
  const query = expression?.PLpgSQL_expr?.query;
  return query === undefined ? '' : ` (${splitAssignment(query).target} := …)`;
}
