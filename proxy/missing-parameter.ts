/** A parameter in a simple query, which has none: PostgreSQL finds that when it reads the statement, pgring when it runs it. */

import { PgError, sqlstate } from '../base/errors.js';
import { tokens } from '../planner/parse/tokens.js';
import type { PlannedStatement } from './statement-planner.js';

/** The error of a statement without parameters, in PostgreSQL's words where it is about one. */
export function inWordsOfSimpleQuery(error: unknown, { sql, offset }: PlannedStatement): unknown {
  const isAboutParameter =
    error instanceof PgError &&
    error.fields.position === undefined &&
    (error.sqlstate === sqlstate.undefinedParameter ||
      (error.sqlstate === sqlstate.protocolViolation &&
        error.message.startsWith('bind message supplies 0 parameters')));
  if (!isAboutParameter) return error;
  const first = tokens(sql).find(({ kind }) => kind === 'parameter');
  if (first === undefined) return error;
  const position = sql.toString('utf8', 0, first.start).length + 1 + offset;
  return new PgError(sqlstate.undefinedParameter, `there is no parameter ${first.text}`, { position });
}
