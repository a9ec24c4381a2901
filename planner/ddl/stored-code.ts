/** CREATE TRIGGER, CREATE RULE and CREATE CAST: refused where what they run would need rows of other shards. */

import type { CreateCastStmt, CreateTrigStmt, RuleStmt } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import type { Trigger } from '../../catalog/code.js';
import { readTriggerType } from '../../catalog/trigger-type.js';
import { reachableOf, whyNowhere } from '../code/conduct.js';
import { conductOf, conductOfReader } from '../code/read-routine.js';
import { SqlReader } from '../code/read-sql.js';
import { routinesNamed } from '../code/routines.js';
import { triggerProblem } from '../checks/triggers.js';
import type { PlanContext } from '../tree/context.js';
import { namedRelation } from './alter-table.js';
import { entryKind } from '../tree/scope.js';
import type { StatementText } from '../tree/text.js';
import { nameParts, splitName } from '../tree/tree.js';

/** Refuses a trigger that cannot stand there; returns what is to be said of one that can, though not everything may fire it. */
export function checkTrigger(
  statement: CreateTrigStmt,
  context: PlanContext,
  text: StatementText,
): readonly { readonly message: string; readonly hint: string }[] {
  const relation = namedRelation(statement.relation, context);
  const [routine] = routinesNamed(splitName(nameParts(statement.funcname)), 0, context);
  // What is not there the server will tell.
  if (relation === undefined || routine === undefined) return [];
  const condition = new SqlReader(context, 'statement');
  condition.read(statement.whenClause);
  const trigger: Trigger = {
    name: statement.trigname ?? '',
    routine: routine.oid,
    ...readTriggerType((statement.timing ?? 0) | (statement.events ?? 0)),
    isForEachRow: statement.row === true,
    transitionTables: (statement.transitionRels ?? []).flatMap((node) =>
      'TriggerTransition' in node ? [node.TriggerTransition.name ?? ''] : [],
    ),
    enabled: 'O',
    uses: [...condition.calls, ...condition.implied].map(({ routine: used }) => used.oid),
  };
  const problem = triggerProblem(relation, trigger, context);
  if (problem === undefined) return [];
  if (problem.mayStand === true) {
    const events = trigger.events.map((event) => event.toUpperCase()).join(', ');
    const where =
      problem.mayFire === 'on one shard'
        ? `of "${relation.name}" over several shards`
        : `on the reference table "${relation.name}"`;
    const message = `${events} ${where} will be refused: its trigger "${trigger.name}" ${problem.why}`;
    return [{ message, hint: problem.hint }];
  }
  throw refuse(`the trigger "${trigger.name}" on the table "${relation.name}", which ${problem.why},`, problem.hint, {
    position: text.position(text.start),
  });
}

/** A cast is used without a trace in the statement, so its function must be one that may run anywhere. */
export function checkCast(statement: CreateCastStmt, context: PlanContext, text: StatementText): void {
  const name = splitName(nameParts(statement.func?.objname));
  const { searchPath, catalog } = context;
  for (const routine of routinesNamed(name, statement.func?.objargs?.length, context)) {
    const conduct = conductOf({ routine, searchPath }, catalog);
    if (reachableOf(conduct) === 'anywhere') continue;
    throw refuse(
      `a cast by the function ${routine.name}(), which touches tables or cannot be read,`,
      'Call the function where the cast is wanted.',
      { position: text.position(text.start) },
    );
  }
}

export function checkRule(statement: RuleStmt, context: PlanContext, text: StatementText): void {
  const position = { position: text.position(text.start) };
  const relation = namedRelation(statement.relation, context);
  if (relation === undefined) return;
  if (entryKind(relation, context.catalog) !== 'home') {
    throw refuse(
      `a rule on the ${relation.kind} "${relation.name}", whose rows are not at home,`,
      'Write the statement that the rule would make.',
      position,
    );
  }
  const reader = new SqlReader(context, 'code');
  reader.read([statement.whereClause, statement.actions]);
  const conduct = conductOfReader(reader, context.catalog);
  if (reachableOf(conduct) !== 'nowhere') return;
  throw refuse(
    `the rule "${statement.rulename ?? ''}", ${whyNowhere(conduct)}`,
    'Write the statement that the rule would make.',
    position,
  );
}
