/** The pool over real servers: limits, waiters, eviction, changed addresses, dirty connections, and every log-in. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Shard } from '../../../catalog/topology.js';
import { queryRows, runCommand } from '../../../router/backend/command.js';
import type { BackendIdentity } from '../../../router/backend/connection.js';
import { makeAppliedSettings, noSettings, type AppliedSettings } from '../../../router/backend/applied-settings.js';
import { BackendPool } from '../../../router/backend/pool.js';
import type { PoolLimits, Wish } from '../../../router/backend/pool-limits.js';
import { encodeQuery } from '../../../wire/encode-frontend.js';
import { startServers, type TestServer, type TestServers } from '../../support/cluster.js';
import { chooseFreePort } from '../../support/ports.js';
import { withClient } from '../../support/proxy.js';
import { eventually } from '../../proxy/proxy-under-test.js';

const LIMITS: PoolLimits = {
  connectTimeoutMs: 5_000,
  connectionsPerShard: 2,
  queueTimeoutMs: 5_000,
  idleTimeoutMs: 60_000,
  connectionsPerRole: 2,
  reserve: 1,
  finishing: 1,
  minimum: 0,
  connectsAtOnce: 2,
  lifetimeMs: 60_000,
  checkAfterMs: 60_000,
};

/** Of a session that has no other connection. */
const wish = (options: Partial<Wish> = {}): Wish => ({
  owner: {},
  purpose: 'session',
  settings: noSettings,
  ...options,
});

const identity = (user = 'postgres', password?: string): BackendIdentity => ({
  database: 'postgres',
  user,
  password,
  parameters: new Map([['application_name', 'pool-test']]),
});

describe('the pool of server connections', () => {
  let own: TestServers;
  let server: TestServer;
  let shard: Shard;
  let pool: BackendPool;
  const makePool = (limits: Partial<PoolLimits> = {}): BackendPool => {
    pool = new BackendPool({ ...LIMITS, ...limits });
    return pool;
  };
  const processOf = async (connection: Awaited<ReturnType<BackendPool['acquire']>>): Promise<string> =>
    (await queryRows(connection, 'SELECT pg_backend_pid() AS pid'))[0]?.['pid'] ?? '';

  beforeAll(async () => {
    own = await startServers({ count: 1 });
    const [first] = own.servers;
    if (first === undefined) throw new Error('one server was asked for');
    server = first;
    shard = { id: 1, name: 's1', host: server.host, port: server.port, weight: 1 };
    await withClient(server, 'postgres', async (client) => {
      await client.query("SET password_encryption = 'md5'; CREATE ROLE of_md5 LOGIN PASSWORD 'secret';");
      await client.query("SET password_encryption = 'scram-sha-256'; CREATE ROLE of_scram LOGIN PASSWORD 'sécret';");
      await client.query("CREATE ROLE of_clear LOGIN PASSWORD 'open'; CREATE ROLE of_trust LOGIN");
    });
    const rules = ['of_md5 all md5', 'of_scram all scram-sha-256', 'of_clear all password', 'all all trust'].map(
      (rule) => {
        const [user = '', , method = ''] = rule.split(' ');
        return `host all ${user} 127.0.0.1/32 ${method}\nlocal all ${user} ${method}\n`;
      },
    );
    await writeFile(join(server.dataFolder, 'pg_hba.conf'), rules.join(''));
    await withClient(server, 'postgres', async (client) => await client.query('SELECT pg_reload_conf()'));
  });

  afterEach(() => {
    pool.close();
  });

  afterAll(async () => {
    await own.close();
  });

  it('lends the connection that came back last, cleaned of what a session left on it', async () => {
    makePool();
    const first = await pool.acquire(shard, identity(), wish());
    const second = await pool.acquire(shard, identity(), wish());
    await runCommand(
      first,
      "SET application_name = 'left'; PREPARE left_behind AS SELECT 1; CREATE TEMP TABLE t (a int)",
    );
    const pid = await processOf(first);
    pool.release(second);
    await pool.releaseCleaned(first);
    const again = await pool.acquire(shard, identity(), wish());
    expect(await processOf(again)).toBe(pid);
    expect(await queryRows(again, 'SHOW application_name')).toEqual([{ application_name: 'pool-test' }]);
    expect(await queryRows(again, "SELECT to_regclass('t')::text AS t, count(*) FROM pg_prepared_statements")).toEqual([
      { t: null, count: '0' },
    ]);
    expect(pool.size).toBe(2);
  });

  it('never lends a connection with an open transaction or an unread answer', async () => {
    makePool();
    const open = await pool.acquire(shard, identity(), wish());
    const pid = await processOf(open);
    await runCommand(open, 'BEGIN');
    pool.release(open);
    expect(open.closed).toBe(true);
    const unread = await pool.acquire(shard, identity(), wish());
    expect(await processOf(unread)).not.toBe(pid);
    unread.write(encodeQuery('SELECT 1'), 1);
    pool.release(unread);
    expect(unread.closed).toBe(true);
    expect(pool.size).toBe(0);
  });

  it('takes back a connection that waits for a client that has gone', async () => {
    makePool();
    const paused = await pool.acquire(shard, identity(), wish());
    paused.pause();
    pool.release(paused);
    expect(await pool.acquire(shard, identity(), wish())).toBe(paused);
  });

  it('lets the longest waiter have the next free place', async () => {
    makePool({ connectionsPerShard: 1 });
    const held = await pool.acquire(shard, identity(), wish());
    const order: string[] = [];
    const wait = async (name: string): Promise<void> => {
      const connection = await pool.acquire(shard, identity(), wish());
      order.push(name);
      pool.release(connection);
    };
    const waiting = ['a', 'b', 'c'].map(wait);
    pool.release(held);
    await Promise.all([...waiting, wait('d')]);
    expect(order).toEqual(['a', 'b', 'c', 'd']);
    expect(pool.size).toBe(1);
  });

  it('gives the place of a destroyed connection to a waiter', async () => {
    makePool({ connectionsPerShard: 1 });
    const held = await pool.acquire(shard, identity(), wish());
    const waiting = pool.acquire(shard, identity(), wish());
    held.destroy();
    expect(await waiting).not.toBe(held);
    expect(pool.size).toBe(1);
  });

  it('says what to raise when the wait was in vain', async () => {
    makePool({ connectionsPerShard: 1, queueTimeoutMs: 50 });
    await pool.acquire(shard, identity(), wish());
    await expect(pool.acquire(shard, identity(), wish())).rejects.toMatchObject({
      sqlstate: '53300',
      fields: { hint: expect.stringContaining('limits.server_connections_per_shard') as string },
    });
  });

  it('ends an idle connection of another role to make room', async () => {
    makePool({ connectionsPerShard: 1, finishing: 1 });
    const [idle, finishing] = await Promise.all([
      pool.acquire(shard, identity(), wish()),
      pool.acquire(shard, identity(), wish({ purpose: 'finishing' })),
    ]);
    pool.release(idle);
    const other = await pool.acquire(shard, identity('of_trust'), wish());
    expect(idle.closed).toBe(true);
    expect(await queryRows(other, 'SELECT current_user::text AS name')).toEqual([{ name: 'of_trust' }]);
    expect(pool.size).toBe(2);
    pool.release(finishing);
  });

  it('bounds the connections of one role, and lets others pass those who wait for theirs', async () => {
    makePool({ connectionsPerShard: 2, connectionsPerRole: 1, queueTimeoutMs: 300 });
    const first = await pool.acquire(shard, identity(), wish());
    const second = pool.acquire(shard, identity(), wish());
    const other = await pool.acquire(shard, identity('of_trust'), wish());
    pool.release(first);
    expect(await second).toBe(first);
    pool.release(other);
  });

  it('keeps no session waiting that has a connection already', async () => {
    makePool({ connectionsPerShard: 1, reserve: 1, queueTimeoutMs: 300 });
    const elsewhere = { ...shard, id: 2, name: 's2' };
    const [one, two] = [wish(), wish()];
    const held = [await pool.acquire(shard, identity(), one), await pool.acquire(elsewhere, identity(), two)];
    // Each wants what the other has; a third that has nothing is not let in meanwhile.
    const third = expect(pool.acquire(shard, identity(), wish())).rejects.toMatchObject({ sqlstate: '53300' });
    held.push(await pool.acquire(elsewhere, identity(), one), await pool.acquire(shard, identity(), two));
    await third;
    for (const connection of held) pool.release(connection);
  });

  it('has connections to finish statements on beside all others', async () => {
    makePool({ connectionsPerShard: 1, finishing: 1 });
    const held = await pool.acquire(shard, identity(), wish());
    const finishing = await pool.acquire(shard, identity(), wish({ purpose: 'finishing' }));
    // Who waits for long gets one above the bound: the one who has it may wait for a lock of the other's.
    const second = await pool.acquire(shard, identity(), wish({ purpose: 'finishing' }));
    expect(pool.size).toBe(3);
    for (const connection of [held, finishing, second]) pool.release(connection);
    expect(pool.size).toBe(2);
  });

  it('opens no more at one time than it may', async () => {
    makePool({ connectionsPerShard: 10, connectionsPerRole: 10, connectsAtOnce: 1 });
    const connections = await Promise.all([1, 2, 3].map(async () => await pool.acquire(shard, identity(), wish())));
    expect(new Set(connections).size).toBe(3);
  });

  it('lends at once only what needs nothing', async () => {
    makePool();
    const settings = makeAppliedSettings(["SET work_mem = '9MB'"], ['app.tenant']);
    const owner = {};
    const lentTo = (wanted: AppliedSettings, who: object = {}): boolean => {
      const lent = pool.acquireNow(shard, identity(), { owner: who, purpose: 'session', settings: wanted });
      if (lent !== undefined) pool.release(lent);
      return lent !== undefined;
    };
    const connection = await pool.acquire(shard, identity(), wish());
    pool.release(connection);
    expect(lentTo(noSettings)).toBe(true);
    expect(lentTo(settings)).toBe(false);
    connection.settings = settings;
    expect(lentTo(settings)).toBe(true);
    expect(lentTo(noSettings)).toBe(false);
    connection.numbersOf = owner;
    expect(lentTo(settings)).toBe(false);
    expect(lentTo(settings, owner)).toBe(true);
    // A name that was set cannot be forgotten: who has not set it gets another connection.
    expect(await pool.acquire(shard, identity(), wish())).not.toBe(connection);
  });

  it('asks a connection that was idle for long whether it is alive', async () => {
    makePool({ checkAfterMs: 0 });
    const first = await pool.acquire(shard, identity(), wish());
    pool.release(first);
    expect(pool.acquireNow(shard, identity(), wish())).toBeUndefined();
    expect(await pool.acquire(shard, identity(), wish())).toBe(first);
  });

  it('ends a connection that has served its time, and keeps the minimum', async () => {
    makePool({ lifetimeMs: 1 });
    const old = await pool.acquire(shard, identity(), wish());
    await eventually(
      () => performance.now(),
      (now) => now > old.expiresAt,
    );
    pool.release(old);
    expect(old.closed).toBe(true);
    pool.close();
    makePool({ minimum: 2 });
    pool.release(await pool.acquire(shard, identity(), wish()));
    expect(
      await eventually(
        () => pool.size,
        (size) => size === 2,
      ),
    ).toBe(2);
  });

  it('forgets connections to an address that the shard has no more', async () => {
    makePool();
    const before = await pool.acquire(shard, identity(), wish());
    pool.release(before);
    const moved = await pool.acquire({ ...shard, host: server.socketDirectory }, identity(), wish());
    expect(before.closed).toBe(true);
    expect(moved.address.host).toBe(server.socketDirectory);
    expect(await processOf(moved)).not.toBe('');
  });

  it('notices that an idle connection was ended by the server', async () => {
    makePool();
    const first = await pool.acquire(shard, identity(), wish());
    const pid = await processOf(first);
    pool.release(first);
    await withClient(server, 'postgres', async (client) => await client.query(`SELECT pg_terminate_backend(${pid})`));
    while (!first.closed) await new Promise(setImmediate);
    expect(pool.size).toBe(0);
    expect(await processOf(await pool.acquire(shard, identity(), wish()))).not.toBe(pid);
  });

  it.each([
    ['of_trust', undefined],
    ['of_md5', 'secret'],
    ['of_scram', 'sécret'],
    ['of_clear', 'open'],
  ])('logs in as %s', async (user, password) => {
    makePool();
    const connection = await pool.acquire(shard, identity(user, password), wish());
    expect(await queryRows(connection, 'SELECT session_user::text AS name')).toEqual([{ name: user }]);
    expect(connection.processId).toBeGreaterThan(0);
    expect(connection.parameters.get('server_encoding')).toBe('UTF8');
  });

  it.each(['of_md5', 'of_scram', 'of_clear'])('says what the server says of a wrong password for %s', async (user) => {
    makePool();
    await expect(pool.acquire(shard, identity(user, 'wrong'), wish())).rejects.toMatchObject({
      sqlstate: '28P01',
      message: `password authentication failed for user "${user}"`,
      fields: { detail: expect.stringContaining('shard s1') as string },
    });
    expect(pool.size).toBe(0);
  });

  it('says where to write a password that is missing', async () => {
    makePool();
    await expect(pool.acquire(shard, identity('of_scram'), wish())).rejects.toMatchObject({
      sqlstate: '28000',
      fields: { hint: expect.stringContaining('users: [{name: of_scram') as string },
    });
    expect(pool.size).toBe(0);
  });

  it('names a server that does not answer, and holds no place for it', async () => {
    makePool({ connectionsPerShard: 1 });
    const nobody = { ...shard, port: await chooseFreePort() };
    // From the second on it may be that nobody is asked at all.
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await expect(pool.acquire(nobody, identity(), wish())).rejects.toMatchObject({
        sqlstate: '08006',
        message: expect.stringContaining(`shard s1 (127.0.0.1:${nobody.port})`) as string,
      });
    }
    expect(pool.size).toBe(0);
  });

  it('cancels what runs', async () => {
    makePool();
    const connection = await pool.acquire(shard, identity(), wish());
    const refused = expect(runCommand(connection, 'SELECT pg_sleep(30)')).rejects.toMatchObject({ sqlstate: '57014' });
    await connection.cancel();
    await refused;
    expect(connection.clean).toBe(true);
  });

  it('lends nothing any more once it is closed', async () => {
    makePool({ connectionsPerShard: 1 });
    const held = await pool.acquire(shard, identity(), wish());
    const waiting = pool.acquire(shard, identity(), wish());
    pool.close();
    await expect(waiting).rejects.toMatchObject({ sqlstate: '57P01' });
    pool.release(held);
    expect(held.closed).toBe(true);
    expect(pool.size).toBe(0);
  });
});
