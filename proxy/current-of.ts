/** UPDATE and DELETE … WHERE CURRENT OF, carried out by the shard that has the row. */

import { PgError, refuse, sqlstate } from '../base/errors.js';
import { quoteIdentifier } from '../catalog/schema.js';
import type { SessionPlan } from '../planner/plan/session-plan.js';
import type { BoundStatement } from '../router/execute/context.js';
import { passTo } from '../router/execute/pass.js';
import type { SessionScope } from './session-scope.js';

type CurrentOfPlan = Extract<SessionPlan, { readonly kind: 'current of' }>;

export async function modifyCurrent(
  scope: SessionScope,
  statement: BoundStatement,
  plan: CurrentOfPlan,
): Promise<void> {
  const { sql, parameters } = statement;
  const portal = scope.portals.get(plan.name, 'cursor');
  if (portal.kind === 'server') {
    await passTo(scope, statement, portal.shard, true, { sql, parameters });
    return;
  }
  if (portal.kind === 'combined') {
    throw refuse(
      'WHERE CURRENT OF a cursor over a combined statement',
      'Fetch the primary key as well, and name the row by it.',
    );
  }
  const { cursor } = portal;
  if (cursor?.knowsPlace !== true) {
    throw refuse(
      'WHERE CURRENT OF a cursor over several shards that locks no rows, or is WITH HOLD',
      'Declare the cursor FOR UPDATE.',
    );
  }
  const place = cursor.standing();
  if (place === undefined) {
    throw new PgError(sqlstate.invalidCursorState, `cursor "${plan.name}" is not positioned on a row`);
  }
  const text = `${sql.toString('utf8', 0, plan.start)}${quoteIdentifier(place.portal)}${sql.toString('utf8', plan.end)}`;
  try {
    await passTo(scope, statement, place.shard, true, { sql: text, parameters });
  } catch (error) {
    throw error instanceof PgError
      ? new PgError(error.sqlstate, error.message.replaceAll(`"${place.portal}"`, `"${plan.name}"`), error.fields)
      : error;
  }
}
