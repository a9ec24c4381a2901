/** Statements that call pg_cancel_backend() or pg_terminate_backend(): whom they mean are sessions of clients. */

import { PgError, sqlstate } from '../../base/errors.js';
import { quoteLiteral } from '../../catalog/schema.js';
import type { Plan } from '../../planner/plan/plan.js';
import { SIGNALS } from '../../planner/session/processes.js';
import { encodeNoticeResponse } from '../../wire/encode-backend.js';
import { queryRows } from '../backend/command.js';
import type { BoundStatement, ExecutionContext } from './context.js';
import { send } from './context.js';
import { inTransaction } from './in-transaction.js';
import { executePass } from './pass.js';

type PassPlan = Extract<Plan, { readonly kind: 'pass' }>;

/** Runs the statement, reads from its connection what it has put down, and does that. Errors: 42501, and the session's own end. */
export async function executeSignals(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: PassPlan,
): Promise<void> {
  const { home } = context.topology;
  const signals = await inTransaction(context, async () => {
    const connection = await context.transaction.enter(home, false);
    await queryRows(connection, `SELECT pg_catalog.set_config('${SIGNALS}', '', true)`);
    await executePass(context, statement, plan);
    return await queryRows(connection, judgeSql(await context.listOwn('pg_stat_activity')));
  });
  for (const { kind, pid, verdict } of signals) {
    const processId = Number(pid);
    if (kind !== 'cancel' && kind !== 'terminate') await warnUnknown(context, processId);
    else if (verdict === 'gone') await warnUnknown(context, processId);
    else if (verdict !== 'allowed') throw denied(kind, verdict === 'superuser');
    else if (processId === context.activity.processId) await signalOwn(context, kind);
    else await context.signal(processId, kind);
  }
}

/** pg_signal_backend() in signalfuncs.c: who may signal whom. */
function judgeSql(sessions: string): string {
  return `SELECT said.kind, said.pid, CASE WHEN known.pid IS NULL OR role.oid IS NULL THEN 'gone'
    WHEN role.rolsuper AND NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN 'superuser'
    WHEN NOT pg_catalog.pg_has_role(role.oid, 'USAGE') AND NOT pg_catalog.pg_has_role('pg_signal_backend', 'USAGE') THEN 'denied'
    ELSE 'allowed' END AS verdict
  FROM (SELECT number, pg_catalog.split_part(word, ':', 1) AS kind, pg_catalog.split_part(word, ':', 2)::int4 AS pid
    FROM pg_catalog.regexp_split_to_table(pg_catalog.current_setting('${SIGNALS}', true), ' ') WITH ORDINALITY AS words (word, number)
    WHERE word <> '') AS said
  LEFT JOIN pg_catalog.jsonb_to_recordset(${quoteLiteral(sessions)}::jsonb) AS known (pid int4, usename name) ON known.pid = said.pid
  LEFT JOIN pg_catalog.pg_roles AS role ON role.rolname = known.usename
  ORDER BY said.number`;
}

async function warnUnknown(context: ExecutionContext, processId: number): Promise<void> {
  const message = `PID ${processId} is not a PostgreSQL backend process`;
  await send(context.output, encodeNoticeResponse({ severity: 'WARNING', sqlstate: '01000', message }));
}

function denied(kind: 'cancel' | 'terminate', isSuperuser: boolean): PgError {
  const [what, all, done] =
    kind === 'cancel' ? ['query', 'queries', 'canceled'] : ['process', 'processes', 'terminated'];
  return new PgError(sqlstate.insufficientPrivilege, `permission denied to ${kind} ${what}`, {
    detail: isSuperuser
      ? `Only roles with the SUPERUSER attribute may ${kind} ${all} of roles with the SUPERUSER attribute.`
      : `Only roles with privileges of the role whose ${what} is being ${done} or with privileges of the "pg_signal_backend" role may ${kind} this ${what}.`,
  });
}

/** The statement itself is what ends, as at the next place where a server looks whether it should. */
async function signalOwn(context: ExecutionContext, kind: 'cancel' | 'terminate'): Promise<void> {
  if (kind === 'cancel') throw new PgError(sqlstate.queryCanceled, 'canceling statement due to user request');
  await context.signal(context.activity.processId, kind);
}
