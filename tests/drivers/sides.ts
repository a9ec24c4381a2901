/** One PostgreSQL, and pgring over four others of the same version, as the drivers' suites see them: a host and a port. */

import { Client } from 'pg';
import { startServers } from '../support/cluster.js';
import { startTestProxy } from '../support/proxy.js';
import type { Address } from './suites/suite.js';

export interface Side {
  readonly name: 'PostgreSQL' | 'pgring';
  readonly address: Address;
}

export interface Sides {
  readonly both: readonly [one: Side, pgring: Side];
  close(): Promise<void>;
}

const SHARDS = 4;
/** Suites open connections as they please, and pgring opens as many to each server. */
const MAX_CONNECTIONS = '200';

export async function openSides(): Promise<Sides> {
  const started = await startServers({
    count: SHARDS + 1,
    settings: { max_prepared_transactions: '50', max_connections: MAX_CONNECTIONS, wal_level: 'logical' },
  });
  const [one, ...shards] = started.servers;
  if (one === undefined) throw new Error('no server');
  const proxy = await startTestProxy(shards);
  return {
    both: [
      { name: 'PostgreSQL', address: { host: one.host, port: one.port } },
      { name: 'pgring', address: { host: proxy.host, port: proxy.port } },
    ],
    close: async () => {
      await proxy.close();
      await started.close();
    },
  };
}

/** An empty database of the suite's own, and what the suite expects to be there. */
export async function prepareDatabase({ address }: Side, name: string, statements: readonly string[]): Promise<void> {
  await withClient(address, 'postgres', async (client) => {
    await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await client.query(`CREATE DATABASE ${name}`);
  });
  await withClient(address, name, async (client) => {
    for (const statement of statements) await client.query(statement);
  });
}

async function withClient(address: Address, database: string, work: (client: Client) => Promise<void>): Promise<void> {
  const client = new Client({ ...address, user: 'postgres', database });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
