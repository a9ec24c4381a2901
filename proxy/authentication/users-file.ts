/** A file of roles and their secrets, a line each, as PgBouncer's auth_file: `"name" "secret"`. */

import { PgError, sqlstate } from '../../base/errors.js';

/** Quotes inside are doubled; lines that are empty or begin with `;` or `#` say nothing. */
const line = /^\s*"((?:[^"]|"")*)"\s+"((?:[^"]|"")*)"/;

/** Secrets by role. Errors: F0000 with the line that is none. */
export function parseUsersFile(text: string, path: string): ReadonlyMap<string, string> {
  const users = new Map<string, string>();
  for (const [index, each] of text.split(/\r?\n/).entries()) {
    if (/^\s*(?:[;#]|$)/.test(each)) continue;
    const [, name, secret] = (line.exec(each) ?? []).map((part) => part.replaceAll('""', '"'));
    if (name === undefined || secret === undefined || name === '') {
      throw new PgError(sqlstate.configFileError, `${path}:${index + 1}: expected "name" "secret" on this line`, {
        severity: 'FATAL',
      });
    }
    users.set(name, secret);
  }
  return users;
}
