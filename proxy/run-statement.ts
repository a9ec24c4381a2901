/** Runs one planned statement, by whichever protocol it came: also what the session keeps by name. */

import { PgError, sqlstate } from '../base/errors.js';
import { fill } from '../planner/parse/splice.js';
import type { Plan } from '../planner/plan/plan.js';
import type { BackendConnection } from '../router/backend/connection.js';
import { noParameters, type BoundParameters, type BoundStatement } from '../router/execute/context.js';
import { executePlan } from '../router/execute/execute.js';
import { StatementValues } from '../router/execute/values.js';
import { closeCursor, declareCursor, fetchFromCursor } from './cursors.js';
import { modifyCurrent } from './current-of.js';
import { resolveStatement, type ResolvedStatement } from './execute-prepared.js';
import { prepareBySql } from './prepare-sql.js';
import { reasonToRefuse } from './refusal.js';
import { toClientError } from './report-error.js';
import type { SessionScope } from './session-scope.js';
import type { PlannedStatement } from './statement-planner.js';
import { inferShape } from './statement-shape.js';

/** Finds out what is to run (EXECUTE means another statement) and runs it. Errors have their place in the client's text. */
export async function runStatement(
  scope: SessionScope,
  planned: PlannedStatement,
  parameters: BoundParameters,
  run: (resolved: ResolvedStatement) => Promise<void>,
): Promise<void> {
  let text = planned;
  try {
    if (planned.plan.kind === 'refuse') {
      throw await reasonToRefuse(scope, planned.sql, parameters.types, planned.plan.error);
    }
    const resolved = await resolveStatement(scope, planned, parameters);
    text = resolved.planned;
    await run(resolved);
  } catch (error) {
    throw await inClientsText(scope, withoutOwnTables(toClientError(error)), text, parameters.types);
  }
}

/** Carries out a plan and hands its whole answer to the client. */
export async function runPlan(scope: SessionScope, statement: BoundStatement, plan: Plan): Promise<void> {
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

/** The error with its position in the client's own text; without one when the SQL that failed was generated. */
async function inClientsText(
  scope: SessionScope,
  error: PgError,
  planned: PlannedStatement,
  parameterTypes: readonly number[],
): Promise<PgError> {
  const { position, ...fields } = error.fields;
  if (position === undefined) return error;
  const own =
    position <= clientsOwnCharacters(planned)
      ? position
      : await positionInClientsSql(scope, error, planned.sql, parameterTypes);
  const moved = new PgError(
    error.sqlstate,
    error.message,
    own === undefined ? fields : { ...fields, position: own + planned.offset },
  );
  if (error.stack !== undefined) moved.stack = error.stack;
  return moved;
}

/**
 * Where a server finds the same error in what the client wrote. Not asked inside a transaction: what that has changed or
 * locked, another connection does not see or waits for.
 */
async function positionInClientsSql(
  scope: SessionScope,
  error: PgError,
  sql: Buffer,
  parameterTypes: readonly number[],
): Promise<number | undefined> {
  const { backends, transaction, topology } = scope;
  if (transaction.isOpen || transaction.isFailed) return undefined;
  let connection: BackendConnection | undefined;
  try {
    connection = await backends.borrow(topology.home);
    await inferShape(scope, sql, parameterTypes, connection);
  } catch (found) {
    const isSame = found instanceof PgError && found.sqlstate === error.sqlstate && found.message === error.message;
    return isSame ? found.fields.position : undefined;
  } finally {
    if (connection !== undefined) await backends.giveBack(connection);
  }
  return undefined;
}

/** How many characters at the beginning of the SQL that was sent are the client's own. */
function clientsOwnCharacters(planned: PlannedStatement): number {
  const { plan } = planned;
  if (plan.kind === 'insert') return 0;
  if (plan.kind === 'refuse' || !('sql' in plan) || plan.sql === 'client') return Number.POSITIVE_INFINITY;
  const values = new StatementValues({ ...planned, parameters: noParameters, resultFormats: [], describe: false });
  const sent = fill(plan.sql, { ...generated, slotText: (slot) => values.slotText(slot) });
  const own = Array.from(planned.sql.toString('utf8'));
  let count = 0;
  for (const character of sent) {
    if (character !== own[count]) break;
    count += 1;
  }
  return count;
}

/** No client can have written a NUL. */
const generated = { computedText: () => '\0', limitText: () => '\0', relationText: () => '\0' };
