/** What a client hears of an error. */

import { PgError, sqlstate } from '../base/errors.js';

/** The error itself, or XX000 for one that no code expected. */
export function toClientError(error: unknown): PgError {
  if (error instanceof PgError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const failure = new PgError(sqlstate.internalError, `pgring internal error: ${message}`);
  if (error instanceof Error && error.stack !== undefined) failure.stack = error.stack;
  return failure;
}

/** Whether the session ends with the error. */
export function isFatal(error: unknown): boolean {
  return error instanceof PgError && error.fields.severity === 'FATAL';
}
