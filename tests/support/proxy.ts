/** A proxy in the test's own process, before servers that run already. Its topology is kept in a folder of its own. */

import { join } from 'node:path';
import { Client } from 'pg';
import { makeConfig, type PartialConfig } from '../../catalog/config.js';
import { openTopologyStore } from '../../catalog/store/open.js';
import { openLog } from '../../base/log.js';
import { startProxy } from '../../proxy/server.js';
import { temporaryFolder } from './folder.js';

export interface TestProxy {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

export interface TestProxyAddress {
  readonly host: string;
  readonly port: number;
}

/** What clients that are still connected may take when the test ends. */
const DRAIN_MS = 500;

/** Starts a proxy on a free port; the first server is the home shard. */
export async function startTestProxy(
  servers: readonly TestProxyAddress[],
  options: Omit<PartialConfig, 'shards' | 'listen' | 'store'> = {},
): Promise<TestProxy> {
  const folder = await temporaryFolder();
  const config = makeConfig({
    ...options,
    listen: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }],
    shards: servers.map(({ host, port }, index) => ({ name: `shard${index + 1}`, host, port })),
    store: { kind: 'file', path: join(folder.path, 'topology.json') },
  });
  const store = openTopologyStore(config);
  const proxy = await startProxy({ config, store, log: openLog(process.env['PGRING_TEST_LOG'] ?? 'error') });
  return {
    host: '127.0.0.1',
    port: Number(/\d+$/.exec(proxy.addresses[0] ?? '')?.[0]),
    close: async () => {
      await proxy.close(DRAIN_MS);
      await store.close();
      folder[Symbol.dispose]();
    },
  };
}

/** Runs the work with a client of node-postgres. */
export async function withClient<T>(
  address: TestProxyAddress,
  database: string,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = new Client({ host: address.host, port: address.port, user: 'postgres', database });
  // A test that ends servers ends connections; what matters of that is what the next query says.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
