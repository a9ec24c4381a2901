/** pg_backend_pid(), pg_cancel_backend(), pg_terminate_backend() and pg_stat_activity speak of clients' sessions. */

import { Client, type DatabaseError } from 'pg';
import { createDatabaseEverywhere, dropDatabaseEverywhere } from '../support/shared-servers.js';
import { startTestProxy, type TestProxy, type TestProxyAddress } from '../support/proxy.js';

const database = 'processes';

interface Session {
  readonly client: Client;
  readonly processId: number;
  /** The error that ends the connection, whenever it comes. */
  readonly end: Promise<string | undefined>;
}

async function open(address: TestProxyAddress, user = 'postgres'): Promise<Session> {
  const client = new Client({ host: address.host, port: address.port, user, database, application_name: 'tested' });
  const end = new Promise<string | undefined>((resolve) => {
    client.on('error', (error) => {
      resolve((error as DatabaseError).code);
    });
  });
  await client.connect();
  const { processID } = client as unknown as { readonly processID: number };
  return { client, processId: processID, end };
}

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  return await work.then(
    () => 'no error',
    (error: unknown) => (error as DatabaseError).code,
  );
}

async function columnsOf(address: TestProxyAddress, view: string): Promise<readonly string[]> {
  const { client } = await open(address);
  const { fields } = await client.query(`SELECT * FROM ${view} LIMIT 0`);
  await client.end();
  return fields.map(({ name, dataTypeID }) => `${name} ${dataTypeID}`);
}

let proxy: TestProxy;
let oracle: TestProxyAddress;

beforeAll(async () => {
  const servers = await createDatabaseEverywhere(database);
  ({ oracle } = servers);
  proxy = await startTestProxy(servers.shards);
  await onBoth(async (address) => {
    const { client } = await open(address);
    await client.query('DROP ROLE IF EXISTS processes_guest');
    await client.query('CREATE ROLE processes_guest LOGIN');
    await client.query('CREATE TABLE spread (id int PRIMARY KEY, pid int)');
    await client.end();
  });
});

afterAll(async () => {
  await onBoth(async (address) => {
    const { client } = await open(address);
    await client.query('DROP ROLE IF EXISTS processes_guest');
    await client.end();
  });
  await proxy.close();
  await dropDatabaseEverywhere(database);
});

/** The same on one PostgreSQL and on pgring. */
async function onBoth(work: (address: TestProxyAddress) => Promise<void>): Promise<void> {
  for (const address of [oracle, proxy]) await work(address);
}

const asleep = `SELECT count(*)::int AS count FROM pg_stat_activity WHERE pid = $1 AND state = 'active' AND query ~ 'pg_sleep'`;

async function untilAsleep(observer: Client, processId: number): Promise<void> {
  for (;;) {
    const { rows } = await observer.query<{ count: number }>(asleep, [processId]);
    if (rows[0]?.count === 1) return;
  }
}

describe('sessions of clients', () => {
  it('have the process id that BackendKeyData gave', async () => {
    await onBoth(async (address) => {
      const { client, processId } = await open(address);
      const { rows, fields } = await client.query('SELECT pg_backend_pid(), pg_backend_pid() + 1 AS next');
      expect(rows).toEqual([{ pg_backend_pid: processId, next: processId + 1 }]);
      expect(fields[0]?.dataTypeID).toBe(23);
      expect((await client.query('SELECT * FROM pg_backend_pid()')).rows).toEqual([{ pg_backend_pid: processId }]);
      await client.query(
        'INSERT INTO spread VALUES (1, pg_backend_pid()), (2, pg_backend_pid()) ON CONFLICT DO NOTHING',
      );
      const found = await client.query('SELECT id FROM spread WHERE pid = pg_backend_pid() ORDER BY id');
      expect(found.rows).toEqual([{ id: 1 }, { id: 2 }]);
      await client.end();
    });
  });

  it('are what pg_stat_activity tells of', async () => {
    await onBoth(async (address) => {
      const [one, other] = [await open(address), await open(address, 'processes_guest')];
      await one.client.query('BEGIN');
      await one.client.query('SELECT 1 AS said');
      const sql = `SELECT pid, datname, usename, application_name, state, query, client_addr, backend_type,
          xact_start <= query_start AS begun, datid = (SELECT oid FROM pg_database WHERE datname = a.datname) AS named
        FROM pg_stat_activity a WHERE pid = ANY($1) ORDER BY usename`;
      const pids = [one.processId, other.processId];
      const mine = {
        pid: other.processId,
        usename: 'processes_guest',
        state: 'active',
        query: sql,
        backend_type: 'client backend',
        client_addr: '127.0.0.1',
      };
      const common = { datname: database, application_name: 'tested', named: true };
      const hidden = {
        state: null,
        client_addr: null,
        backend_type: null,
        begun: null,
        query: '<insufficient privilege>',
      };
      expect((await other.client.query(sql, [pids])).rows).toEqual([
        { ...common, pid: one.processId, usename: 'postgres', ...hidden },
        { ...common, ...mine, begun: true },
      ]);
      const { rows } = await one.client.query(`SELECT state, query FROM pg_stat_activity WHERE pid = $1`, [
        other.processId,
      ]);
      expect(rows).toEqual([{ state: 'idle', query: sql }]);
      expect(await columnsOf(address, 'pg_stat_activity')).toEqual(await columnsOf(oracle, 'pg_stat_activity'));
      await one.client.end();
      await other.client.end();
    });
  });

  it('are who holds the locks of pg_locks', async () => {
    await onBoth(async (address) => {
      const [one, other] = [await open(address), await open(address)];
      await one.client.query('BEGIN; SELECT pg_advisory_xact_lock(4711)');
      await other.client.query('SELECT pg_advisory_lock(4712)');
      const sql = `SELECT objid::int, pid, pid = pg_backend_pid() AS own FROM pg_locks AS l
        WHERE locktype = 'advisory' AND objid IN (4711, 4712) AND granted ORDER BY objid`;
      expect((await other.client.query(sql)).rows).toEqual([
        { objid: 4711, pid: one.processId, own: false },
        { objid: 4712, pid: other.processId, own: true },
      ]);
      expect(await columnsOf(address, 'pg_locks')).toEqual(await columnsOf(oracle, 'pg_locks'));
      await one.client.end();
      await other.client.end();
    });
  });

  it('are cancelled by pg_cancel_backend()', async () => {
    await onBoth(async (address) => {
      const [one, other] = [await open(address), await open(address)];
      const sleeping = codeOf(other.client.query('SELECT pg_sleep(60)'));
      await untilAsleep(one.client, other.processId);
      const { rows } = await one.client.query('SELECT pg_cancel_backend($1)', [other.processId]);
      expect(rows).toEqual([{ pg_cancel_backend: true }]);
      expect(await sleeping).toBe('57014');
      expect(await codeOf(other.client.query('SELECT 1'))).toBe('no error');
      expect(await codeOf(other.client.query('SELECT pg_cancel_backend(pg_backend_pid())'))).toBe('57014');
      expect(await codeOf(other.client.query('SELECT 1'))).toBe('no error');
      await one.client.end();
      await other.client.end();
    });
  });

  it.each(['idle', 'active', 'in a transaction'])('are ended by pg_terminate_backend() while %s', async (state) => {
    await onBoth(async (address) => {
      const [one, other] = [await open(address), await open(address)];
      let outcome = Promise.resolve<string | undefined>('57P01');
      if (state === 'in a transaction') await other.client.query('BEGIN; INSERT INTO spread VALUES (7, 7), (8, 8)');
      if (state === 'active') {
        outcome = codeOf(other.client.query('SELECT pg_sleep(60)'));
        await untilAsleep(one.client, other.processId);
      }
      const { rows } = await one.client.query(
        'SELECT pid, (SELECT pg_terminate_backend(pid)) AS killed FROM pg_stat_activity WHERE pid = $1',
        [other.processId],
      );
      expect(rows).toEqual([{ pid: other.processId, killed: true }]);
      expect([await other.end, await outcome]).toContain('57P01');
      const left = 'SELECT count(*)::int AS count FROM pg_stat_activity WHERE pid = $1';
      for (let count = 1; count > 0;) {
        count = (await one.client.query<{ count: number }>(left, [other.processId])).rows[0]?.count ?? 0;
      }
      expect((await one.client.query('SELECT id FROM spread WHERE id > 6')).rows).toEqual([]);
      await one.client.end();
    });
  });

  it('may end themselves', async () => {
    await onBoth(async (address) => {
      const { client } = await open(address);
      expect(await codeOf(client.query('SELECT pg_terminate_backend(pg_backend_pid())'))).toBe('57P01');
    });
  });

  it('are signalled by those who may', async () => {
    await onBoth(async (address) => {
      const [one, other] = [await open(address), await open(address, 'processes_guest')];
      const notices: (string | undefined)[] = [];
      one.client.on('notice', ({ code, message }) => notices.push(code, message));
      expect((await one.client.query('SELECT pg_terminate_backend(1234567890), pg_cancel_backend(NULL)')).rows).toEqual(
        [{ pg_terminate_backend: false, pg_cancel_backend: null }],
      );
      expect(notices).toEqual(['01000', 'PID 1234567890 is not a PostgreSQL backend process']);
      const denied = await other.client
        .query('SELECT pg_terminate_backend($1)', [one.processId])
        .catch((error: unknown) => error);
      expect(denied).toMatchObject({
        code: '42501',
        message: 'permission denied to terminate process',
        detail:
          'Only roles with the SUPERUSER attribute may terminate processes of roles with the SUPERUSER attribute.',
      });
      expect(await codeOf(one.client.query('SELECT 1'))).toBe('no error');
      await one.client.end();
      await other.client.end();
    });
  });
});
