/**
 * Reads of several shards while a transaction is committed on one of them and not on the other: its owner, played by
 * hand, has stopped in between.
 */

import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { text } from 'node:stream/consumers';
import { to as copyTo } from 'pg-copy-streams';
import { formatGlobalId } from '../../../router/transaction/global-id.js';
import { connectClient, startProxyUnderTest, type ProxyUnderTest } from '../../proxy/proxy-under-test.js';
import { createDatabaseEverywhere, dropDatabaseEverywhere, type SharedServers } from '../../support/shared-servers.js';

const DATABASE = 'transaction_atomic_reads';
const ROWS = 40;

let servers: SharedServers;
let proxy: ProxyUnderTest;
let client: Client;
const owners: Client[] = [];
let statements = 0;

beforeAll(async () => {
  servers = await createDatabaseEverywhere(DATABASE);
  proxy = await startProxyUnderTest(servers.shards.slice(0, 2));
  client = await connectClient(proxy, DATABASE);
  await client.query('CREATE TABLE account (id int PRIMARY KEY, amount int NOT NULL)');
  await client.query('CREATE TABLE total (id int PRIMARY KEY, amount int NOT NULL)');
  await client.query(`INSERT INTO account SELECT g, 0 FROM generate_series(1, ${ROWS}) g`);
});

beforeEach(async () => {
  await client.query('DISCARD ALL');
});

afterEach(async () => {
  await Promise.all(owners.splice(0).map(async (owner) => await owner.end()));
});

afterAll(async () => {
  await client.end();
  await proxy.close();
  await dropDatabaseEverywhere(DATABASE);
});

/** Adds `by` to all accounts on both shards, and commits that on so many of them; the others stay prepared. */
async function addHalfway(by: number, committedOn: number): Promise<string> {
  const topology = await proxy.store.read();
  const ids = topology?.shards.map(({ id }) => id) ?? [];
  const globalId = formatGlobalId(randomBytes(12).toString('hex'), ids);
  const connected: Client[] = [];
  for (const { host, port } of servers.shards.slice(0, 2)) {
    const owner = new Client({ host, port, user: 'postgres', database: DATABASE });
    await owner.connect();
    owners.push(owner);
    connected.push(owner);
    await owner.query(`BEGIN; UPDATE account SET amount = amount + ${by};
      INSERT INTO pgring.commit_log (gid) VALUES ('${globalId}'); PREPARE TRANSACTION '${globalId}'`);
  }
  for (const owner of connected.slice(0, committedOn)) await owner.query(`COMMIT PREPARED '${globalId}'`);
  return globalId;
}

/** What is still prepared on any server is ended. */
async function finish(globalId: string, verb: 'COMMIT' | 'ROLLBACK'): Promise<void> {
  for (const owner of owners) await owner.query(`${verb} PREPARED '${globalId}'`).catch(() => undefined);
}

async function amounts(sql: string): Promise<readonly number[]> {
  const { rows } = await client.query<{ amount: number }>(sql);
  return rows.map(({ amount }) => amount);
}

/** Ways to read all rows; each gives the amounts that it saw. */
const reads: Readonly<Record<string, () => Promise<readonly number[]>>> = {
  'a scatter': async () => await amounts('SELECT amount FROM account'),
  'a merge': async () => await amounts('SELECT amount FROM account ORDER BY id'),
  aggregates: async () => await amounts('SELECT unnest(ARRAY[min(amount), max(amount)]) AS amount FROM account'),
  'a combined statement': async () => await amounts('SELECT amount, rank() OVER (ORDER BY amount) FROM account'),
  'a join off the key': async () =>
    await amounts('SELECT a.amount FROM account a JOIN account b ON a.amount = b.amount AND a.id = b.id + 1'),
  'a prepared statement': async () => {
    const { rows } = await client.query<{ amount: number }>({
      name: `all ${(statements += 1)}`,
      text: 'SELECT amount FROM account WHERE id > $1',
      values: [0],
    });
    return rows.map(({ amount }) => amount);
  },
  'a cursor': async () => {
    await client.query('BEGIN');
    await client.query('DECLARE c CURSOR FOR SELECT amount FROM account ORDER BY id');
    const seen = await amounts('FETCH ALL FROM c');
    await client.query('COMMIT');
    return seen;
  },
  'a cursor with hold': async () => {
    await client.query('DECLARE c CURSOR WITH HOLD FOR SELECT amount FROM account');
    const seen = await amounts('FETCH ALL FROM c');
    await client.query('CLOSE c');
    return seen;
  },
  'COPY TO': async () => {
    const copied = await text(client.query(copyTo('COPY account (amount) TO STDOUT')));
    return copied.trim().split('\n').map(Number);
  },
  'INSERT … SELECT': async () => {
    await client.query('TRUNCATE total');
    await client.query('INSERT INTO total SELECT id + 1, amount FROM account');
    return await amounts('SELECT amount FROM total');
  },
  'CREATE TABLE AS': async () => {
    await client.query('CREATE TABLE made AS SELECT id, amount FROM account');
    const seen = await amounts('SELECT amount FROM made');
    await client.query('DROP TABLE made');
    return seen;
  },
  'a statement of a transaction': async () => {
    await client.query('BEGIN');
    const seen = await amounts('SELECT amount FROM account');
    await client.query('COMMIT');
    return seen;
  },
  'a combined statement of a transaction': async () => {
    await client.query('BEGIN');
    const seen = await amounts('SELECT amount, rank() OVER (ORDER BY amount) FROM account');
    await client.query('COMMIT');
    return seen;
  },
  'REPEATABLE READ that begins on one shard': async () => {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    const seen: number[] = [];
    for (let id = 1; id <= 8; id += 1) seen.push(...(await amounts(`SELECT amount FROM account WHERE id = ${id}`)));
    seen.push(...(await amounts('SELECT amount FROM account')));
    await client.query('COMMIT');
    return seen;
  },
  'SERIALIZABLE, set in the transaction': async () => {
    await client.query('BEGIN');
    await client.query("SET LOCAL application_name = 'x'");
    await client.query('SAVEPOINT s');
    await client.query('ROLLBACK TO s');
    await client.query('RELEASE s');
    await client.query('SET TRANSACTION ISOLATION LEVEL SERIALIZABLE');
    const seen = [...(await amounts('SELECT amount FROM account')), ...(await amounts('TABLE account'))];
    await client.query('COMMIT');
    return seen;
  },
};

describe.each(Object.keys(reads))('%s', (name) => {
  const read = async (): Promise<number> => new Set(await reads[name]?.()).size;

  it('sees half of a transaction per shard, and never with atomic reads', async () => {
    const globalId = await addHalfway(1, 1);
    const perShard = await read();
    await client.query("SET pgring.cross_shard_reads = 'atomic'");
    const atomic = await read();
    await finish(globalId, 'COMMIT');
    expect({ perShard, atomic }).toEqual({ perShard: 2, atomic: 1 });
  });

  it('does not wait for what is prepared everywhere', async () => {
    const globalId = await addHalfway(1, 0);
    await client.query("SET pgring.cross_shard_reads = 'atomic'");
    const begun = performance.now();
    const atomic = await read();
    const waited = performance.now() - begun;
    await finish(globalId, 'ROLLBACK');
    expect(atomic).toBe(1);
    // Recovery takes it for abandoned after ten seconds.
    expect(waited).toBeLessThan(5_000);
  });
});

describe('atomic reads at SERIALIZABLE', () => {
  it('do not make transactions over several shards depend on each other', async () => {
    const others = await Promise.all([connectClient(proxy, DATABASE), connectClient(proxy, DATABASE)]);
    try {
      for (const other of others) {
        await other.query("SET pgring.cross_shard_reads = 'atomic'");
        await other.query('BEGIN ISOLATION LEVEL SERIALIZABLE');
        await other.query('SELECT count(*) FROM account');
      }
      // Rows that the other does not read, on both shards.
      for (const [index, other] of others.entries()) {
        for (let id = 1; id <= 8; id += 1)
          await other.query(`INSERT INTO total VALUES (${1000 + 100 * index + id}, 0)`);
      }
      for (const other of others) await other.query('COMMIT');
      expect(await amounts('SELECT amount FROM total WHERE id > 1000')).toHaveLength(16);
    } finally {
      for (const other of others) await other.end();
    }
  });
});

describe('pgring.cross_shard_reads', () => {
  const show = async (on = client): Promise<unknown> =>
    (await on.query<Record<string, string>>('SHOW pgring.cross_shard_reads')).rows[0]?.['pgring.cross_shard_reads'];

  it('is set, reset, and rolled back as any setting', async () => {
    const seen = [await show()];
    for (const sql of [
      "SET pgring.cross_shard_reads = 'atomic'",
      'RESET pgring.cross_shard_reads',
      'SET pgring.cross_shard_reads TO ATOMIC',
      'RESET ALL',
      "SELECT set_config('pgring.cross_shard_reads', 'atomic', false)",
      'DISCARD ALL',
    ]) {
      await client.query(sql);
      seen.push(await show());
    }
    expect(seen).toEqual(['per_shard', 'atomic', 'per_shard', 'atomic', 'per_shard', 'atomic', 'per_shard']);
  });

  it.each<[string, readonly string[], number]>([
    ['SET', ["SET pgring.cross_shard_reads = 'atomic'"], 1],
    ['SET that is rolled back', ['BEGIN', "SET pgring.cross_shard_reads = 'atomic'", 'ROLLBACK'], 2],
    ['SET that is committed', ['BEGIN', "SET pgring.cross_shard_reads = 'atomic'", 'COMMIT'], 1],
    ['SET LOCAL after its transaction', ['BEGIN', "SET LOCAL pgring.cross_shard_reads = 'atomic'", 'COMMIT'], 2],
    ['SET LOCAL in its transaction', ['BEGIN', "SET LOCAL pgring.cross_shard_reads = 'atomic'"], 1],
    [
      'SET that is undone by a savepoint',
      ['BEGIN', 'SAVEPOINT s', "SET pgring.cross_shard_reads = 'atomic'", 'ROLLBACK TO s'],
      2,
    ],
  ])('holds for reads after %s', async (_what, statements, values) => {
    const globalId = await addHalfway(1, 1);
    for (const sql of statements) await client.query(sql);
    const seen = new Set(await amounts('SELECT amount FROM account'));
    await client.query('ROLLBACK');
    await finish(globalId, 'COMMIT');
    expect(seen.size).toBe(values);
  });

  it('comes with the start-up packet and by the configuration', async () => {
    const asked = await connectClient(proxy, DATABASE, { options: '-c pgring.cross_shard_reads=atomic' });
    const configured = await startProxyUnderTest(servers.shards.slice(0, 2), { crossShardReads: 'atomic' });
    const other = await connectClient(configured, DATABASE);
    const back = await connectClient(configured, DATABASE, { options: '-c pgring.cross_shard_reads=per_shard' });
    try {
      expect([await show(asked), await show(other), await show(back)]).toEqual(['atomic', 'atomic', 'per_shard']);
    } finally {
      for (const each of [asked, other, back]) await each.end();
      await configured.close();
    }
  });

  it.each([
    ["SET pgring.cross_shard_reads = 'some'", '22023'],
    ["SELECT set_config('pgring.cross_shard_reads', 'some', false)", '22023'],
    ['SET pgring.cross_shard_read = 1', '42704'],
  ])('is checked: %s', async (sql, code) => {
    await expect(client.query(sql)).rejects.toMatchObject({ code });
    await expect(connectClient(proxy, DATABASE, { options: '-c pgring.cross_shard_reads=some' })).rejects.toMatchObject(
      {
        code: '22023',
      },
    );
  });

  it('comes too late in a transaction that has its snapshots', async () => {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await client.query('SELECT amount FROM account WHERE id = 1');
    await client.query("SET LOCAL pgring.cross_shard_reads = 'atomic'");
    await expect(client.query('SELECT amount FROM account')).rejects.toMatchObject({ code: '25001' });
    await client.query('ROLLBACK');
  });

  it('refuses COPY TO in a transaction whose statements have snapshots of their own', async () => {
    await client.query("SET pgring.cross_shard_reads = 'atomic'");
    await client.query('BEGIN');
    await expect(text(client.query(copyTo('COPY account TO STDOUT')))).rejects.toMatchObject({ code: '0A000' });
    await client.query('ROLLBACK');
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    expect((await text(client.query(copyTo('COPY account TO STDOUT')))).trim().split('\n')).toHaveLength(ROWS);
    await client.query('COMMIT');
  });
});
