/** Probe: have all servers the same verifier of a role's password? Else a client's log-in at pgring opens only some of them. */

import type { Config } from '../../catalog/config.js';
import { readSecret } from '../../wire/secret.js';
import type { Finding } from './finding.js';
import { type ProbedServer, connectAs } from './server-facts.js';

/** Names beyond these are only counted. */
const SHOWN_ROLES = 5;

interface RoleVerifier {
  readonly rolname: string;
  readonly rolpassword: string;
}

/** Roles with SCRAM verifiers that differ, and of which pgring has no password of its own. */
export async function probeVerifiers(config: Config, servers: readonly ProbedServer[]): Promise<readonly Finding[]> {
  const asksForPasswords = config.authentication.rules.some(({ method }) => method !== 'trust' && method !== 'reject');
  if (!config.authentication.askServers || !asksForPasswords) return [];
  const readable = servers.filter(({ answer }) => answer.kind === 'facts' && answer.facts.superuser);
  const lists = await Promise.all(readable.map(async (server) => await readVerifiers(config, server)));
  const [first, ...others] = lists;
  if (first === undefined) return [];
  const known = new Set(
    config.users.filter(({ password }) => readSecret(password).kind === 'plain').map(({ name }) => name),
  );
  if (config.control.password !== undefined) known.add(config.control.user);
  const differing = [...first.keys()].filter(
    (name) => !known.has(name) && others.some((list) => list.has(name) && list.get(name) !== first.get(name)),
  );
  if (differing.length === 0) return [];
  const shown = differing.slice(0, SHOWN_ROLES).map((name) => `"${name}"`);
  const more = differing.length > SHOWN_ROLES ? ` and ${differing.length - SHOWN_ROLES} more` : '';
  return [
    {
      severity: 'warning',
      path: 'authentication',
      subject: `${shown.join(', ')}${more}`,
      expected: 'the same SCRAM verifier of a role on all servers, so that what its client shows opens all of them',
      found: 'verifiers that were made on each server',
      advice:
        `Set the passwords once more through pgring (ALTER ROLE ${shown[0] ?? ''} PASSWORD '…'), or copy rolpassword of ` +
        'pg_authid from the home shard to the others, or give pgring the passwords in users.',
    },
  ];
}

async function readVerifiers(config: Config, { shard }: ProbedServer): Promise<ReadonlyMap<string, string>> {
  const client = await connectAs(shard, config.control);
  try {
    const { rows } = await client.query<RoleVerifier>(
      "SELECT rolname, rolpassword FROM pg_authid WHERE rolcanlogin AND rolpassword LIKE 'SCRAM-SHA-256$%' ORDER BY 1",
    );
    return new Map(rows.map(({ rolname, rolpassword }) => [rolname, rolpassword]));
  } finally {
    await client.end();
  }
}
