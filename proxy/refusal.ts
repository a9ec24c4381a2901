/** Why a statement is not carried out: PostgreSQL's reason, if it has one, before pgring's. */

import { PgError, sqlstate } from '../base/errors.js';
import type { SessionScope } from './session-scope.js';
import { inferShape } from './statement-shape.js';

/** These exist in pgring alone, so of them no server can tell more. */
const ownFunctions = /\b(create_distributed_table|create_reference_table|undistribute_table)\b/;

/**
 * The error for the client: a statement that is wrong is told so, and not that it is not supported; and of a name that
 * is unknown PostgreSQL may tell more (a WITH query of that name that cannot be meant, a hint).
 */
export async function reasonToRefuse(
  scope: SessionScope,
  sql: Buffer,
  parameterTypes: readonly number[],
  refusal: PgError,
): Promise<PgError> {
  const isUnknown = refusal.sqlstate === sqlstate.undefinedTable;
  if (refusal.sqlstate !== sqlstate.featureNotSupported && !isUnknown) return refusal;
  try {
    await inferShape(scope, sql, parameterTypes);
    return refusal;
  } catch (error) {
    // Class 42: syntax, names and types; 0A000: what PostgreSQL itself does not do. Whatever else went wrong says nothing
    // about the statement.
    const isReason =
      error instanceof PgError &&
      (error.sqlstate.startsWith('42') || error.sqlstate === sqlstate.featureNotSupported) &&
      !ownFunctions.test(error.message);
    return isReason ? error : refusal;
  }
}
