/** What a client hears of an error. */

import { PgError, sqlstate } from '../base/errors.js';
import { encodeErrorResponse } from '../wire/encode-backend.js';

/** The error itself, or XX000 for one that no code expected. */
export function toClientError(error: unknown): PgError {
  if (error instanceof PgError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const failure = new PgError(sqlstate.internalError, `pgring internal error: ${message}`);
  if (error instanceof Error && error.stack !== undefined) failure.stack = error.stack;
  return failure;
}

/**
 * The end of the whole session, where a server has ended its connection after a timeout that the session has set, and one
 * server would have ended the session; else undefined. `isIdle`: nothing runs, also on no other shard.
 */
export function asSessionTimeout(error: PgError, where: 'home' | 'elsewhere', isIdle: boolean): PgError | undefined {
  switch (error.sqlstate) {
    case sqlstate.transactionTimeout:
      return error;
    case sqlstate.idleInTransactionTimeout:
      return isIdle ? error : undefined;
    case sqlstate.idleSessionTimeout:
      return isIdle && where === 'home' ? error : undefined;
    default:
      return undefined;
  }
}

export const functionCallRefused = new PgError(
  sqlstate.featureNotSupported,
  'function calls by protocol message are not supported by pgring',
  { hint: 'Call the function in a statement: SELECT function(…).' },
);

/** By pg_terminate_backend(), or because the proxy is shutting down. */
export const terminated = new PgError(sqlstate.adminShutdown, 'terminating connection due to administrator command', {
  severity: 'FATAL',
});

/** The same error as the end of the session. */
export function encodeFatal(error: PgError): Buffer {
  return encodeErrorResponse(new PgError(error.sqlstate, error.message, { ...error.fields, severity: 'FATAL' }));
}

export function unknownMessage(type: number | undefined): PgError {
  return new PgError(sqlstate.protocolViolation, `invalid frontend message type ${type}`, { severity: 'FATAL' });
}

/** Whether the session ends with the error. */
export function isFatal(error: unknown): boolean {
  return error instanceof PgError && error.fields.severity === 'FATAL';
}
