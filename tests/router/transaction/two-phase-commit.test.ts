/**
 * Transactions over several shards, when the proxy is killed at each step of their COMMIT, and when a shard is: they are
 * done everywhere or nowhere, nothing acknowledged is lost, and nothing is left prepared or locked.
 */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { faultPointVariable, type FaultPoint } from '../../../base/fault-point.js';
import { startServers, type TestServer, type TestServers } from '../../support/cluster.js';
import { temporaryFolder, type TemporaryFolder } from '../../support/folder.js';
import { chooseFreePort } from '../../support/ports.js';
import { startPgring, type PgringProcess } from '../../support/process.js';
import { withClient } from '../../support/proxy.js';

const DATABASE = 'postgres';
/** So many rows of one transaction lie on every shard. */
const ROWS = 30;
const ACCOUNTS = 12;
const BALANCE = 100;

/** Where the proxy dies, and how many rows may be there afterwards. */
type Outcomes = readonly (readonly [`${FaultPoint}${'' | ':2'}`, readonly number[]])[];

describe('commits over several shards', () => {
  let own: TestServers;
  let folder: TemporaryFolder;
  let config: string;
  let pgring: PgringProcess | undefined;

  const start = async (fault?: string): Promise<PgringProcess> =>
    await startPgring(['start', '--config', config], {
      environment: fault === undefined ? {} : { [faultPointVariable]: fault },
    });
  const atProxy = async <T>(work: (client: Client) => Promise<T>): Promise<T> => {
    if (pgring === undefined) throw new Error('pgring does not run');
    return await withClient({ host: '127.0.0.1', port: pgring.port }, DATABASE, work);
  };
  const number = async (client: Client, sql: string): Promise<number> =>
    Number((await client.query<{ value: string | null }>(sql)).rows[0]?.value ?? 0);
  const sumOverServers = async (sql: string): Promise<number> => {
    let sum = 0;
    for (const server of own.servers) {
      sum += await withClient(server, DATABASE, async (client) => await number(client, sql));
    }
    return sum;
  };
  const expectNothingPrepared = async (): Promise<void> => {
    const end = Date.now() + 40_000;
    while ((await sumOverServers('SELECT count(*) AS value FROM pg_prepared_xacts')) > 0 && Date.now() < end) {
      await sleep(200);
    }
    expect(await sumOverServers('SELECT count(*) AS value FROM pg_prepared_xacts')).toBe(0);
    expect(await sumOverServers("SELECT count(*) AS value FROM pg_locks WHERE virtualtransaction LIKE '-1/%'")).toBe(0);
  };

  beforeAll(async () => {
    own = await startServers({ count: 3 });
    folder = await temporaryFolder();
    config = join(folder.path, 'pgring.yaml');
    const shards = own.servers.map(({ host, port }, index) => `  - {name: s${index}, host: ${host}, port: ${port}}\n`);
    await writeFile(
      config,
      `listen: ["127.0.0.1:${await chooseFreePort()}"]\nauthentication: {rules: [{type: host, method: trust}]}\nshards:\n${shards.join('')}`,
    );
    pgring = await start();
    await atProxy(async (client) => {
      await client.query('CREATE TABLE steps (step text, id int, PRIMARY KEY (id, step))');
      await client.query('CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL)');
      await client.query('CREATE TABLE transfers (id int PRIMARY KEY)');
      const accounts = Array.from({ length: ACCOUNTS }, (_unused, id) => `(${id}, ${BALANCE})`);
      await client.query(`INSERT INTO accounts VALUES ${accounts.join(', ')}`);
    });
    await pgring.stop();
  }, 120_000);

  afterAll(async () => {
    await pgring?.stop();
    await own.close();
    folder[Symbol.dispose]();
  });

  const expectAllOrNothing = async (prefix: string, before: string, outcomes: Outcomes): Promise<void> => {
    const values = Array.from({ length: ROWS }, (_unused, id) => id);
    let prepared = 0;
    for (const [fault] of outcomes) {
      pgring = await start(fault);
      await atProxy(async (client) => {
        await client.query(before);
        await client.query('BEGIN');
        await client.query(`INSERT INTO steps VALUES ${values.map((id) => `('${prefix}${fault}', ${id})`).join(', ')}`);
        await expect(client.query('COMMIT')).rejects.toThrow();
      });
      expect(await pgring.stop()).toBeNull();
      // Each start recovers what is old enough, so on a slow machine little may be left at the end.
      prepared += await sumOverServers('SELECT count(*) AS value FROM pg_prepared_xacts');
    }
    expect(prepared).toBeGreaterThan(outcomes.length);

    pgring = await start();
    await expectNothingPrepared();
    for (const [fault, allowed] of outcomes) {
      const step = `${prefix}${fault}`;
      const sql = `SELECT count(*) AS value FROM steps WHERE step = '${step}'`;
      const count = await atProxy(async (client) => await number(client, sql));
      expect({ step, count }).toEqual({ step, count: allowed.find((each) => each === count) });
      expect(await sumOverServers(sql)).toBe(count);
    }
    await pgring.stop();
  };

  it('are all or nothing when the proxy is killed at any step, and another one ends them', async () => {
    await expectAllOrNothing('', 'SELECT 1', [
      ['before prepare', [0]],
      ['prepare sent', [0]],
      ['prepare sent:2', [0]],
      // The others had been sent by then: whether they arrived decides.
      ['prepared', [0, ROWS]],
      ['prepared:2', [0, ROWS]],
      ['all prepared', [ROWS]],
      ['before commit', [ROWS]],
      ['commit sent', [ROWS]],
      ['commit sent:2', [ROWS]],
      ['committed', [ROWS]],
      ['committed:2', [ROWS]],
      ['all committed', [ROWS]],
    ]);
  }, 180_000);

  it('are so too where a temporary table keeps the home shard from being prepared', async () => {
    await expectAllOrNothing('temporary: ', 'CREATE TEMP TABLE own AS SELECT 1 AS one', [
      ['prepare sent', [0]],
      ['prepared', [0]],
      ['all prepared', [0]],
      ['before decision', [0]],
      ['decision sent', [0, ROWS]],
      ['decided', [ROWS]],
      ['commit sent', [ROWS]],
      ['committed', [ROWS]],
    ]);
  }, 120_000);

  it('lose nothing and halve nothing when a shard is killed again and again', async () => {
    pgring = await start();
    const { port } = pgring;
    const acknowledged: number[] = [];
    let running = true;
    let next = 0;
    const transferForEver = async (): Promise<void> => {
      while (running) {
        const client = new Client({ host: '127.0.0.1', port, user: 'postgres', database: DATABASE });
        client.on('error', () => undefined);
        try {
          await client.connect();
          while (running) {
            next += 1;
            await transfer(client, next);
          }
        } catch {
          // The transaction may have happened or not; the client connects again, as a person's program would.
          await sleep(20);
        } finally {
          await client.end().catch(() => undefined);
        }
      }
    };
    const transfer = async (client: Client, id: number): Promise<void> => {
      const from = id % ACCOUNTS;
      const to = (id * 5 + 1) % ACCOUNTS;
      const [low, high] = from < to ? [from, to] : [to, from];
      await client.query('BEGIN');
      await client.query(`UPDATE accounts SET balance = balance ${low === from ? '-' : '+'} 1 WHERE id = ${low}`);
      await client.query(`UPDATE accounts SET balance = balance ${low === from ? '+' : '-'} 1 WHERE id = ${high}`);
      await client.query(`INSERT INTO transfers VALUES (${id})`);
      await client.query('COMMIT');
      acknowledged.push(id);
    };
    const clients = [transferForEver(), transferForEver(), transferForEver()];
    for (const server of own.servers) {
      await untilMore(() => acknowledged.length, 30);
      await killAndStart(server);
    }
    await untilMore(() => acknowledged.length, 30);
    running = false;
    await Promise.all(clients);
    await expectNothingPrepared();
    await atProxy(async (client) => {
      expect(await number(client, 'SELECT sum(balance) AS value FROM accounts')).toBe(ACCOUNTS * BALANCE);
      const { rows } = await client.query<{ id: number }>('SELECT id FROM transfers ORDER BY id');
      const there = new Set(rows.map(({ id }) => id));
      expect(acknowledged.filter((id) => !there.has(id))).toEqual([]);
    });
    expect(await pgring.stop()).toBe(0);
  }, 120_000);
});

async function killAndStart(server: TestServer): Promise<void> {
  await server.kill();
  await server.start();
}

/** Waits until the count has grown by so much; how long that may take, Jest's own limit says. */
async function untilMore(count: () => number, more: number): Promise<void> {
  const target = count() + more;
  while (count() < target) await sleep(10);
}
