/**
 * The password in CREATE ROLE and ALTER ROLE. Each server would hash it with chance of its own; where one log-in is to open
 * all shards they must store the same verifier, so it is made once and takes the place of the password.
 */

import type { Node } from 'libpg-query';
import { readSecret } from '../../wire/secret.js';
import type { RolePassword } from '../plan/plan.js';
import type { StatementText } from '../tree/text.js';
import { stringValue } from '../tree/tree.js';

/** Undefined for a statement that names none, or a verifier that was made already. */
export function rolePassword(node: Node, text: StatementText): RolePassword | undefined {
  const options =
    'CreateRoleStmt' in node
      ? node.CreateRoleStmt.options
      : 'AlterRoleStmt' in node
        ? node.AlterRoleStmt.options
        : undefined;
  for (const option of options ?? []) {
    if (!('DefElem' in option) || option.DefElem.defname !== 'password') continue;
    const password = stringValue(option.DefElem.arg);
    // An empty one makes PostgreSQL say that it is no password.
    if (password === undefined || password === '' || readSecret(password).kind !== 'plain') return undefined;
    const place = literalAfter(option.DefElem.location ?? 0, text);
    return place === undefined ? undefined : { ...place, password };
  }
  return undefined;
}

/** Where the string after [ENCRYPTED] PASSWORD stands, counted from the beginning of the statement. */
function literalAfter(
  location: number,
  text: StatementText,
): { readonly start: number; readonly end: number } | undefined {
  let index = text.tokenIndexAt(location);
  while (text.word(index) === 'encrypted' || text.word(index) === 'password') index += 1;
  const literal = text.tokens()[index];
  if (literal?.kind !== 'string') return undefined;
  const escape = text.word(index + 1) === 'uescape' ? text.tokens()[index + 2] : undefined;
  return { start: literal.start - text.start, end: (escape ?? literal).end - text.start };
}
