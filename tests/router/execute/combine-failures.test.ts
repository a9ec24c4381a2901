import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { present } from '../../../base/assert.js';
import { startTestProxy, withClient, type TestProxy } from '../../support/proxy.js';
import { createDatabaseEverywhere, dropDatabaseEverywhere, type SharedServers } from '../../support/shared-servers.js';

const database = 'combine_failures';

describe('a combined statement that is torn apart', () => {
  let servers: SharedServers;
  let proxy: TestProxy;
  let home: Client;
  let second: Client;

  async function direct(index: number): Promise<Client> {
    const { host, port } = present(servers.shards[index], 'a shard');
    const client = new Client({ host, port, user: 'postgres', database });
    await client.connect();
    return client;
  }

  beforeAll(async () => {
    servers = await createDatabaseEverywhere(database);
    proxy = await startTestProxy(servers.shards.slice(0, 2));
    await withClient(proxy, database, async (client) => {
      await client.query('CREATE TABLE few (id int8 PRIMARY KEY, g int4, x text)');
      await client.query('CREATE TABLE many (id int8 PRIMARY KEY, g int4, x text)');
      await client.query('INSERT INTO few SELECT n, n % 3, n FROM generate_series(1, 20) AS n');
      await client.query('INSERT INTO many SELECT n, n % 3, n FROM generate_series(1, 9000) AS n');
    });
    home = await direct(0);
    second = await direct(1);
  });

  afterAll(async () => {
    await home.end();
    await second.end();
    await proxy.close();
    await dropDatabaseEverywhere(database);
  });

  /** Ends or cancels the backend that runs such a query, once there is one. */
  async function strike(
    server: Client,
    how: 'pg_terminate_backend' | 'pg_cancel_backend',
    query: string,
  ): Promise<void> {
    for (;;) {
      const { rowCount } = await server.query(
        `SELECT ${how}(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle' AND query ~ $1`,
        [query],
      );
      if ((rowCount ?? 0) > 0) return;
      await sleep(10);
    }
  }

  async function leftovers(): Promise<number> {
    let count = 0;
    for (const server of [home, second]) {
      const { rows } = await server.query<{ n: number }>(
        "SELECT count(*)::int4 AS n FROM pg_class WHERE relname LIKE 'pgring\\_%' AND relpersistence = 't'",
      );
      count += rows[0]?.n ?? 0;
    }
    return count;
  }

  /** A backend that was ended cleans up after it has said so. */
  async function untilNothingIsLeft(): Promise<void> {
    while ((await leftovers()) > 0) await sleep(10);
  }

  const overFew = 'SELECT g, count(DISTINCT x) AS n FROM few GROUP BY g ORDER BY g';
  // Of a full join nothing can be left to the shards.
  const overMany =
    'SELECT a.g, count(DISTINCT a.x) AS n FROM many a FULL JOIN few b ON a.g = b.g GROUP BY a.g ORDER BY a.g';
  const endless = 'SELECT count(DISTINCT a.id + b.id + c.id + d.id) FROM many a, many b, many c, many d';
  const endlessArrays =
    'SELECT count(DISTINCT a.id + b.id + c.id + d.id + e.id + f.id + g.id) FROM few a, few b, few c, few d, few e, few f, few g';

  const steps = [
    ['while a shard is read', overFew, 'few', 'second', '^SELECT .* FROM "?(public"[.]")?few'],
    ['while rows are loaded', overMany, 'many', 'second', '^SELECT .* FROM "?(public"[.]")?many'],
    ['where rows are loaded', overMany, 'many', 'home', '^BEGIN.*COPY pg_temp'],
    ['where tables are finished', endless, undefined, 'home', '^SELECT .* pg_temp[.]pgring_shipped'],
    ['where arrays are finished', endlessArrays, undefined, 'home', 'AS pgring_shipped'],
  ] as const;

  describe.each(steps)('%s', (_, sql, locked, where, query) => {
    it.each(['pg_terminate_backend', 'pg_cancel_backend'] as const)('by %s leaves nothing behind', async (how) => {
      const server = where === 'home' ? home : second;
      const blocker = await direct(1);
      await withClient(proxy, database, async (client) => {
        // The second shard does not answer, so that the statement stays where it is.
        if (locked !== undefined) await blocker.query(`BEGIN; LOCK TABLE ${locked} IN ACCESS EXCLUSIVE MODE`);
        const answer = client.query(sql).then(
          () => 'answered',
          (error: unknown) => (error as { code: string }).code,
        );
        await strike(server, how, query);
        if (locked !== undefined) await blocker.query('ROLLBACK');
        expect(await answer).toMatch(how === 'pg_cancel_backend' ? /^57014$/ : /^(57P01|08006)$/);
        expect((await client.query(overFew)).rows).toHaveLength(3);
        expect((await client.query(overMany)).rows).toHaveLength(3);
      });
      await blocker.end();
      await untilNothingIsLeft();
    });
  });

  it('shows nothing of one session to another', async () => {
    await withClient(proxy, database, async (first) => {
      await withClient(proxy, database, async (other) => {
        await first.query(
          "SET search_path = pg_catalog, public; SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German'",
        );
        const plain =
          'SELECT to_char(max(now()), $$TZ$$) AS zone, max(x || (date $$2020-01-31$$)::text) AS day, count(DISTINCT g)::int4 AS n FROM few';
        expect((await first.query(plain)).rows).toEqual([{ zone: 'JST', day: '931.01.2020', n: 3 }]);
        expect((await other.query<{ zone: string; day: string }>(plain)).rows[0]?.day).toBe('92020-01-31');
        await other.query("SET TimeZone = 'Asia/Tokyo'");
        expect((await other.query(plain)).rows).toEqual([{ zone: 'JST', day: '92020-01-31', n: 3 }]);
        await first.query('BEGIN; SET LOCAL DateStyle = SQL');
        expect((await first.query<{ day: string }>(plain)).rows[0]?.day).toBe('931/01/2020');
        await first.query('ROLLBACK');
        expect((await first.query<{ day: string }>(plain)).rows[0]?.day).toBe('931.01.2020');
        await expect(other.query('SELECT * FROM pg_temp.pgring_shipped_0')).rejects.toMatchObject({ code: '42P01' });
      });
    });
    expect(await leftovers()).toBe(0);
  });

  it.each([
    ['the first row of many', 'SELECT * FROM many LIMIT 1'],
    ['the first rows in order', 'SELECT * FROM many ORDER BY id LIMIT 2'],
    [
      'the first row of a combined statement',
      'SELECT a.x, count(*) OVER () FROM many a JOIN few b ON a.g = b.g LIMIT 1',
    ],
  ])('goes on with its transaction after %s', async (_, sql) => {
    await withClient(proxy, database, async (client) => {
      await client.query('BEGIN');
      await client.query("UPDATE few SET x = 'changed' WHERE id = 1");
      for (const query of [sql, { text: sql, values: [] }]) {
        expect((await client.query(query)).rowCount).toBeGreaterThan(0);
        expect((await client.query("SELECT count(*)::int4 AS n FROM few WHERE x = 'changed'")).rows).toEqual([
          { n: 1 },
        ]);
      }
      await client.query('ROLLBACK');
      expect((await client.query("SELECT count(*)::int4 AS n FROM few WHERE x = 'changed'")).rows).toEqual([{ n: 0 }]);
    });
    expect(await leftovers()).toBe(0);
  });
});
