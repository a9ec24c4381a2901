/** A real server whose hash functions judge ours. */

import { Client } from 'pg';
import { startServers, type MajorVersion } from '../../support/cluster.js';

export interface TestServer {
  readonly client: Client;
  readonly version: MajorVersion;
  stop(): Promise<void>;
}

/** Starts an empty server of that major version. */
export async function startServer(version: MajorVersion): Promise<TestServer> {
  const cluster = await startServers({ count: 1, majorVersion: version });
  const [server] = cluster.servers;
  if (server === undefined) throw new Error('no server was started');
  const client = new Client({ host: server.host, port: server.port, user: 'postgres', database: 'postgres' });
  await client.connect();
  return {
    client,
    version,
    async stop() {
      await client.end();
      await cluster.close();
    },
  };
}
