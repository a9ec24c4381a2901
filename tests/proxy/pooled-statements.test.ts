/** Prepared statements of clients that share one connection to each server, beside one PostgreSQL. */

import type { Client } from 'pg';
import { createDatabaseEverywhere, dropDatabaseEverywhere, type SharedServers } from '../support/shared-servers.js';
import { connectClient, runStatements, startProxyUnderTest, type ProxyUnderTest } from './proxy-under-test.js';

const DATABASE = 'pooled_statements';
const PER_CONNECTION = 3;

let servers: SharedServers;
let proxy: ProxyUnderTest;

beforeAll(async () => {
  servers = await createDatabaseEverywhere(DATABASE);
  proxy = await startProxyUnderTest(servers.shards, {
    limits: { serverConnectionsPerShard: 1, serverPreparedStatements: PER_CONNECTION },
  });
  for (const address of [proxy, servers.oracle]) {
    await runStatements(address, DATABASE, [
      'CREATE TABLE t (id int PRIMARY KEY, value text)',
      `INSERT INTO t SELECT id, 'v' || id FROM generate_series(1, 9) AS id`,
      'CREATE SCHEMA other',
      'CREATE TABLE other.t (id text PRIMARY KEY, other int)',
      "INSERT INTO other.t VALUES ('1', 7)",
    ]);
  }
});

afterAll(async () => {
  await proxy.close();
  await dropDatabaseEverywhere(DATABASE);
});

type Step = readonly [client: number, name: string, text: string, values?: readonly unknown[]];

async function run(
  address: { readonly host: string; readonly port: number },
  steps: readonly Step[],
): Promise<unknown> {
  const clients: Client[] = [];
  for (let count = 0; count < 2; count += 1) clients.push(await connectClient(address, DATABASE));
  const seen: unknown[] = [];
  for (const [index, name, text, values = []] of steps) {
    const query = name === '' ? { text, values: [...values] } : { name, text, values: [...values] };
    const answer = await clients[index]?.query(query).then(
      ({ rows, fields }) => [rows, fields.map((field) => [field.name, field.dataTypeID])],
      (error: unknown) => (error instanceof Error ? [error.message, 'code' in error ? error.code : ''] : error),
    );
    seen.push(answer);
  }
  await Promise.all(clients.map(async (client) => await client.end()));
  return seen;
}

const byId = 'SELECT id, value FROM t WHERE id = $1';
const everything = 'SELECT * FROM t WHERE id = $1';
const listed = 'SELECT name, statement, parameter_types::text, from_sql FROM pg_prepared_statements ORDER BY name';

const scenarios: Readonly<Record<string, readonly Step[]>> = {
  'one name for different statements': [
    [0, 'a', byId, [1]],
    [1, 'a', 'SELECT value AS other FROM t WHERE id = $1', [2]],
    [0, 'a', byId, [3]],
    [1, 'a', 'SELECT value AS other FROM t WHERE id = $1', [4]],
    [0, '', listed],
    [1, '', listed],
  ],
  'different names for one statement': [
    [0, 'a', byId, [1]],
    [1, 'b', byId, [1]],
    [0, 'a', byId, [2]],
    [0, '', listed],
    [1, '', listed],
  ],
  'more than a connection keeps': Array.from({ length: PER_CONNECTION * 4 }, (_, index): Step => {
    const which = index % (PER_CONNECTION + 2);
    return [index % 2, `s${which}`, `SELECT value AS v${which} FROM t WHERE id = $1`, [1 + which]];
  }),
  'PREPARE, and what it is called': [
    [0, '', 'PREPARE p (int) AS SELECT value FROM t WHERE id = $1'],
    [1, '', 'EXECUTE p(1)'],
    [0, '', 'EXECUTE p(1)'],
    [0, 'q', byId, [2]],
    [0, '', listed],
    [1, '', listed],
    [0, '', 'DEALLOCATE p'],
    [0, '', 'EXECUTE p(1)'],
  ],
  'a search path of its own': [
    [0, '', 'SET search_path = other'],
    [0, 'a', everything, ['1']],
    [1, 'a', everything, [1]],
    [0, 'a', everything, ['1']],
    [0, '', 'RESET search_path'],
    [0, 'a', everything, ['1']],
  ],
  'too few values': [
    [0, 'a', byId, [1]],
    [0, 'a', byId, []],
    [1, 'b', byId, []],
    [1, 'b', byId, [1]],
  ],
  'what it gives has changed': [
    [0, 'a', everything, [1]],
    [0, 'b', byId, [1]],
    [1, '', 'ALTER TABLE t ADD COLUMN more int'],
    [0, 'a', everything, [1]],
    [0, 'a', everything, [1]],
    [0, 'b', byId, [1]],
    [1, 'a', everything, [1]],
    [1, '', 'ALTER TABLE t DROP COLUMN more'],
    [0, 'a', everything, [1]],
    [1, 'a', everything, [1]],
  ],
  'DISCARD ALL of one client': [
    [0, 'a', byId, [1]],
    [1, 'a', byId, [1]],
    [0, '', 'DISCARD ALL'],
    [1, 'a', byId, [2]],
    [0, '', listed],
  ],
  'nothing at all': [
    [0, 'empty', ''],
    [1, 'empty', ''],
  ],
  'as many values as the protocol has': [
    [
      0,
      'many',
      `SELECT 7 IN (${Array.from({ length: 65_535 }, (_, index) => `$${index + 1}`).join()}) AS found`,
      Array.from({ length: 65_535 }, (_, index) => index),
    ],
  ],
};

describe('statements that clients prepare', () => {
  it.each(Object.entries(scenarios))('%s', async (_name, steps) => {
    expect(await run(proxy, steps)).toEqual(await run(servers.oracle, steps));
  });
});
