/** What a session SETs holds on every shard, ends with its transaction where it must, and is gone with the session. */

import type { Client } from 'pg';
import { createDatabaseEverywhere, dropDatabaseEverywhere, type SharedServers } from '../support/shared-servers.js';
import { connectClient, runStatements, startProxyUnderTest, type ProxyUnderTest } from './proxy-under-test.js';

const DATABASE = 'protocol_settings';
const IDS = [1, 2, 3, 4, 5, 6, 7, 8];

const tables = [
  'CREATE TABLE t (id int PRIMARY KEY, made timestamptz)',
  `INSERT INTO t VALUES ${IDS.map((id) => `(${id}, '2024-01-0${id} 12:00:00Z')`).join()}`,
  'CREATE SCHEMA other',
  'CREATE TABLE other.t (id int PRIMARY KEY, made timestamptz)',
];

let servers: SharedServers;
let proxy: ProxyUnderTest;

beforeAll(async () => {
  servers = await createDatabaseEverywhere(DATABASE);
  // One server connection a shard and role: the next client gets what the last one had.
  proxy = await startProxyUnderTest(servers.shards, { limits: { serverConnectionsPerShard: 2 } });
  await runStatements(servers.oracle, DATABASE, [
    ...tables,
    'DROP ROLE IF EXISTS settings_reader',
    'CREATE ROLE settings_reader',
  ]);
  await runStatements(proxy, DATABASE, tables);
  for (const shard of servers.shards) {
    await runStatements(shard, DATABASE, ['DROP ROLE IF EXISTS settings_reader', 'CREATE ROLE settings_reader']);
  }
  for (const server of [...servers.shards, servers.oracle]) {
    await runStatements(server, DATABASE, ['GRANT SELECT ON t TO settings_reader']);
  }
});

afterAll(async () => {
  await proxy.close();
  for (const server of [...servers.shards, servers.oracle]) {
    await runStatements(server, DATABASE, ['DROP OWNED BY settings_reader', 'DROP ROLE settings_reader']);
  }
  await dropDatabaseEverywhere(DATABASE);
});

/** What every single row's shard, the merge of all, and the session itself say. */
async function look(client: Client): Promise<unknown[]> {
  const seen: unknown[] = [];
  const ask = async (sql: string): Promise<void> => {
    seen.push(
      await client.query({ text: sql, rowMode: 'array' }).then(
        ({ rows }) => rows as unknown,
        (error: unknown) => (error instanceof Error ? error.message : error),
      ),
    );
  };
  for (const id of IDS) {
    await ask(
      `SELECT made::text, current_setting('TimeZone'), current_setting('application_name'), current_setting('work_mem'),
         current_user::text, current_setting('search_path') FROM t WHERE id = ${id}`,
    );
  }
  await ask('SELECT id, made::text FROM t ORDER BY id');
  await ask('SHOW TimeZone');
  await ask('SHOW work_mem');
  await ask('SELECT current_user::text, current_schemas(false)::text');
  return seen;
}

interface Step {
  readonly name: string;
  readonly statements: readonly string[];
}

const steps: readonly Step[] = [
  { name: 'nothing', statements: [] },
  { name: 'SET', statements: ["SET TIME ZONE 'Asia/Tokyo'", "SET work_mem = '9MB'"] },
  { name: 'RESET', statements: ["SET TIME ZONE 'Asia/Tokyo'", "SET work_mem = '9MB'", 'RESET TimeZone'] },
  { name: 'RESET ALL', statements: ["SET TIME ZONE 'Asia/Tokyo'", "SET work_mem = '9MB'", 'RESET ALL'] },
  { name: 'DISCARD ALL', statements: ["SET TIME ZONE 'Asia/Tokyo'", 'SET ROLE settings_reader', 'DISCARD ALL'] },
  { name: 'SET ROLE', statements: ['SET ROLE settings_reader'] },
  { name: 'RESET ROLE', statements: ['SET ROLE settings_reader', 'RESET ROLE'] },
  { name: 'search_path', statements: ['SET search_path = other, public'] },
  { name: 'set_config', statements: ["SELECT set_config('application_name', 'me', false)"] },
  { name: 'set_config in vain', statements: ["SELECT set_config('application_name', 'me', true)"] },
  { name: 'SET LOCAL outside', statements: ["SET LOCAL work_mem = '9MB'"] },
  { name: 'SET LOCAL, still inside', statements: ['BEGIN', "SET LOCAL work_mem = '9MB'"] },
  {
    name: 'SET LOCAL, committed',
    statements: ['BEGIN', "SET LOCAL work_mem = '9MB'", 'SELECT count(*) FROM t', 'COMMIT'],
  },
  { name: 'SET, still inside', statements: ['BEGIN', "SET TIME ZONE 'Asia/Tokyo'"] },
  {
    name: 'SET, committed',
    statements: ['BEGIN', 'SELECT id FROM t WHERE id = 1', "SET TIME ZONE 'Asia/Tokyo'", 'COMMIT'],
  },
  {
    name: 'SET, rolled back',
    statements: ['BEGIN', "SET TIME ZONE 'Asia/Tokyo'", 'SELECT count(*) FROM t', 'ROLLBACK'],
  },
  {
    name: 'SET, rolled back to a savepoint',
    statements: [
      'BEGIN',
      "SET work_mem = '9MB'",
      'SAVEPOINT s',
      "SET work_mem = '10MB'",
      'SELECT count(*) FROM t',
      'ROLLBACK TO s',
      'COMMIT',
    ],
  },
  {
    name: 'SET in a transaction that failed',
    statements: ['BEGIN', "SET work_mem = '9MB'", 'SELECT count(*) FROM t', 'SELECT 1/0', 'COMMIT'],
  },
  {
    name: 'search_path, rolled back',
    statements: ['BEGIN', 'SET search_path = other', 'SELECT count(*) FROM t', 'ROLLBACK'],
  },
  { name: 'a SET that is refused', statements: ["SET work_mem = 'much'"] },
  { name: 'a SET in a string that fails', statements: ["SET work_mem = '9MB'; SELECT 1/0"] },
];

async function run(client: Client, statements: readonly string[]): Promise<unknown[]> {
  const said: unknown[] = [];
  for (const statement of statements) {
    said.push(
      await client.query(statement).then(
        (result) => (Array.isArray(result) ? 'several' : result.command),
        (error: unknown) => (error instanceof Error ? error.message : error),
      ),
    );
  }
  return said;
}

describe.each([
  ['on connections that are opened later', false],
  ['on connections that are open already', true],
])('%s', (_when, before) => {
  it.each(steps)('$name', async ({ statements }) => {
    const answers: unknown[] = [];
    for (const address of [servers.oracle, proxy]) {
      const client = await connectClient(address, DATABASE, { application_name: 'mine' });
      if (before) await look(client);
      const said = await run(client, statements);
      const seen = await look(client);
      await client.end();
      // The next client, with connections that were used before.
      const next = await connectClient(address, DATABASE, { application_name: 'mine' });
      const after = await look(next);
      await next.end();
      answers.push({ said, seen, after });
    }
    expect(answers[1]).toEqual(answers[0]);
  });
});

it('settings of the start-up hold on every shard, and RESET goes back to them', async () => {
  const answers: unknown[] = [];
  for (const address of [servers.oracle, proxy]) {
    const client = await connectClient(address, DATABASE, {
      application_name: 'mine',
      options: '-c TimeZone=Asia/Tokyo -c work_mem=9MB -c search_path=other,public',
    });
    const first = await look(client);
    const said = await run(client, ["SET TIME ZONE 'UTC'", "SET application_name = 'x'", 'SET search_path = public']);
    const second = await look(client);
    await run(client, ['RESET ALL']);
    const third = await look(client);
    await client.end();
    answers.push({ first, said, second, third });
  }
  expect(answers[1]).toEqual(answers[0]);
});
