/** Under which name servers know what a client has prepared. */

import { planPrepared } from './plan-prepared.js';
import type { Definition, PreparedStatement } from './prepared.js';
import type { SessionScope } from './session-scope.js';
import { knownShape, sameRows } from './shape-of.js';

/**
 * The definition of a client's statement for the catalog and the search path of now. Undefined: they have changed since it
 * was prepared, and what it gives now is not known, or is something else: then it is carried out step by step.
 */
export function definitionOf(scope: SessionScope, statement: PreparedStatement): Definition | undefined {
  const context = scope.contextKey;
  const known = statement.definition;
  if (known?.context === context) return known;
  const original = statement.shape ?? known?.shape;
  if (original === undefined) {
    statement.definition = scope.definitions.get(statement.sql, statement.parameterTypes, context);
    return statement.definition;
  }
  // Its parameters are of the types that they were inferred to be of.
  statement.shape = original;
  const next = scope.definitions.get(statement.sql, original.parameterTypes, context);
  next.shape ??= knownShape(planPrepared(scope, statement).plan);
  if (next.shape === undefined || !sameRows(original.rowDescription, next.shape.rowDescription)) return undefined;
  statement.definition = next;
  return next;
}
