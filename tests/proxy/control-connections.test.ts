/** What clients hear when pgring's own connection to a server fails under its work. */

import { Client } from 'pg';
import { PgError } from '../../base/errors.js';
import type { Shard } from '../../catalog/topology.js';
import { ControlConnections } from '../../proxy/control-connections.js';
import { Relay } from '../faults/relay.js';
import { Dice } from '../oracle/dice.js';
import { startServers, type TestServers } from '../support/cluster.js';
import { chooseFreePort } from '../support/ports.js';

const DATABASE = 'postgres';

let cluster: TestServers;
let relay: Relay;
let shard: Shard;
let connections: ControlConnections;

beforeAll(async () => {
  cluster = await startServers({ count: 1 });
  const [server] = cluster.servers;
  if (server === undefined) throw new Error('no server');
  relay = await Relay.open(await chooseFreePort(), server);
  shard = { id: 0, name: 'only', host: '127.0.0.1', port: relay.port, weight: 1 };
  connections = new ControlConnections(async ({ host, port }, database) => {
    const client = new Client({ host, port, user: 'postgres', database });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  });
});

afterAll(async () => {
  await connections.close();
  await relay.close();
  await cluster.close();
});

async function failureOf(work: (client: Client) => Promise<unknown>): Promise<unknown> {
  return await connections.use(shard, DATABASE, work).then(
    () => 'no error',
    (error: unknown) => error,
  );
}

it('is 08006 with the name of the shard when the network breaks, also at the second try', async () => {
  let tries = 0;
  await connections.use(shard, DATABASE, async (client) => await client.query('SELECT'));
  const failure = await failureOf(async (client) => {
    tries += 1;
    const answer = client.query('SELECT pg_sleep(60)');
    relay.cut(new Dice(1), 1);
    await answer;
  });
  expect(tries).toBe(2);
  expect(failure).toBeInstanceOf(PgError);
  expect(failure).toMatchObject({ sqlstate: '08006', message: expect.stringContaining('only') as string });
});

it('is the server’s own error where it reported one, with its code', async () => {
  const failure = await failureOf(async (client) => await client.query('SELECT 1/0'));
  expect(failure).toBeInstanceOf(PgError);
  expect(failure).toMatchObject({ sqlstate: '22012', message: 'division by zero' });
});
