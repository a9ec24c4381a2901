/** Where in the client's own text an error stands that a server found in SQL of pgring's. */

import { PgError } from '../base/errors.js';
import { queryAlone } from '../planner/copy/copied-query.js';
import { fill } from '../planner/parse/splice.js';
import { runCommand } from '../router/backend/command.js';
import type { BackendConnection } from '../router/backend/connection.js';
import { noParameters } from '../router/execute/context.js';
import { StatementValues } from '../router/execute/values.js';
import type { SessionScope } from './session-scope.js';
import type { PlannedStatement } from './statement-planner.js';
import { inferShape } from './statement-shape.js';

/** The error with its position in the client's own text; without one when the SQL that failed was generated. */
export async function inClientsText(
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
      : await positionInClientsSql(scope, error, planned, parameterTypes);
  const moved = new PgError(
    error.sqlstate,
    error.message,
    own === undefined ? fields : { ...fields, position: own + planned.offset },
  );
  if (error.stack !== undefined) moved.stack = error.stack;
  return moved;
}

/** What the client's transaction has locked is not waited for. */
const ASK = 'BEGIN; SET LOCAL lock_timeout = 100';

/**
 * Where a server finds the same error in what the client wrote: on another connection, for the transaction of its own may
 * have failed. What that had changed is not seen there, and then the error is another one.
 */
async function positionInClientsSql(
  scope: SessionScope,
  error: PgError,
  planned: PlannedStatement,
  parameterTypes: readonly number[],
): Promise<number | undefined> {
  const { backends, topology } = scope;
  const { plan, sql } = planned;
  const takesQuery = plan.kind === 'copyCombined' || plan.kind === 'copyTo';
  let connection: BackendConnection | undefined;
  try {
    connection = await backends.borrow(topology.home);
    const asked = connection;
    await runCommand(asked, ASK);
    try {
      await inferShape(scope, takesQuery ? queryAlone(sql) : sql, parameterTypes, asked);
    } finally {
      await runCommand(asked, 'ROLLBACK');
    }
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
const generated = { computedText: () => '\0', limitText: () => '\0', relationText: () => '\0', ownedText: () => '\0' };
