/** One PostgreSQL, and pgring over three others of the same version. */

import { Client } from 'pg';
import { startServers, type TestServer } from '../support/cluster.js';
import { startTestProxy } from '../support/proxy.js';
import type { Side } from './play.js';

export interface Sides {
  readonly one: Side;
  readonly pgring: Side;
  /** Makes an empty database on both. */
  makeDatabase(name: string): Promise<void>;
  dropDatabase(name: string): Promise<void>;
  close(): Promise<void>;
}

const SHARDS = 3;

/** Locks, and safe snapshots of SERIALIZABLE READ ONLY DEFERRABLE, which isolationtester takes for locks too. */
const waitingSql = `SELECT FROM pg_stat_activity WHERE application_name = $1 AND state = 'active'
  AND (wait_event_type = 'Lock' OR wait_event = 'SafeSnapshot')`;

export async function openSides(): Promise<Sides> {
  const started = await startServers({ count: SHARDS + 1, settings: { max_prepared_transactions: '50' } });
  const [one, ...shards] = started.servers;
  if (one === undefined) throw new Error('no server');
  const proxy = await startTestProxy(shards);
  const watchers = new Map<TestServer, Client>();
  for (const server of started.servers) watchers.set(server, await connectTo(server, 'postgres', 'isolation watcher'));
  const admin = await connectTo(proxy, 'postgres', 'isolation admin');
  const isWaiting = async (servers: readonly TestServer[], applicationName: string): Promise<boolean> => {
    const answers = await Promise.all(
      servers.map(async (server) => await watchers.get(server)?.query(waitingSql, [applicationName])),
    );
    return answers.some((answer) => (answer?.rowCount ?? 0) > 0);
  };
  const onBoth = async (sql: string): Promise<void> => {
    await watchers.get(one)?.query(sql);
    await admin.query(sql);
  };
  return {
    one: {
      connect: async (database, applicationName) => await connectTo(one, database, applicationName),
      isWaiting: async (applicationName) => await isWaiting([one], applicationName),
    },
    pgring: {
      connect: async (database, applicationName) => await connectTo(proxy, database, applicationName),
      isWaiting: async (applicationName) => await isWaiting(shards, applicationName),
    },
    makeDatabase: async (name) => {
      await onBoth(`CREATE DATABASE ${name}`);
    },
    dropDatabase: async (name) => {
      await onBoth(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
    close: async () => {
      await Promise.all([...watchers.values(), admin].map(async (client) => await client.end()));
      await proxy.close();
      await started.close();
    },
  };
}

async function connectTo(
  { host, port }: { readonly host: string; readonly port: number },
  database: string,
  applicationName: string,
): Promise<Client> {
  const client = new Client({
    host,
    port,
    user: 'postgres',
    database,
    application_name: applicationName,
    types: { getTypeParser: () => String },
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
