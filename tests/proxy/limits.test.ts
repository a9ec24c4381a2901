/** Bounds: of clients, messages, memory, server connections; and what is released when a client is gone. */

import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeCopyData, encodeQuery } from '../../wire/encode-frontend.js';
import { startPgring } from '../support/process.js';
import { createDatabaseEverywhere, dropDatabaseEverywhere, type SharedServers } from '../support/shared-servers.js';
import { logIn } from './conversation.js';
import {
  connectClient,
  eventually,
  lockTable,
  runStatements,
  startProxyUnderTest,
  type ProxyUnderTest,
} from './proxy-under-test.js';

const DATABASE = 'protocol_limits';
const CLIENTS = 8;
const SERVER_CONNECTIONS = 4;
const QUEUE_TIMEOUT_MS = 300;
/** PGRING_TEST_ROWS=5000000 for the figure in the documentation. */
const BIG_ROWS = Number(process.env['PGRING_TEST_ROWS'] ?? 1_000_000);
const RSS_LIMIT_MB = 200;

let servers: SharedServers;
let proxy: ProxyUnderTest;
/** With few server connections. */
let narrow: ProxyUnderTest;

beforeAll(async () => {
  servers = await createDatabaseEverywhere(DATABASE);
  proxy = await startProxyUnderTest(servers.shards, {
    limits: {
      clients: CLIENTS,
      messageBytes: 64 * 1024,
    },
  });
  narrow = await startProxyUnderTest(servers.shards, {
    limits: { serverConnectionsPerShard: SERVER_CONNECTIONS, queueTimeoutMs: QUEUE_TIMEOUT_MS },
  });
  await runStatements(proxy, DATABASE, [
    'CREATE TABLE t (id int PRIMARY KEY, v text)',
    'CREATE TABLE blocked (id int PRIMARY KEY, v text)',
    `INSERT INTO t VALUES ${Array.from({ length: 40 }, (_, index) => `(${index + 1}, 'v')`).join()}`,
  ]);
});

afterAll(async () => {
  await proxy.close();
  await narrow.close();
  await dropDatabaseEverywhere(DATABASE);
});

/** Rows of a query on every shard itself. */
async function onShards(sql: string): Promise<string[]> {
  const found: string[] = [];
  for (const shard of servers.shards) {
    const client = await connectClient(shard, 'postgres');
    const { rows } = await client.query<{ line: string }>(sql, [DATABASE]);
    found.push(...rows.map(({ line }) => line));
    await client.end();
  }
  return found;
}

const activity = `SELECT state || ' ' || query AS line FROM pg_stat_activity
  WHERE datname = $1 AND backend_type = 'client backend' AND state <> 'idle' AND application_name <> 'pgring'`;
const locks = `SELECT l.mode || ' ' || l.relation::text AS line FROM pg_locks l JOIN pg_database d ON d.oid = l.database
  WHERE d.datname = $1 AND l.locktype = 'relation' AND l.pid <> pg_backend_pid()`;

async function expectReleased(): Promise<void> {
  expect(
    await eventually(
      async () => await onShards(activity),
      (lines) => lines.length === 0,
    ),
  ).toEqual([]);
  expect(
    await eventually(
      async () => await onShards(locks),
      (lines) => lines.length === 0,
    ),
  ).toEqual([]);
}

async function sqlstateOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => 'no error',
    (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
  );
}

it('one client too many is told so, and there is room again when one has left', async () => {
  const clients = await Promise.all(Array.from({ length: CLIENTS }, async () => await connectClient(proxy, DATABASE)));
  expect(await sqlstateOf(connectClient(proxy, DATABASE))).toBe('53300');
  await clients.pop()?.end();
  const late = await eventually(
    async () => await connectClient(proxy, DATABASE).catch(() => undefined),
    (client) => client !== undefined,
  );
  expect((await late?.query('SELECT 1'))?.rowCount).toBe(1);
  await late?.end();
  await Promise.all(clients.map(async (client) => await client.end()));
});

it('a message beyond the limit ends its client alone', async () => {
  const client = await connectClient(proxy, DATABASE);
  const other = await connectClient(proxy, DATABASE);
  expect(await sqlstateOf(client.query(`SELECT '${'x'.repeat(70_000)}'`))).toMatch(/^(08P01|54000)$/);
  expect((await other.query('SELECT 1')).rowCount).toBe(1);
  await other.end();
});

it('server connections that are all in use: 53300 after the queue timeout', async () => {
  const holders = await Promise.all(
    Array.from({ length: SERVER_CONNECTIONS }, async () => {
      const client = await connectClient(narrow, DATABASE);
      await client.query('BEGIN');
      await client.query('SELECT count(*) FROM t');
      return client;
    }),
  );
  const started = Date.now();
  expect(await sqlstateOf(connectClient(narrow, DATABASE))).toBe('53300');
  expect(Date.now() - started).toBeGreaterThanOrEqual(QUEUE_TIMEOUT_MS - 10);
  const waiting = connectClient(narrow, DATABASE);
  await holders.pop()?.end();
  const admitted = await waiting;
  expect((await admitted.query('SELECT count(*) FROM t')).rowCount).toBe(1);
  await admitted.end();
  await Promise.all(holders.map(async (client) => await client.end()));
  await expectReleased();
});

/** Sends node-postgres's own cancel request for a client. */
async function cancel(client: Awaited<ReturnType<typeof connectClient>>): Promise<void> {
  const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
  const packet = Buffer.alloc(16);
  packet.writeInt32BE(16);
  packet.writeInt32BE(80_877_102, 4);
  packet.writeInt32BE(processID, 8);
  packet.writeInt32BE(secretKey, 12);
  await new Promise<void>((resolve) => {
    const socket = connect({ host: proxy.host, port: proxy.port }, () => socket.write(packet));
    socket.resume();
    socket.once('close', () => {
      resolve();
    });
  });
}

it.each([
  ['one shard', 'SELECT id FROM blocked WHERE id = 1', 1],
  ['a scatter', 'SELECT id FROM blocked ORDER BY id', 4],
  ['a write over several shards', "UPDATE blocked SET v = 'x'", 4],
])('cancel of %s reaches it and nothing else', async (_name, sql, shards) => {
  const client = await connectClient(proxy, DATABASE);
  const other = await connectClient(proxy, DATABASE);
  // Planned and described before, so that it goes to all its shards at once.
  await client.query(sql);
  const unlock = await lockTable(servers.shards, DATABASE, 'blocked');
  try {
    const slept = other.query('SELECT pg_sleep(1) FROM t WHERE id = 1');
    const failed = sqlstateOf(client.query(sql));
    expect(await eventually(blockedStatements, (count) => count === shards)).toBe(shards);
    await cancel(client);
    expect(await failed).toBe('57014');
    expect(await eventually(blockedStatements, (count) => count === 0)).toBe(0);
    expect((await client.query('SELECT count(*) AS n FROM t')).rows).toEqual([{ n: '40' }]);
    expect((await slept).rowCount).toBe(1);
  } finally {
    await unlock();
    await client.end();
    await other.end();
  }
});

/** How many statements wait for the lock. */
async function blockedStatements(): Promise<number> {
  return (await onShards(activity)).filter((line) => /^active .*blocked/.test(line)).length;
}

it.each([
  ['a query on one shard', ['SELECT id FROM blocked WHERE id = 1']],
  ['a scatter', ['SELECT id FROM blocked ORDER BY id']],
  ['a transaction', ['BEGIN', "UPDATE t SET v = 'x'"]],
  ['a failed transaction', ['BEGIN', "UPDATE t SET v = 'x'", 'SELECT 1/0']],
  ['a write over several shards', ["UPDATE blocked SET v = 'x'"]],
  ['COPY in', ['COPY t FROM STDIN']],
  ['COPY in a transaction', ['BEGIN', 'COPY t FROM STDIN']],
])('a client that vanishes in %s leaves nothing behind', async (_name, statements) => {
  const unlock = await lockTable(servers.shards, DATABASE, 'blocked');
  const client = await logIn(proxy.port, DATABASE);
  const work = async (): Promise<string[]> =>
    (await onShards(activity)).filter((line) => !/LOCK TABLE/.test(line) && /blocked|COPY|UPDATE|1\/0/.test(line));
  try {
    for (const [index, statement] of statements.entries()) {
      client.write(encodeQuery(statement));
      if (index < statements.length - 1) await client.answer(1);
      else if (statement.startsWith('COPY')) {
        await client.answer({ types: 'G', count: 1 });
        client.write(encodeCopyData(Buffer.from('1001\tx\n1002\ty\n1003')));
      }
    }
    expect(await eventually(work, (lines) => lines.length > 0)).not.toEqual([]);
    client.destroy();
    expect(await eventually(work, (lines) => lines.length === 0)).toEqual([]);
  } finally {
    await unlock();
  }
  await expectReleased();
  const after = await connectClient(proxy, DATABASE);
  expect((await after.query("SELECT count(*) AS n FROM t WHERE v <> 'x'")).rows).toEqual([{ n: '40' }]);
  await after.end();
});

function rssMb(pid: number): number {
  const pages = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(pages) / 1024;
}

it('a client that does not read costs bounded memory', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pgring-rss-'));
  const shards = servers.shards.map(
    ({ host, port }, index) => `  - {name: s${index + 1}, host: ${host}, port: ${port}}`,
  );
  await writeFile(
    join(folder, 'pgring.yaml'),
    `listen: ["127.0.0.1:0"]\nauthentication: {rules: [{type: host, method: trust}]}\nshards:\n${shards.join('\n')}\nstore: {kind: file, path: topology.json}\nlog: {level: silent}\n`,
  );
  const pgring = await startPgring(['start', '--config', join(folder, 'pgring.yaml')]);
  const results: Record<string, number> = {};
  try {
    const perShard = Math.ceil(BIG_ROWS / 40);
    for (const [name, sql] of [
      ['concatenated', `SELECT t.id, i, 'a row of some length' FROM t CROSS JOIN generate_series(1, ${perShard}) AS i`],
      [
        'merged',
        `SELECT t.id, i, 'a row of some length' FROM t CROSS JOIN generate_series(1, ${perShard}) AS i ORDER BY t.id`,
      ],
      [
        'one shard',
        `SELECT t.id, i, 'a row of some length' FROM t CROSS JOIN generate_series(1, ${BIG_ROWS}) AS i WHERE t.id = 1`,
      ],
    ] as const) {
      const client = await logIn(pgring.port, DATABASE);
      client.socket.pause();
      client.write(encodeQuery(sql));
      let highest = 0;
      for (let look = 0; look < 15; look += 1) {
        await new Promise((resolve) => {
          setTimeout(resolve, 100);
        });
        highest = Math.max(highest, rssMb(pgring.pid));
      }
      // Then it reads on, and everything is there.
      let rows = 0;
      let carried = Buffer.alloc(0);
      const complete = new Promise<void>((resolve) => {
        client.socket.removeAllListeners('data');
        client.socket.on('data', (chunk: Buffer) => {
          const bytes = carried.length === 0 ? chunk : Buffer.concat([carried, chunk]);
          let position = 0;
          while (position + 5 <= bytes.length) {
            const end = position + 1 + bytes.readInt32BE(position + 1);
            if (end > bytes.length) break;
            if (bytes[position] === 0x44) rows += 1;
            if (bytes[position] === 0x5a) resolve();
            position = end;
          }
          carried = Buffer.from(bytes.subarray(position));
        });
      });
      client.socket.resume();
      const sampler = setInterval(() => {
        highest = Math.max(highest, rssMb(pgring.pid));
      }, 50);
      await complete;
      clearInterval(sampler);
      expect(rows).toBe(name === 'one shard' ? BIG_ROWS : perShard * 40);
      results[name] = Math.round(highest);
      client.destroy();
    }
  } finally {
    await pgring.stop();
    await rm(folder, { recursive: true, force: true });
  }
  if (process.env['PGRING_TEST_ROWS'] !== undefined) process.stderr.write(`RSS in MB: ${JSON.stringify(results)}\n`);
  expect(Math.max(...Object.values(results))).toBeLessThan(RSS_LIMIT_MB);
}, 180_000);
