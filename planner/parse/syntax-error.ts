/** The SQLSTATEs of the lexer's and the grammar's errors, which libpg_query reports without. */

import { PgError, sqlstate } from '../../base/errors.js';

/** Errors of scan.l, parser.c and gram.y that are not plain syntax errors, by their messages. */
const others: readonly (readonly [RegExp, string])[] = [
  [/^invalid Unicode escape$/, '22025'],
  [/^unsafe use of \\' in a string literal$/, '22P06'],
  [/^unsafe use of string constant with Unicode escapes$/, sqlstate.featureNotSupported],
  [/^invalid byte sequence for encoding/, '22021'],
  [/^stack depth limit exceeded$/, '54001'],
  [/^out of memory|^memory exhausted/, '53200'],
  [/^precision for type float must be/, sqlstate.invalidParameterValue],
  [/^role name ".*" is reserved$|cannot be used as a role name here$/, '42939'],
  [/^frame (start|end|starting|ending)/, '42P20'],
  [/ not supported| no longer supported|not yet (implemented|supported)/, sqlstate.featureNotSupported],
  [/cannot be marked (DEFERRABLE|NOT VALID|NO INHERIT|NOT ENFORCED)$/, sqlstate.featureNotSupported],
  [/^cross-database references are not implemented/, sqlstate.featureNotSupported],
  [/^aggregates cannot have output arguments$|^current database cannot be changed$/, sqlstate.featureNotSupported],
];

/** An error of the parser as PostgreSQL reports it. `position` counts characters from 1; less means that there is none. */
export function syntaxError(message: string, position: number): PgError {
  const code = others.find(([pattern]) => pattern.test(message))?.[1] ?? sqlstate.syntaxError;
  return new PgError(code, message, position > 0 ? { position } : {});
}
