/** The numbers of format codes in a Bind, checked as PostgreSQL does (postgres.c, exec_bind_message; pquery.c). */

import { PgError, sqlstate } from '../base/errors.js';
import { readRowDescription } from '../wire/backend.js';
import type { Bind } from '../wire/frontend.js';

/** `rowDescription`: of the statement, undefined when it has no rows. Errors: 08P01. */
export function checkFormats(bind: Bind, rowDescription: Buffer | undefined): void {
  const { parameterFormats, parameters, resultFormats } = bind;
  if (parameterFormats.length > 1 && parameterFormats.length !== parameters.length) {
    throw new PgError(
      sqlstate.protocolViolation,
      `bind message has ${parameterFormats.length} parameter formats but ${parameters.length} parameters`,
    );
  }
  const columns = rowDescription === undefined ? 0 : readRowDescription(rowDescription).length;
  if (columns > 0 && resultFormats.length > 1 && resultFormats.length !== columns) {
    throw new PgError(
      sqlstate.protocolViolation,
      `bind message has ${resultFormats.length} result formats but query has ${columns} columns`,
    );
  }
}
