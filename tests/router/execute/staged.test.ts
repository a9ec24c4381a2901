import { Client } from 'pg';
import { startRig, type Rig } from '../../oracle/rig.js';

const JOBS = 120;
const WORKERS = 5;

describe('writes in stages', () => {
  let rig: Rig;
  const clients: Client[] = [];

  beforeAll(async () => {
    rig = await startRig('staged', 3);
  });

  afterAll(async () => {
    await Promise.all(clients.map(async (client) => await client.end()));
    await rig.close();
  });

  async function connect(): Promise<Client> {
    const client = new Client({ ...rig.pgring, user: 'postgres' });
    await client.connect();
    clients.push(client);
    return client;
  }

  it('give each job of a queue to one of several workers', async () => {
    const client = await connect();
    await client.query('CREATE TABLE jobs (id int PRIMARY KEY, state text, taken int DEFAULT 0)');
    await client.query(`INSERT INTO jobs SELECT g, 'new', 0 FROM generate_series(1, ${JOBS}) g`);
    const taken: number[] = [];
    const work = async (): Promise<void> => {
      const worker = await connect();
      for (;;) {
        const { rows } = await worker.query<{ id: number }>(
          `UPDATE jobs SET state = 'done', taken = taken + 1 WHERE id IN
             (SELECT id FROM jobs WHERE state = 'new' ORDER BY id LIMIT 5 FOR UPDATE SKIP LOCKED) RETURNING id`,
        );
        if (rows.length === 0) return;
        taken.push(...rows.map(({ id }) => id));
      }
    };
    await Promise.all(Array.from({ length: WORKERS }, work));
    expect(taken.toSorted((left, right) => left - right)).toEqual(
      Array.from({ length: JOBS }, (_, index) => index + 1),
    );
    const { rows } = await client.query("SELECT id FROM jobs WHERE taken <> 1 OR state <> 'done'");
    expect(rows).toEqual([]);
  });

  it('leave nothing behind when a later part fails', async () => {
    const client = await connect();
    await client.query('CREATE TABLE here (id int PRIMARY KEY, v int)');
    await client.query('CREATE TABLE there (id int PRIMARY KEY, v int CHECK (v < 10))');
    await client.query('INSERT INTO here SELECT g, g FROM generate_series(1, 20) g');
    const move = client.query('WITH gone AS (DELETE FROM here RETURNING *) INSERT INTO there SELECT * FROM gone');
    await expect(move).rejects.toMatchObject({ code: '23514' });
    expect((await client.query('SELECT count(*)::int AS n FROM here')).rows).toEqual([{ n: 20 }]);
    expect((await client.query('SELECT count(*)::int AS n FROM there')).rows).toEqual([{ n: 0 }]);
  });
});
