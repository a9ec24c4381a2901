import { connect } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { encodeCancel } from '../../../wire/encode-frontend.js';
import { startTestProxy, withClient, type TestProxy } from '../../support/proxy.js';
import { createDatabaseEverywhere, dropDatabaseEverywhere, type SharedServers } from '../../support/shared-servers.js';

const database = 'combine';
const combined = 'SELECT g, count(DISTINCT id) AS n FROM t GROUP BY g ORDER BY g';

describe('a combined statement that ends early', () => {
  let servers: SharedServers;
  let proxy: TestProxy;

  beforeAll(async () => {
    servers = await createDatabaseEverywhere(database);
    proxy = await startTestProxy(servers.shards.slice(0, 3), { limits: { combineBytes: 60_000 } });
    await withClient(proxy, database, async (client) => {
      await client.query('CREATE TABLE t (id int8 PRIMARY KEY, g int4, x text)');
      await client.query('INSERT INTO t SELECT n, n % 3, repeat($$x$$, 100) FROM generate_series(1, 900) AS n');
    });
  });

  afterAll(async () => {
    await proxy.close();
    await dropDatabaseEverywhere(database);
  });

  /** What the combine sessions of the home shard are doing, without idle connections. */
  async function busyAtHome(): Promise<readonly string[]> {
    const [home] = servers.shards;
    const client = new Client({ host: home?.host, port: home?.port, user: 'postgres', database });
    await client.connect();
    try {
      const { rows } = await client.query<{ query: string }>(
        `SELECT query FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'`,
      );
      return rows.map(({ query }) => query);
    } finally {
      await client.end();
    }
  }

  async function untilIdle(): Promise<void> {
    while ((await busyAtHome()).length > 0) await sleep(20);
  }

  async function untilRunning(text: string): Promise<void> {
    while (!(await busyAtHome()).some((query) => query.includes(text))) await sleep(20);
  }

  const endless = 'SELECT count(DISTINCT a.id + b.id + c.id + d.id) FROM t a, t b, t c, t d';

  it('is cancelled where it is finished', async () => {
    await withClient(proxy, database, async (client) => {
      const { processID, secretKey } = client as unknown as { processID: number; secretKey: number | Buffer };
      const answer = client.query(endless).then(
        () => 'answered',
        (error: unknown) => (error as { code: string }).code,
      );
      await untilRunning('pgring_shipped');
      const key = Buffer.alloc(4);
      if (typeof secretKey === 'number') key.writeInt32BE(secretKey);
      const socket = connect({ host: proxy.host, port: proxy.port });
      socket.end(encodeCancel(processID, typeof secretKey === 'number' ? key : secretKey));
      await once(socket.resume(), 'close');
      expect(await answer).toBe('57014');
      expect((await client.query(combined)).rows).toHaveLength(3);
    });
  });

  it('stops when its client has gone', async () => {
    const client = new Client({ host: proxy.host, port: proxy.port, user: 'postgres', database });
    client.on('error', () => undefined);
    await client.connect();
    client.query(endless).catch(() => undefined);
    await untilRunning('pgring_shipped');
    (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    await untilIdle();
    expect(await busyAtHome()).toEqual([]);
  });

  it.each([
    [
      'more rows are needed than are allowed',
      'SELECT x, count(DISTINCT x || b.id) FROM t a JOIN t b USING (x) GROUP BY x',
      '54000',
    ],
    [
      'a shard fails while it is read',
      'SELECT g, count(DISTINCT id) FROM t WHERE 1 / (id - 700) < 1 GROUP BY g',
      '22012',
    ],
    ['its end fails', 'SELECT g, 1 / (count(DISTINCT id) - 300) FROM t GROUP BY g', '22012'],
  ])('leaves the session usable: %s', async (_, sql, code) => {
    await withClient(proxy, database, async (client) => {
      await expect(client.query(sql)).rejects.toMatchObject({ code });
      expect((await client.query(combined)).rows).toHaveLength(3);
      await client.query('BEGIN');
      await client.query('UPDATE t SET g = 7 WHERE id = 1');
      expect((await client.query(combined)).rows).toHaveLength(4);
      await client.query('SAVEPOINT one');
      await expect(client.query(sql)).rejects.toMatchObject({ code });
      await client.query('ROLLBACK TO one');
      expect((await client.query(combined)).rows).toHaveLength(4);
      await client.query('ROLLBACK');
    });
    await untilIdle();
  });
});
