/** Which rule holds for a client that wants in, and what it hears when none does (src/backend/libpq/hba.c, auth.c). */

import { BlockList, isIP } from 'node:net';
import { PgError, sqlstate } from '../../base/errors.js';
import type { AuthenticationRule } from '../../catalog/config-access.js';

/** Where a client comes from. */
export type ClientOrigin =
  { readonly kind: 'local' } | { readonly kind: 'tcp'; readonly address: string; readonly isEncrypted: boolean };

/** Whom and what a client names in its start-up. */
export interface ClientClaim {
  readonly user: string;
  readonly database: string;
}

/** The first rule that fits; undefined when none does. */
export function findRule(
  rules: readonly AuthenticationRule[],
  origin: ClientOrigin,
  claim: ClientClaim,
): AuthenticationRule | undefined {
  return rules.find(
    (rule) =>
      fitsType(rule, origin) &&
      fitsAddress(rule.address, origin) &&
      fitsName(rule.users, claim.user) &&
      (fitsName(rule.databases, claim.database) ||
        (rule.databases.includes('sameuser') && claim.database === claim.user)),
  );
}

function fitsType({ type }: AuthenticationRule, origin: ClientOrigin): boolean {
  if (origin.kind === 'local') return type === 'local';
  switch (type) {
    case 'local':
      return false;
    case 'host':
      return true;
    case 'hostssl':
      return origin.isEncrypted;
    case 'hostnossl':
      return !origin.isEncrypted;
  }
}

function fitsName(names: readonly string[], name: string): boolean {
  return names.includes('all') || names.includes(name);
}

function fitsAddress(range: string, origin: ClientOrigin): boolean {
  if (range === 'all' || origin.kind === 'local') return true;
  const [address = '', bits] = range.split('/');
  const family = isIP(address);
  if (family === 0 || family !== isIP(origin.address)) return false;
  const subnet = new BlockList();
  const name = family === 4 ? 'ipv4' : 'ipv6';
  subnet.addSubnet(address, bits === undefined ? (family === 4 ? 32 : 128) : Number(bits), name);
  return subnet.check(origin.address, name);
}

/** An IPv4 client of a socket that listens on both families comes as ::ffff:10.0.0.7; a zone is no part of an address. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '').replace(/%.*$/, '');
}

/** No rule, or one that says reject. */
export function noEntry(rule: AuthenticationRule | undefined, origin: ClientOrigin, claim: ClientClaim): PgError {
  const { host, encryption } = describeOrigin(origin);
  const said = rule === undefined ? 'no pg_hba.conf entry for' : 'pg_hba.conf rejects connection for';
  return fatal(
    sqlstate.invalidAuthorization,
    `${said} host "${host}", user "${claim.user}", database "${claim.database}", ${encryption}`,
  );
}

function describeOrigin(origin: ClientOrigin): { readonly host: string; readonly encryption: string } {
  if (origin.kind === 'local') return { host: '[local]', encryption: 'no encryption' };
  return { host: origin.address, encryption: origin.isEncrypted ? 'SSL encryption' : 'no encryption' };
}

/** The one answer to whoever fails: it does not tell whether the role exists (auth.c, auth_failed). */
export function authenticationFailed({ method }: AuthenticationRule, user: string): PgError {
  if (method === 'cert') {
    return fatal(sqlstate.invalidAuthorization, `certificate authentication failed for user "${user}"`);
  }
  return fatal(sqlstate.invalidPassword, `password authentication failed for user "${user}"`);
}

export function fatal(code: string, message: string, detail?: string): PgError {
  return new PgError(code, message, { severity: 'FATAL', ...(detail === undefined ? {} : { detail }) });
}
