/** Assertions of invariants. A failure is a defect of pgring, never of its input. */

import { PgError, sqlstate } from './errors.js';

/** Throws an internal error (XX000) unless the condition holds. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new PgError(sqlstate.internalError, `pgring internal error: ${message}`);
}

/** Marks a point that an exhaustive switch never reaches. */
export function unreachable(value: never, message: string): never {
  throw new PgError(sqlstate.internalError, `pgring internal error: ${message}: ${JSON.stringify(value)}`);
}

/** The value, which an invariant says is there. */
export function present<T>(value: T | null | undefined, message: string): T {
  assert(value !== null && value !== undefined, message);
  return value;
}
