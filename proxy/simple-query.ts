/** The simple query protocol: one message, any number of statements, one ReadyForQuery. */

import { PgError, sqlstate } from '../base/errors.js';
import type { Plan } from '../planner/plan/plan.js';
import { faultPoint } from '../base/fault-point.js';
import { emptyQueryResponse, encodeErrorResponse, encodeReadyForQuery } from '../wire/encode-backend.js';
import { noParameters, send } from '../router/execute/context.js';
import { canRelay, locateNow } from '../router/execute/locate-now.js';
import { StatementValues } from '../router/execute/values.js';
import type { ShardId } from '../catalog/topology.js';
import type { ImmediateEntry } from '../router/transaction/session-transaction.js';
import { closePortal } from './cursors.js';
import { inWordsOfSimpleQuery } from './missing-parameter.js';
import { toClientError } from './report-error.js';
import { runPlan, runStatement } from './run-statement.js';
import type { SessionScope } from './session-scope.js';
import type { PlannedStatement } from './statement-planner.js';

/** A connection that the client's own messages can be written to, or the shard to which the session needs one first. */
export type RelayTarget<T> =
  { readonly kind: 'ready'; readonly entry: T } | { readonly kind: 'wait'; readonly shard: ShardId };

/** Where the client's own message can be written to; undefined when more is needed than that. */
export function findRelay(
  scope: SessionScope,
  planned: readonly PlannedStatement[],
): RelayTarget<ImmediateEntry> | undefined {
  const [only] = planned;
  if (only === undefined || planned.length > 1) return undefined;
  const { plan } = only;
  if (!canRelay(plan)) return undefined;
  if (scope.transaction.isFailed || scope.portals.find('')?.kind === 'local') return undefined;
  const values = new StatementValues({ ...only, parameters: noParameters, resultFormats: [], describe: true });
  const shard = locateNow(scope, plan.routing, values);
  if (shard === undefined) return undefined;
  const entry = scope.transaction.enterNow(shard, plan.access === 'write');
  if (entry !== undefined) {
    scope.pins.note(plan);
    return { kind: 'ready', entry };
  }
  return scope.transaction.lacksConnection(shard) ? { kind: 'wait', shard } : undefined;
}

/** Runs the statements of one message and ends with ReadyForQuery. `refusal`: the text could not be planned at all. */
export async function executeSimpleQuery(
  scope: SessionScope,
  planned: readonly PlannedStatement[],
  refusal: PgError | undefined,
): Promise<void> {
  const { transaction, output } = scope;
  try {
    // A new unnamed portal takes the place of the old one (exec_simple_query in postgres.c).
    if (scope.portals.find('')?.kind === 'local') await closePortal(scope, '');
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
  if (!transaction.isExplicit) await scope.portals.forget();
  await send(output, encodeReadyForQuery(scope.status));
  if (scope.status === 'I') faultPoint('answered');
}

/** Tells the client of a failed statement, and lets the transaction fail with it. */
async function reportFailure(scope: SessionScope, error: unknown): Promise<void> {
  const { transaction } = scope;
  const reported = toClientError(error);
  if (reported.sqlstate === sqlstate.internalError) scope.logDefect(reported);
  if (transaction.isExplicit) await transaction.abort();
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
  try {
    await runStatement(scope, planned, noParameters, async ({ planned: resolved, parameters }) => {
      await runPlan(scope, { ...resolved, parameters, resultFormats: [], describe: true }, resolved.plan);
    });
  } catch (error) {
    throw inWordsOfSimpleQuery(error, planned);
  }
}

/** A transaction command opens and ends blocks itself; anything else joins the implicit one of its string. */
export function runsInTransaction(plan: Plan): boolean {
  return plan.kind !== 'local' || plan.command.kind === 'set';
}

const endings: ReadonlySet<string> = new Set(['commit', 'rollback', 'rollback to', 'prepare transaction']);

/** In a failed transaction only its end is carried out, and nothing for a client that is gone. */
export function checkNotFailed(scope: SessionScope, plan: Plan): void {
  if (scope.gone) throw new PgError(sqlstate.connectionFailure, 'the client has closed its connection');
  if (!scope.transaction.isFailed) return;
  if (plan.kind === 'local' && endings.has(plan.command.kind)) return;
  throw new PgError(
    sqlstate.inFailedSqlTransaction,
    'current transaction is aborted, commands ignored until end of transaction block',
  );
}
