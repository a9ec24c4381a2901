/** Refusals that doing a statement in stages would not help: they are about what it writes, not about what it reads. */

import type { PgError } from '../../base/errors.js';

const finals = new WeakSet<PgError>();

export function asFinal(refusal: PgError): PgError {
  finals.add(refusal);
  return refusal;
}

export function isFinal(error: unknown): boolean {
  return typeof error === 'object' && error !== null && finals.has(error as PgError);
}
