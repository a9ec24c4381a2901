/** Runs one planned statement, by whichever protocol it came: also what the session keeps by name. */

import { PgError, sqlstate } from '../base/errors.js';
import type { Plan } from '../planner/plan/plan.js';
import type { BoundParameters, BoundStatement } from '../router/execute/context.js';
import { executePlan } from '../router/execute/execute.js';
import { closeCursor, declareCursor, fetchFromCursor } from './cursors.js';
import { modifyCurrent } from './current-of.js';
import { inClientsText } from './error-position.js';
import { resolveStatement, type ResolvedStatement } from './execute-prepared.js';
import { prepareBySql } from './prepare-sql.js';
import { reasonToRefuse } from './refusal.js';
import { toClientError } from './report-error.js';
import type { SessionScope } from './session-scope.js';
import type { PlannedStatement } from './statement-planner.js';

/** Finds out what is to run (EXECUTE means another statement) and runs it. Errors have their place in the client's text. */
export async function runStatement(
  scope: SessionScope,
  planned: PlannedStatement,
  parameters: BoundParameters,
  run: (resolved: ResolvedStatement) => Promise<void>,
): Promise<void> {
  let text = planned;
  scope.activity.begin(planned.sql, scope.status);
  try {
    if (planned.plan.kind === 'refuse') {
      throw await reasonToRefuse(scope, planned.sql, parameters.types, planned.plan.error);
    }
    const resolved = await resolveStatement(scope, planned, parameters);
    text = resolved.planned;
    await noted(scope, resolved.planned.plan, async () => {
      await run(resolved);
    });
  } catch (error) {
    throw await inClientsText(scope, withoutOwnTables(toClientError(error)), text, parameters.types);
  }
}

/** Notes what the statement may leave behind, though it fails: locks of the session stay. */
async function noted(scope: SessionScope, plan: Plan, run: () => Promise<void>): Promise<void> {
  if (plan.leaves === undefined) {
    await run();
    return;
  }
  try {
    await run();
    scope.pins.note(plan);
  } catch (error) {
    // A function that is unknown because there is none leaves nothing.
    const isNone = error instanceof PgError && error.sqlstate === sqlstate.undefinedFunction;
    if (!isNone) scope.pins.note(plan);
    throw error;
  }
}

/** Carries out a plan and hands its whole answer to the client. */
export async function runPlan(scope: SessionScope, statement: BoundStatement, plan: Plan): Promise<void> {
  if (plan.notifies === true) scope.transaction.noteUnpreparable();
  switch (plan.kind) {
    case 'prepare':
      await prepareBySql(scope, statement, plan);
      return;
    case 'declare':
      await declareCursor(scope, statement, plan);
      return;
    case 'fetch':
      await fetchFromCursor(scope, statement, plan);
      return;
    case 'current of':
      await modifyCurrent(scope, statement, plan);
      return;
    case 'close':
      await closeCursor(scope, plan.name);
      return;
    case 'execute':
      throw new PgError(sqlstate.internalError, 'EXECUTE was not resolved before it ran');
    default:
      await executePlan(scope, statement, plan);
  }
  if (plan.changesTemporary === true) await scope.noteTemporaryChange();
}

/** The error without what it says of the temporary tables in which pgring finishes statements. */
function withoutOwnTables(error: PgError): PgError {
  const { where, schema, table, ...fields } = error.fields;
  const lines = where?.split('\n').filter((line) => !ownTable.test(line)) ?? [];
  const isOwn = table !== undefined && ownTable.test(table);
  if (lines.join('\n') === (where ?? '') && !isOwn) return error;
  const cleaned = new PgError(error.sqlstate, error.message, {
    ...fields,
    ...(lines.length === 0 ? {} : { where: lines.join('\n') }),
    ...(isOwn || schema === undefined ? {} : { schema }),
    ...(isOwn || table === undefined ? {} : { table }),
  });
  if (error.stack !== undefined) cleaned.stack = error.stack;
  return cleaned;
}

const ownTable = /\bpgring_(shipped|result)/;
