/** Servers that die and come back, and servers that move. */

import type { Client } from 'pg';
import { startServers, type TestServers } from '../support/cluster.js';
import {
  connectClient,
  eventually,
  lockTable,
  runStatements,
  startProxyUnderTest,
  type ProxyUnderTest,
} from './proxy-under-test.js';

const DATABASE = 'postgres';
const ROWS = 40;

let cluster: TestServers;
let proxy: ProxyUnderTest;
/** An id of each shard, by its place: the home shard is the first. */
const idOf: number[] = [];

beforeAll(async () => {
  cluster = await startServers({ count: 4, settings: { max_prepared_transactions: '20' } });
  proxy = await startProxyUnderTest(cluster.servers.slice(0, 3), { limits: { connectTimeoutMs: 1_000 } });
  await runStatements(proxy, DATABASE, [
    'CREATE TABLE t (id int PRIMARY KEY, v text)',
    'CREATE TABLE blocked (id int PRIMARY KEY)',
    `INSERT INTO t VALUES ${Array.from({ length: ROWS }, (_, index) => `(${index + 1}, 'v')`).join()}`,
  ]);
  for (const server of cluster.servers.slice(0, 3)) {
    const direct = await connectClient(server, DATABASE);
    const { rows } = await direct.query<{ id: number }>('SELECT min(id) AS id FROM t');
    idOf.push(rows[0]?.id ?? 0);
    await direct.end();
  }
});

afterAll(async () => {
  await proxy.close();
  await cluster.close();
});

interface Failure {
  readonly code: unknown;
  readonly message: string;
}

async function failureOf(work: Promise<unknown>): Promise<Failure | 'no error'> {
  return await work.then(
    () => 'no error' as const,
    (error: unknown) => ({
      code: error instanceof Error && 'code' in error ? error.code : undefined,
      message: error instanceof Error ? error.message : String(error),
    }),
  );
}

async function readRow(client: Client, place: number): Promise<unknown> {
  return (await client.query<{ v: string }>('SELECT v FROM t WHERE id = $1', [idOf[place]])).rows[0]?.v;
}

const lost = (place: number): unknown => ({
  code: '08006',
  message: expect.stringContaining(`shard s${place + 1} (`) as unknown,
});

it('a killed shard: the others go on, its statements fail clearly, and it is used again when it is back', async () => {
  const client = await connectClient(proxy, DATABASE);
  const inTransaction = await connectClient(proxy, DATABASE);
  await inTransaction.query('BEGIN');
  await inTransaction.query("UPDATE t SET v = 'changed'");
  expect(await readRow(client, 1)).toBe('v');
  const running = failureOf(client.query('SELECT pg_sleep(30) FROM t WHERE id = $1', [idOf[1]]));
  const merging = await connectClient(proxy, DATABASE);
  const unlock = await lockTable(cluster.servers.slice(1, 2), DATABASE, 'blocked');
  const scattered = failureOf(merging.query('SELECT id FROM blocked ORDER BY id'));
  const watcher = await connectClient(cluster.servers[1] ?? cluster.servers[0] ?? proxy, DATABASE);
  await eventually(
    async () =>
      (
        await watcher.query(
          "SELECT FROM pg_stat_activity WHERE state = 'active' AND query ~ 'pg_sleep\\(30|FROM blocked'",
        )
      ).rowCount,
    (count) => count === 3,
  );
  await cluster.servers[1]?.kill();
  expect(await running).toEqual(lost(1));
  expect(await scattered).toEqual(lost(1));
  await unlock();
  await watcher.end();

  // The same session: other shards, the lost one, all of them.
  expect(await readRow(client, 2)).toBe('v');
  expect(await readRow(client, 0)).toBe('v');
  expect(await failureOf(readRow(client, 1))).toEqual(lost(1));
  expect(await failureOf(client.query('SELECT count(*) FROM t'))).toEqual(lost(1));
  expect(await failureOf(client.query("UPDATE t SET v = 'w'"))).toEqual(lost(1));
  expect(await readRow(client, 2)).toBe('v');

  // The transaction cannot be committed, and is over after ROLLBACK.
  expect(await failureOf(inTransaction.query("UPDATE t SET v = 'again'"))).toMatchObject({ code: '08006' });
  expect(await failureOf(inTransaction.query('SELECT 1'))).toMatchObject({ code: '25P02' });
  expect((await inTransaction.query('COMMIT')).command).toBe('ROLLBACK');
  expect(await readRow(inTransaction, 2)).toBe('v');

  // New clients are let in.
  const late = await connectClient(proxy, DATABASE);
  expect(await readRow(late, 0)).toBe('v');
  await cluster.servers[1]?.start();
  for (const each of [client, inTransaction, merging, late]) {
    expect((await each.query('SELECT count(*) AS n FROM t WHERE v = $1', ['v'])).rows).toEqual([{ n: String(ROWS) }]);
    await each.end();
  }
});

it('a transaction whose shard is lost while it waits', async () => {
  const client = await connectClient(proxy, DATABASE);
  await client.query('BEGIN');
  await client.query('UPDATE t SET v = v WHERE id = $1', [idOf[2]]);
  await cluster.servers[2]?.kill();
  const failure = await failureOf(client.query('COMMIT'));
  expect(failure).toMatchObject({ code: '08006' });
  expect(await readRow(client, 1)).toBe('v');
  await cluster.servers[2]?.start();
  expect(await readRow(client, 2)).toBe('v');
  await client.end();
});

it('the home shard killed and back', async () => {
  const client = await connectClient(proxy, DATABASE);
  expect(await readRow(client, 1)).toBe('v');
  await cluster.servers[0]?.kill();
  expect(await readRow(client, 1)).toBe('v');
  expect(await readRow(client, 2)).toBe('v');
  expect(await failureOf(readRow(client, 0))).toEqual(lost(0));
  const late = await connectClient(proxy, DATABASE);
  expect(await readRow(late, 1)).toBe('v');
  expect((await late.query('SELECT id FROM t WHERE id = $1', [idOf[2]])).rowCount).toBe(1);
  expect(await failureOf(late.query('CREATE TABLE u (id int PRIMARY KEY)'))).toEqual(lost(0));
  await cluster.servers[0]?.start();
  expect(await readRow(client, 0)).toBe('v');
  await late.query('CREATE TABLE u (id int PRIMARY KEY, v text)');
  await client.query("INSERT INTO u VALUES (1, 'a'), (2, 'b'), (3, 'c')");
  expect((await late.query('SELECT count(*) AS n FROM u')).rows).toEqual([{ n: '3' }]);
  await client.end();
  await late.end();
});

it('DDL of another proxy is heard of again after the home shard was away', async () => {
  const client = await connectClient(proxy, DATABASE);
  await client.query('CREATE TABLE w (id int PRIMARY KEY)');
  await cluster.servers[0]?.kill();
  await cluster.servers[0]?.start();
  const other = await startProxyUnderTest(cluster.servers.slice(0, 3));
  try {
    await runStatements(other, DATABASE, [
      'DROP TABLE w',
      'CREATE TABLE w (name text PRIMARY KEY)',
      "INSERT INTO w VALUES ('x'), ('y'), ('z')",
    ]);
    const rows = await eventually(
      async () =>
        (await client.query<{ name: string }>('SELECT * FROM w ORDER BY name').catch(() => ({ rows: [] }))).rows,
      (found) => found.length === 3,
    );
    expect(rows).toHaveLength(3);
  } finally {
    await other.close();
  }
  await client.end();
});

it('a shard that moves to another server is followed at once, also within a session', async () => {
  const [, , , spare] = cluster.servers;
  const moved = cluster.servers[1];
  if (spare === undefined || moved === undefined) throw new Error('four servers were started');
  const client = await connectClient(proxy, DATABASE);
  const inTransaction = await connectClient(proxy, DATABASE);
  await client.query('UPDATE t SET v = v WHERE id = $1', [idOf[1]]);
  await inTransaction.query('BEGIN');
  expect(await readRow(inTransaction, 1)).toBe('v');
  const prepared = await connectClient(spare, DATABASE);
  await prepared.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
  await prepared.query('INSERT INTO t VALUES ($1, $2)', [idOf[1], 'on the new server']);
  await prepared.end();

  const before = await proxy.store.read();
  if (before === undefined) throw new Error('no topology');
  const swapped = await proxy.store.compareAndSwap(before.epoch, {
    ...before,
    epoch: before.epoch + 1,
    shards: before.shards.map((shard) =>
      shard.name === 's2' ? { ...shard, host: spare.host, port: spare.port } : shard,
    ),
  });
  expect(swapped).toBe(true);
  const seen = await eventually(
    async () => await readRow(client, 1),
    (v) => v === 'on the new server',
  );
  expect(seen).toBe('on the new server');
  // A transaction stays where it began.
  expect(await readRow(inTransaction, 1)).toBe('v');
  await inTransaction.query('COMMIT');
  expect(await readRow(inTransaction, 1)).toBe('on the new server');
  await client.end();
  await inTransaction.end();
});
