/** As many clients as there are server connections, each with one and in need of more: none may wait for another's for ever. */

import { createDatabaseEverywhere, dropDatabaseEverywhere, type SharedServers } from '../support/shared-servers.js';
import { connectClient, runStatements, startProxyUnderTest, type ProxyUnderTest } from './proxy-under-test.js';

const DATABASE = 'pool_deadlocks';
const CONNECTIONS = 4;
const ROUNDS = 5;

let servers: SharedServers;
let proxy: ProxyUnderTest;

beforeAll(async () => {
  servers = await createDatabaseEverywhere(DATABASE);
  proxy = await startProxyUnderTest(servers.shards, {
    limits: {
      serverConnectionsPerShard: CONNECTIONS,
      serverConnectionsReserve: 0,
      finishingConnectionsPerShard: 1,
      queueTimeoutMs: 20_000,
    },
  });
  await runStatements(proxy, DATABASE, [
    'CREATE TABLE t (id int PRIMARY KEY, value int NOT NULL)',
    'INSERT INTO t SELECT id, 0 FROM generate_series(1, 40) AS id',
  ]);
});

afterAll(async () => {
  await proxy.close();
  await dropDatabaseEverywhere(DATABASE);
});

const combined = 'SELECT id, rank() OVER (ORDER BY value, id)::int AS rank FROM t ORDER BY id LIMIT 1';

/** Each client in a transaction of its own, in which it runs these, its number in the place of $. */
async function runAll(clients: number, statements: readonly string[]): Promise<void> {
  await Promise.all(
    Array.from({ length: clients }, async (_, index) => {
      const client = await connectClient(proxy, DATABASE);
      try {
        for (let round = 0; round < ROUNDS; round += 1) {
          await client.query('BEGIN');
          for (const sql of statements) await client.query(sql.replaceAll('$', String(index + 1)));
          await client.query('COMMIT');
        }
      } finally {
        await client.end();
      }
    }),
  );
}

describe('clients with as many transactions as there are connections', () => {
  it('each finish a statement that no shard can answer', async () => {
    await runAll(CONNECTIONS, ["SELECT 1 FROM pg_class WHERE relname = 't'", combined]);
  });

  it('three times as many, too, and each has begun on another shard', async () => {
    await runAll(CONNECTIONS * 3, ['UPDATE t SET value = value + 1 WHERE id = $', combined]);
    const client = await connectClient(proxy, DATABASE);
    expect((await client.query('SELECT sum(value)::int AS sum FROM t')).rows).toEqual([
      { sum: CONNECTIONS * 3 * ROUNDS },
    ]);
    await client.end();
  });

  it('keep a cursor over such a statement, and finish another', async () => {
    await runAll(CONNECTIONS, [
      'DECLARE c CURSOR FOR SELECT id, rank() OVER (ORDER BY value) FROM t ORDER BY id',
      'FETCH 1 FROM c',
      combined,
    ]);
  });

  it('use all shards at once', async () => {
    await runAll(CONNECTIONS * 2, ['SELECT value FROM t WHERE id = $', 'SELECT count(*) FROM t', combined]);
    // Whoever had to wait was served in turn: nothing is left lent or queued.
    await runAll(CONNECTIONS, ['SELECT count(*) FROM t']);
  });
});
