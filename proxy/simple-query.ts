/** The simple query protocol: one message, any number of statements, one ReadyForQuery. */

import { PgError, sqlstate } from '../base/errors.js';
import { fill } from '../planner/parse/splice.js';
import type { Plan } from '../planner/plan.js';
import { emptyQueryResponse, encodeErrorResponse, encodeReadyForQuery } from '../wire/encode-backend.js';
import { noParameters, send, type BoundStatement } from '../router/execute/context.js';
import { executePlan } from '../router/execute/execute.js';
import { locateNow } from '../router/execute/locate-now.js';
import { StatementValues } from '../router/execute/values.js';
import type { ImmediateEntry } from '../router/transaction/session-transaction.js';
import { reasonToRefuse } from './refusal.js';
import { toClientError } from './report-error.js';
import type { SessionScope } from './session-scope.js';
import type { PlannedStatement } from './statement-planner.js';

/** The connection that the client's own message can be written to; undefined when more is needed than that. */
export function findRelay(scope: SessionScope, planned: readonly PlannedStatement[]): ImmediateEntry | undefined {
  const [only] = planned;
  if (only === undefined || planned.length > 1) return undefined;
  const { plan } = only;
  if (plan.kind !== 'pass' || plan.sql !== 'client' || plan.computed.length > 0) return undefined;
  if (scope.transaction.isFailed) return undefined;
  const values = new StatementValues({ ...only, parameters: noParameters, resultFormats: [], describe: true });
  const shard = locateNow(scope, plan.routing, values);
  return shard === undefined ? undefined : scope.transaction.enterNow(shard, plan.access === 'write');
}

/** Runs the statements of one message and ends with ReadyForQuery. `refusal`: the text could not be planned at all. */
export async function executeSimpleQuery(
  scope: SessionScope,
  planned: readonly PlannedStatement[],
  refusal: PgError | undefined,
): Promise<void> {
  const { transaction, output } = scope;
  try {
    if (refusal !== undefined) throw refusal;
    if (planned.length === 0) await send(output, emptyQueryResponse);
    const plannedFor = scope.contextKey;
    for (const each of planned) {
      const current = await scope.replanIfStale(each, plannedFor, []);
      await executeOne(scope, current, planned.length > 1);
    }
    if (transaction.isOpen && !transaction.isExplicit) {
      try {
        await transaction.commit();
      } finally {
        await scope.noteTransactionEnd();
      }
    }
  } catch (error) {
    await reportFailure(scope, error);
  }
  if (!transaction.isExplicit) await scope.prepared.forgetPortals();
  await send(output, encodeReadyForQuery(scope.status));
}

/** Tells the client of a failed statement, and lets the transaction fail with it. */
export async function reportFailure(scope: SessionScope, error: unknown): Promise<void> {
  const { transaction } = scope;
  const reported = toClientError(error);
  if (reported.sqlstate === sqlstate.internalError) scope.logDefect(reported);
  if (transaction.isExplicit) transaction.fail();
  else if (transaction.isOpen) {
    await transaction.rollback();
    await scope.noteTransactionEnd();
  }
  await send(scope.output, encodeErrorResponse(reported));
}

async function executeOne(scope: SessionScope, planned: PlannedStatement, oneOfMany: boolean): Promise<void> {
  checkNotFailed(scope, planned.plan);
  if (oneOfMany && !scope.transaction.isOpen && runsInTransaction(planned.plan)) {
    scope.transaction.begin('implicit', 'BEGIN');
  }
  const statement: BoundStatement = { ...planned, parameters: noParameters, resultFormats: [], describe: true };
  try {
    if (planned.plan.kind === 'refuse') throw await reasonToRefuse(scope, planned.sql, [], planned.plan.error);
    await executePlan(scope, statement, planned.plan);
  } catch (error) {
    throw inClientsText(toClientError(error), planned);
  }
}

/** A transaction command opens and ends blocks itself; anything else joins the implicit one of its string. */
export function runsInTransaction(plan: Plan): boolean {
  return plan.kind !== 'local' || plan.command.kind === 'set';
}

/** In a failed transaction only its end is carried out, and nothing for a client that is gone. */
export function checkNotFailed(scope: SessionScope, plan: Plan): void {
  if (scope.gone) throw new PgError(sqlstate.connectionFailure, 'the client has closed its connection');
  if (!scope.transaction.isFailed) return;
  if (plan.kind === 'local' && ['commit', 'rollback', 'rollback to'].includes(plan.command.kind)) return;
  throw new PgError(
    sqlstate.inFailedSqlTransaction,
    'current transaction is aborted, commands ignored until end of transaction block',
  );
}

/** The error with its position in the client's own text; without one when the SQL that failed was generated. */
export function inClientsText(error: PgError, planned: PlannedStatement): PgError {
  const { position, ...fields } = error.fields;
  if (position === undefined) return error;
  const moved = new PgError(
    error.sqlstate,
    error.message,
    position <= clientsOwnCharacters(planned) ? { ...fields, position: position + planned.offset } : fields,
  );
  if (error.stack !== undefined) moved.stack = error.stack;
  return moved;
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
