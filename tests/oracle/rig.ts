/** A proxy before shared servers, and the one PostgreSQL that says what is right; the same statements go to both. */

import { join } from 'node:path';
import { Client } from 'pg';
import { makeConfig } from '../../catalog/config.js';
import { openTopologyStore } from '../../catalog/store/open.js';
import { openLog } from '../../base/log.js';
import { startProxy } from '../../proxy/server.js';
import { createDatabaseEverywhere, dropDatabaseEverywhere } from '../support/shared-servers.js';
import { temporaryFolder } from '../support/folder.js';
import { chooseFreePort } from '../support/ports.js';
import type { Address } from './raw-client.js';
import { checkPlacement } from './placement-check.js';

export interface Rig {
  readonly pgring: Address;
  readonly oracle: Address;
  /** Throws unless every row lies where it belongs, copies are alike, and nothing is left prepared. */
  checkPlacement(): Promise<void>;
  close(): Promise<void>;
}

export async function startRig(database: string, shardCount: 3 | 4): Promise<Rig> {
  const folder = await temporaryFolder();
  const { shards, oracle } = await createDatabaseEverywhere(database);
  const port = await chooseFreePort();
  const config = makeConfig({
    listen: [{ kind: 'tcp', host: '127.0.0.1', port }],
    shards: shards
      .slice(0, shardCount)
      .map((shard, index) => ({ name: `shard${index + 1}`, host: shard.host, port: shard.port })),
    store: { kind: 'file', path: join(folder.path, 'topology.json') },
  });
  const store = openTopologyStore(config);
  const proxy = await startProxy({ config, store, log: openLog('error') });
  return {
    pgring: { host: '127.0.0.1', port, database },
    oracle: { ...oracle, database },
    checkPlacement: async () => {
      const topology = await store.read();
      if (topology === undefined) throw new Error('no topology');
      const clients = await Promise.all(
        topology.shards.map(async ({ id, host, port }) => {
          const client = new Client({ host, port, user: 'postgres', database });
          await client.connect();
          return { id, client };
        }),
      );
      try {
        await checkPlacement(clients, topology, database);
      } finally {
        await Promise.all(clients.map(async ({ client }) => await client.end()));
      }
    },
    close: async () => {
      await proxy.close(1_000);
      await store.close();
      await dropDatabaseEverywhere(database);
      folder[Symbol.dispose]();
    },
  };
}
