/** A proxy in the test's own process, over real servers, with a topology store in a folder of its own. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { openLog } from '../../base/log.js';
import type { ServerTlsConfig } from '../../catalog/config-access.js';
import { makeConfig, type Config, type PartialConfig } from '../../catalog/config.js';
import { openTopologyStore } from '../../catalog/store/open.js';
import type { TopologyStore } from '../../catalog/store/store.js';
import { startProxy, type RunningProxy } from '../../proxy/server.js';

export interface ProxyUnderTest {
  readonly host: string;
  readonly port: number;
  readonly proxy: RunningProxy;
  readonly store: TopologyStore;
  readonly config: Config;
  close(): Promise<void>;
}

/** What a client that is being drained may take when a test ends. */
const DRAIN_MS = 200;

export async function startProxyUnderTest(
  shards: readonly { readonly host: string; readonly port: number; readonly tls?: ServerTlsConfig }[],
  options: Omit<PartialConfig, 'shards' | 'listen' | 'store'> = {},
): Promise<ProxyUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), 'pgring-proxy-'));
  const config = makeConfig({
    ...options,
    listen: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }],
    shards: shards.map(({ host, port, tls }, index) => ({ name: `s${index + 1}`, host, port, tls })),
    store: { kind: 'file', path: join(folder, 'topology.json') },
  });
  const store = openTopologyStore(config);
  const proxy = await startProxy({ config, store, log: openLog(process.env['PGRING_TEST_LOG'] ?? 'silent') });
  const port = Number(/\d+$/.exec(proxy.addresses[0] ?? '')?.[0]);
  return {
    host: '127.0.0.1',
    port,
    proxy,
    store,
    config,
    close: async () => {
      await proxy.close(DRAIN_MS);
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A connected node-postgres client. */
export async function connectClient(
  address: { readonly host: string; readonly port: number },
  database: string,
  options: { readonly user?: string; readonly application_name?: string; readonly options?: string } = {},
): Promise<Client> {
  const client = new Client({ host: address.host, port: address.port, user: 'postgres', database, ...options });
  // Tests that end servers end connections, too; what matters of that is what the next query says.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Runs statements on a connection of their own. */
export async function runStatements(
  address: { readonly host: string; readonly port: number },
  database: string,
  statements: readonly string[],
): Promise<void> {
  const client = await connectClient(address, database);
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/**
 * Locks a table on servers behind the proxy's back, so that statements on it wait there. Returns what gives the locks back.
 */
export async function lockTable(
  shards: readonly { readonly host: string; readonly port: number }[],
  database: string,
  table: string,
): Promise<() => Promise<void>> {
  const holders = await Promise.all(shards.map(async (shard) => await connectClient(shard, database)));
  await Promise.all(
    holders.map(async (holder) => await holder.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`)),
  );
  return async () => {
    await Promise.all(holders.map(async (holder) => await holder.end()));
  };
}

/** Asks again and again until the answer satisfies; the last answer when the time is over. */
export async function eventually<T>(
  ask: () => Promise<T> | T,
  satisfies: (answer: T) => boolean,
  timeoutMs = 10_000,
): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (satisfies(answer) || Date.now() > end) return answer;
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
}
