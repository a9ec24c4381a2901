/** Probe: can each role whose password the configuration gives log in on each server that answers? */

import type { Config } from '../../catalog/config.js';
import { readSecret } from '../../wire/secret.js';
import { probeConnections } from './connection.js';
import type { Finding } from './finding.js';
import { type ProbedServer, connectAs } from './server-facts.js';

/** The findings about the `users` of the configuration. */
export async function probeUsers(config: Config, servers: readonly ProbedServer[]): Promise<readonly Finding[]> {
  const answering = servers.filter(({ answer }) => answer.kind === 'facts');
  const findings = config.users.map(async ({ name, password }, index) => {
    // A verifier opens no server by itself.
    if (readSecret(password).kind !== 'plain') return [];
    const { database } = config.control;
    const tried = answering.map(async (server): Promise<ProbedServer> => {
      try {
        const client = await connectAs(server.shard, { user: name, password, database });
        await client.end();
        return server;
      } catch (error) {
        return { ...server, answer: { kind: 'failure', error } };
      }
    });
    const role = { user: name, database, path: `users[${index}]`, passwordGiven: true };
    return probeConnections(await Promise.all(tried), role);
  });
  return (await Promise.all(findings)).flat();
}
