/** Four shards and one PostgreSQL with the same data, and pgring before the shards: once as it is, once counted. */

import { Client } from 'pg';
import { startServers } from '../../tests/support/cluster.js';
import { startProxyProcess } from '../support/proxy-process.js';
import { TrafficCounter } from '../support/traffic.js';
import { generateData, loadTables } from './data.js';
import type { Subjects } from './measure.js';
import type { Layout } from './tables.js';

export const shardCount = 4;

/** The same for all servers: enough that memory is not what is measured. */
const settings = { shared_buffers: '256MB', work_mem: '16MB', max_wal_size: '4GB' };
/** A query that takes longer is stopped and counts as wrong. */
const STATEMENT_TIMEOUT_MS = 300_000;

interface Rig {
  readonly postgres: { readonly host: string; readonly port: number };
  /** The clients for a layout, whose tables are made and filled at the first call. */
  subjects(layout: Layout): Promise<Subjects>;
  close(): Promise<void>;
}

export async function startRig(scale: number, say: (line: string) => void): Promise<Rig> {
  const undo: (() => Promise<void> | void)[] = [];
  const close = async (): Promise<void> => {
    for (const step of undo.splice(0).toReversed()) await step();
  };
  try {
    return await openRig(scale, say, undo, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function openRig(
  scale: number,
  say: (line: string) => void,
  undo: (() => Promise<void> | void)[],
  close: () => Promise<void>,
): Promise<Rig> {
  say(`making the data of scale factor ${scale}`);
  const folder = await generateData(scale);
  say(`starting ${shardCount} shards and one PostgreSQL`);
  const servers = await startServers({ count: shardCount + 1, settings });
  undo.push(async () => {
    await servers.close();
  });
  const [postgres, ...shards] = servers.servers;
  if (postgres === undefined) throw new Error('no servers');
  const pgring = await startProxyProcess(shards);
  undo.push(async () => {
    await pgring.close();
  });
  const counter = new TrafficCounter();
  undo.push(() => {
    counter.close();
  });
  const relays = await Promise.all(shards.map(async (shard) => await counter.before(shard)));
  const counted = await startProxyProcess(relays);
  undo.push(async () => {
    await counted.close();
  });
  const connect = async (address: { readonly host: string; readonly port: number }, database: string) => {
    const client = new Client({ host: address.host, port: address.port, user: 'postgres', database });
    await client.connect();
    undo.push(async () => {
      await client.end();
    });
    return client;
  };
  const load = async (
    address: { readonly host: string; readonly port: number },
    name: string,
    layout: Layout | undefined,
  ): Promise<Client> => {
    const admin = await connect(address, 'postgres');
    await admin.query(`CREATE DATABASE ${name}`);
    const client = await connect(address, name);
    const start = performance.now();
    await loadTables(client, folder, layout);
    say(`loaded ${layout ?? 'one PostgreSQL'} in ${((performance.now() - start) / 1000).toFixed(1)} s`);
    await client.query(`SET statement_timeout = ${STATEMENT_TIMEOUT_MS}`);
    return client;
  };
  const single = await load(postgres, 'tpch', undefined);
  return {
    postgres,
    subjects: async (layout) => {
      const database = layout === 'co-located' ? 'tpch_a' : 'tpch_b';
      const client = await load(pgring, database, layout);
      const second = await connect(counted, database);
      await second.query(`SET statement_timeout = ${STATEMENT_TIMEOUT_MS}`);
      return { postgres: single, pgring: client, counted: second, counter };
    },
    close,
  };
}
