import { Client } from 'pg';
import { startTestProxy, withClient, type TestProxy } from '../../support/proxy.js';
import { createDatabaseEverywhere, dropDatabaseEverywhere, type SharedServers } from '../../support/shared-servers.js';

const database = 'locked_rows';
const JOBS = 80;
const WORKERS = 8;

describe('row locks up to a limit, over several shards', () => {
  let servers: SharedServers;
  let proxy: TestProxy;

  beforeAll(async () => {
    servers = await createDatabaseEverywhere(database);
    proxy = await startTestProxy(servers.shards.slice(0, 3), {});
    await withClient(proxy, database, async (client) => {
      await client.query('CREATE TABLE jobs (id int PRIMARY KEY, done_by int)');
    });
  });

  beforeEach(async () => {
    await withClient(proxy, database, async (client) => {
      await client.query('DELETE FROM jobs');
      await client.query(`INSERT INTO jobs SELECT n FROM generate_series(1, ${JOBS}) n`);
    });
  });

  afterAll(async () => {
    await proxy.close();
    await dropDatabaseEverywhere(database);
  });

  async function ids(client: Client, sql: string): Promise<readonly number[]> {
    const { rows } = await client.query<{ id: number }>(sql);
    return rows.map(({ id }) => id);
  }

  it.each(['ORDER BY id ', ''])('a queue gives each job to one worker (%s)', async (order) => {
    const taken: number[] = [];
    const next = `SELECT id FROM jobs WHERE done_by IS NULL ${order}LIMIT 1 FOR UPDATE SKIP LOCKED`;
    const left = 'SELECT id FROM jobs WHERE done_by IS NULL';
    const work = async (worker: number): Promise<void> => {
      await withClient(proxy, database, async (client) => {
        for (;;) {
          await client.query('BEGIN');
          const [id] = await ids(client, next);
          if (id !== undefined) {
            taken.push(id);
            await client.query('UPDATE jobs SET done_by = $1 WHERE id = $2', [worker, id]);
          }
          await client.query('COMMIT');
          if (id === undefined && (await ids(client, left)).length === 0) return;
        }
      });
    };
    await Promise.all(Array.from({ length: WORKERS }, async (_, worker) => await work(worker)));
    expect(taken.toSorted((left, right) => left - right)).toEqual(
      Array.from({ length: JOBS }, (_, index) => index + 1),
    );
  });

  it('locks no other rows than those it gives, and waits for none beyond them', async () => {
    await withClient(proxy, database, async (first) => {
      await withClient(proxy, database, async (second) => {
        await first.query('BEGIN');
        expect(await ids(first, 'SELECT id FROM jobs ORDER BY id LIMIT 5 FOR UPDATE')).toEqual([1, 2, 3, 4, 5]);
        await second.query('BEGIN');
        const others = await ids(second, 'SELECT id FROM jobs ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 3');
        expect(others).toEqual([6, 7, 8]);
        // Of what was skipped on the way to these, and of what came after them, nothing is locked.
        const third = new Client({ host: '127.0.0.1', port: proxy.port, user: 'postgres', database });
        await third.connect();
        const free = await ids(third, `SELECT id FROM jobs ORDER BY id LIMIT ${JOBS} FOR UPDATE SKIP LOCKED`);
        await third.end();
        expect(free).toEqual(Array.from({ length: JOBS - 8 }, (_, index) => index + 9));
        await second.query('COMMIT');
        await expect(ids(second, 'SELECT id FROM jobs ORDER BY id LIMIT 1 FOR UPDATE NOWAIT')).rejects.toThrow(
          'could not obtain lock on row in relation "jobs"',
        );
        // Rows that are locked lie beyond the limit: nobody has to wait for them, or fails.
        expect(await ids(second, 'SELECT id FROM jobs ORDER BY id DESC LIMIT 75 FOR UPDATE NOWAIT')).toHaveLength(75);
        await first.query('ROLLBACK');
      });
    });
  });

  it('a cursor locks what was fetched, and of an ordered one at most one row more on each shard', async () => {
    await withClient(proxy, database, async (first) => {
      await withClient(proxy, database, async (second) => {
        await first.query('BEGIN');
        await first.query('DECLARE c CURSOR FOR SELECT id FROM jobs ORDER BY id FOR UPDATE');
        expect(await ids(first, 'FETCH 10 FROM c')).toHaveLength(10);
        const free = await ids(second, 'SELECT id FROM jobs ORDER BY id FOR UPDATE SKIP LOCKED');
        expect(free.length).toBeGreaterThanOrEqual(JOBS - 12);
        expect(free.length).toBeLessThanOrEqual(JOBS - 10);
        await first.query('ROLLBACK');
      });
    });
  });
});
