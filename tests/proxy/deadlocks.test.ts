/** Transactions that wait for each other on several shards, through one proxy and through two. */

import { Client, DatabaseError } from 'pg';
import { createDatabaseEverywhere, dropDatabaseEverywhere, type SharedServers } from '../support/shared-servers.js';
import { startTestProxy, withClient, type TestProxy } from '../support/proxy.js';

const DATABASE = 'deadlocks';
const TIMEOUT_MS = 200;

describe('deadlocks over several shards', () => {
  let servers: SharedServers;
  let proxies: readonly TestProxy[];
  const opened: Client[] = [];
  /** Rows on different shards: the n-th is on shard n. */
  let rows: readonly number[];

  const connect = async (proxy: number): Promise<Client> => {
    const address = proxies[proxy];
    if (address === undefined) throw new Error(`no proxy ${proxy}`);
    const client = new Client({ host: address.host, port: address.port, user: 'postgres', database: DATABASE });
    client.on('error', () => undefined);
    await client.connect();
    opened.push(client);
    return client;
  };
  const lock = async (client: Client, row: number | undefined): Promise<void> => {
    await client.query(`UPDATE rows SET value = value + 1 WHERE id = ${row}`);
  };
  /** Locks `first`, waits until the others have theirs, then `second`. Undefined when it got both. */
  const locksBoth = async (
    client: Client,
    first: number | undefined,
    second: number | undefined,
    meet: () => Promise<void>,
  ): Promise<DatabaseError | undefined> => {
    await client.query('BEGIN');
    await lock(client, first);
    await meet();
    try {
      await lock(client, second);
      return undefined;
    } catch (error) {
      if (error instanceof DatabaseError) return error;
      throw error;
    } finally {
      await client.query('ROLLBACK');
    }
  };
  const meeting = (count: number): (() => Promise<void>) => {
    let missing = count;
    let open: () => void = () => undefined;
    const all = new Promise<void>((resolve) => {
      open = resolve;
    });
    return async () => {
      missing -= 1;
      if (missing === 0) open();
      await all;
    };
  };

  beforeAll(async () => {
    servers = await createDatabaseEverywhere(DATABASE);
    const start = async (): Promise<TestProxy> =>
      await startTestProxy(servers.shards, { limits: { deadlockTimeoutMs: TIMEOUT_MS } });
    const first = await start();
    await withClient(first, DATABASE, async (client) => {
      await client.query('CREATE TABLE rows (id int PRIMARY KEY, value int NOT NULL)');
      await client.query('INSERT INTO rows SELECT id, 0 FROM generate_series(1, 60) AS id');
    });
    proxies = [first, await start()];
    const found: number[] = [];
    for (const shard of servers.shards) {
      found.push(
        await withClient(shard, DATABASE, async (client) => {
          return (await client.query<{ id: number }>('SELECT min(id) AS id FROM rows')).rows[0]?.id ?? 0;
        }),
      );
    }
    rows = found;
  });

  afterEach(async () => {
    await Promise.all(opened.splice(0).map(async (client) => await client.end()));
  });

  afterAll(async () => {
    await Promise.all(proxies.map(async (proxy) => await proxy.close()));
    await dropDatabaseEverywhere(DATABASE);
  });

  it.each([
    ['two sessions, one proxy', [0, 0]],
    ['two sessions, two proxies', [0, 1]],
    ['three sessions, one proxy', [0, 0, 0]],
    ['three sessions, two proxies', [0, 1, 1]],
    ['four sessions, two proxies', [0, 1, 0, 1]],
  ])('of %s: the youngest transaction fails, the others go on', async (_name, chosen) => {
    const clients = await Promise.all(chosen.map(connect));
    const meet = meeting(clients.length);
    // One after the other, so that it is known who is the youngest.
    const running: Promise<DatabaseError | undefined>[] = [];
    for (const [index, client] of clients.entries()) {
      let began: () => void = () => undefined;
      const begun = new Promise<void>((resolve) => {
        began = resolve;
      });
      running.push(
        locksBoth(client, rows[index], rows[(index + 1) % clients.length], async () => {
          began();
          await meet();
        }),
      );
      await begun;
    }
    const errors = await Promise.all(running);
    expect(errors.slice(0, -1)).toEqual(errors.slice(0, -1).map(() => undefined));
    const error = errors.at(-1);
    expect(error).toMatchObject({ code: '40P01', message: 'deadlock detected', severity: 'ERROR' });
    expect(error?.detail?.split('\n')).toHaveLength(clients.length);
    expect(error?.detail).toMatch(
      /^Process \d+ of shard shard\d waits for ShareLock on transaction \d+; blocked by process \d+\.$/m,
    );
    expect(error?.where).toMatch(/^while updating tuple \(\d+,\d+\) in relation "rows"$/);
  });

  it('is found where a statement over all shards waits, and where its pipeline does', async () => {
    const [all, one] = [await connect(0), await connect(1)];
    await one.query('BEGIN');
    await lock(one, rows[2]);
    await all.query('BEGIN');
    await lock(all, rows[0]);
    const waits = all.query({ text: 'UPDATE rows SET value = value + $1', values: [1] }).then(
      () => undefined,
      (error: unknown) => error,
    );
    await lock(one, rows[0]).then(
      () => undefined,
      (error: unknown) => error,
    );
    const failed = await waits;
    await one.query('ROLLBACK');
    expect(failed).toMatchObject({ code: '40P01' });
    await all.query('ROLLBACK');
  });

  it('of advisory locks and rows is found too', async () => {
    const [left, right] = [await connect(0), await connect(1)];
    await left.query('BEGIN');
    await right.query('BEGIN');
    await left.query('SELECT pg_advisory_xact_lock(4711)');
    await lock(right, rows[3]);
    const waits = lock(left, rows[3]);
    await expect(right.query('SELECT pg_advisory_xact_lock(4711)')).rejects.toMatchObject({ code: '40P01' });
    await right.query('ROLLBACK');
    await waits;
    await left.query('ROLLBACK');
  });

  it('is not seen where many only wait for each other in order', async () => {
    const clients = await Promise.all(Array.from({ length: 16 }, async (_unused, index) => await connect(index % 2)));
    let done = 0;
    await Promise.all(
      clients.map(async (client, index) => {
        for (let round = 0; round < 4; round += 1) {
          await client.query('BEGIN');
          // Everybody wants the same rows in the same order, and keeps them for longer than the timeout.
          for (const row of rows) await lock(client, row);
          if ((index + round) % 8 === 0) await client.query(`SELECT pg_sleep(${(TIMEOUT_MS * 2.5) / 1000})`);
          await client.query(round % 2 === 0 ? 'COMMIT' : 'ROLLBACK');
          done += 1;
        }
      }),
    );
    expect(done).toBe(64);
  });
});
