/** What a session takes over of its role when it begins: pooled connections must not keep what the role was before. */

import { Client } from 'pg';
import { createDatabaseEverywhere, dropDatabaseEverywhere, type SharedServers } from '../support/shared-servers.js';
import { runStatements, startProxyUnderTest, type ProxyUnderTest } from './proxy-under-test.js';

const DATABASE = 'protocol_aged';
const ROLE = 'aged_role';

let servers: SharedServers;
let proxy: ProxyUnderTest;

beforeAll(async () => {
  servers = await createDatabaseEverywhere(DATABASE);
  proxy = await startProxyUnderTest(servers.shards, {});
  await runStatements(proxy, DATABASE, [
    'CREATE TABLE t (id int PRIMARY KEY)',
    'INSERT INTO t VALUES (1), (2), (3), (4), (5), (6)',
    'GRANT SELECT ON t TO PUBLIC',
    `CREATE ROLE ${ROLE} LOGIN`,
  ]);
});

afterAll(async () => {
  await runStatements(proxy, DATABASE, [`DROP ROLE IF EXISTS ${ROLE}`]);
  await proxy.close();
  await dropDatabaseEverywhere(DATABASE);
});

/** A new session in the role, which uses every shard. */
async function visit(): Promise<{ readonly user: unknown; readonly workMem: unknown; readonly rows: number | null }> {
  const client = new Client({ host: proxy.host, port: proxy.port, user: ROLE, database: DATABASE });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT id FROM t');
    const { rows } = await client.query<{ user: string; work_mem: string }>(
      "SELECT current_user::text AS user, current_setting('work_mem') AS work_mem",
    );
    return { user: rows[0]?.user, workMem: rows[0]?.work_mem, rows: rowCount };
  } finally {
    await client.end();
  }
}

it('sees a new default of its role at once', async () => {
  expect(await visit()).toEqual({ user: ROLE, workMem: '4MB', rows: 6 });
  await runStatements(proxy, DATABASE, [`ALTER ROLE ${ROLE} SET work_mem = '9MB'`]);
  expect(await visit()).toEqual({ user: ROLE, workMem: '9MB', rows: 6 });
});

it('keeps the old one when the change is rolled back', async () => {
  await runStatements(proxy, DATABASE, ['BEGIN', `ALTER ROLE ${ROLE} SET work_mem = '11MB'`, 'ROLLBACK']);
  expect(await visit()).toEqual({ user: ROLE, workMem: '9MB', rows: 6 });
});

it('works in a role that was dropped and made again, and not in one that is no more', async () => {
  await runStatements(proxy, DATABASE, [`DROP ROLE ${ROLE}`, `CREATE ROLE ${ROLE} LOGIN`]);
  expect(await visit()).toEqual({ user: ROLE, workMem: '4MB', rows: 6 });
  await runStatements(proxy, DATABASE, [`DROP ROLE ${ROLE}`]);
  await expect(visit()).rejects.toMatchObject({ code: '28000' });
});
