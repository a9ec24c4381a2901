/** The plan of a prepared statement, made again when the catalog or the search path has changed since. */

import { PgError, sqlstate } from '../base/errors.js';
import type { PreparedStatement } from './prepared.js';
import type { SessionScope } from './session-scope.js';
import type { PlannedStatement } from './statement-planner.js';

const emptyPlan = { kind: 'empty' } as const;

/** Errors: 42601, also for several statements in one (as PostgreSQL's Parse refuses them). */
export function planPrepared(scope: SessionScope, statement: PreparedStatement): PlannedStatement {
  const purpose = scope.contextKey;
  if (statement.planned !== undefined && statement.plannedFor === purpose) return statement.planned;
  const planned = scope.plan(statement.sql, statement.parameterTypes);
  if (planned.length > 1) {
    throw new PgError(sqlstate.syntaxError, 'cannot insert multiple commands into a prepared statement');
  }
  const [only] = planned;
  statement.planned = only ?? { plan: emptyPlan, sql: statement.sql, slots: [], offset: 0 };
  statement.plannedFor = purpose;
  return statement.planned;
}
