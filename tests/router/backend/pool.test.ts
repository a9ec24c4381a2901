/** The pool over real servers: limits, waiters, eviction, changed addresses, dirty connections, and every log-in. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Shard } from '../../../catalog/topology.js';
import { queryRows, runCommand } from '../../../router/backend/command.js';
import type { BackendIdentity } from '../../../router/backend/connection.js';
import { BackendPool, type PoolLimits } from '../../../router/backend/pool.js';
import { encodeQuery } from '../../../wire/encode-frontend.js';
import { startServers, type TestServer, type TestServers } from '../../support/cluster.js';
import { chooseFreePort } from '../../support/ports.js';
import { withClient } from '../../support/proxy.js';

const LIMITS: PoolLimits = {
  connectTimeoutMs: 5_000,
  connectionsPerShard: 2,
  queueTimeoutMs: 5_000,
  idleTimeoutMs: 60_000,
};

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
    const first = await pool.acquire(shard, identity());
    const second = await pool.acquire(shard, identity());
    await runCommand(
      first,
      "SET application_name = 'left'; PREPARE left_behind AS SELECT 1; CREATE TEMP TABLE t (a int)",
    );
    const pid = await processOf(first);
    await pool.release(second);
    await pool.release(first);
    const again = await pool.acquire(shard, identity());
    expect(await processOf(again)).toBe(pid);
    expect(await queryRows(again, 'SHOW application_name')).toEqual([{ application_name: 'pool-test' }]);
    expect(await queryRows(again, "SELECT to_regclass('t')::text AS t, count(*) FROM pg_prepared_statements")).toEqual([
      { t: null, count: '0' },
    ]);
    expect(pool.size).toBe(2);
  });

  it('never lends a connection with an open transaction or an unread answer', async () => {
    makePool();
    const open = await pool.acquire(shard, identity());
    const pid = await processOf(open);
    await runCommand(open, 'BEGIN');
    await pool.release(open);
    expect(open.closed).toBe(true);
    const unread = await pool.acquire(shard, identity());
    expect(await processOf(unread)).not.toBe(pid);
    unread.write(encodeQuery('SELECT 1'), 1);
    await pool.release(unread);
    expect(unread.closed).toBe(true);
    expect(pool.size).toBe(0);
  });

  it('takes back a connection that waits for a client that has gone', async () => {
    makePool();
    const paused = await pool.acquire(shard, identity());
    paused.pause();
    await pool.release(paused);
    expect(await pool.acquire(shard, identity())).toBe(paused);
  });

  it('lets the longest waiter have the next free place', async () => {
    makePool({ connectionsPerShard: 1 });
    const held = await pool.acquire(shard, identity());
    const order: string[] = [];
    const wait = async (name: string): Promise<void> => {
      const connection = await pool.acquire(shard, identity());
      order.push(name);
      await pool.release(connection);
    };
    const waiting = ['a', 'b', 'c'].map(wait);
    await pool.release(held);
    await Promise.all([...waiting, wait('d')]);
    expect(order).toEqual(['a', 'b', 'c', 'd']);
    expect(pool.size).toBe(1);
  });

  it('gives the place of a destroyed connection to a waiter', async () => {
    makePool({ connectionsPerShard: 1 });
    const held = await pool.acquire(shard, identity());
    const waiting = pool.acquire(shard, identity());
    held.destroy();
    expect(await waiting).not.toBe(held);
    expect(pool.size).toBe(1);
  });

  it('says what to raise when the wait was in vain', async () => {
    makePool({ connectionsPerShard: 1, queueTimeoutMs: 50 });
    await pool.acquire(shard, identity());
    await expect(pool.acquire(shard, identity())).rejects.toMatchObject({
      sqlstate: '53300',
      fields: { hint: expect.stringContaining('limits.server_connections_per_shard') as string },
    });
  });

  it('ends an idle connection of another role to make room', async () => {
    makePool();
    const idle = await pool.acquire(shard, identity());
    await pool.acquire(shard, identity());
    await pool.release(idle);
    const other = await pool.acquire(shard, identity('of_trust'));
    expect(idle.closed).toBe(true);
    expect(await queryRows(other, 'SELECT current_user::text AS name')).toEqual([{ name: 'of_trust' }]);
    expect(pool.size).toBe(2);
  });

  it('forgets connections to an address that the shard has no more', async () => {
    makePool();
    const before = await pool.acquire(shard, identity());
    await pool.release(before);
    const moved = await pool.acquire({ ...shard, host: server.socketDirectory }, identity());
    expect(before.closed).toBe(true);
    expect(moved.address.host).toBe(server.socketDirectory);
    expect(await processOf(moved)).not.toBe('');
  });

  it('notices that an idle connection was ended by the server', async () => {
    makePool();
    const first = await pool.acquire(shard, identity());
    const pid = await processOf(first);
    await pool.release(first);
    await withClient(server, 'postgres', async (client) => await client.query(`SELECT pg_terminate_backend(${pid})`));
    while (!first.closed) await new Promise(setImmediate);
    expect(pool.size).toBe(0);
    expect(await processOf(await pool.acquire(shard, identity()))).not.toBe(pid);
  });

  it.each([
    ['of_trust', undefined],
    ['of_md5', 'secret'],
    ['of_scram', 'sécret'],
    ['of_clear', 'open'],
  ])('logs in as %s', async (user, password) => {
    makePool();
    const connection = await pool.acquire(shard, identity(user, password));
    expect(await queryRows(connection, 'SELECT session_user::text AS name')).toEqual([{ name: user }]);
    expect(connection.processId).toBeGreaterThan(0);
    expect(connection.parameters.get('server_encoding')).toBe('UTF8');
  });

  it.each(['of_md5', 'of_scram', 'of_clear'])('says what the server says of a wrong password for %s', async (user) => {
    makePool();
    await expect(pool.acquire(shard, identity(user, 'wrong'))).rejects.toMatchObject({
      sqlstate: '28P01',
      message: `password authentication failed for user "${user}"`,
      fields: { detail: expect.stringContaining('shard s1') as string },
    });
    expect(pool.size).toBe(0);
  });

  it('says where to write a password that is missing', async () => {
    makePool();
    await expect(pool.acquire(shard, identity('of_scram'))).rejects.toMatchObject({
      sqlstate: '28000',
      fields: { hint: expect.stringContaining('users: [{name: of_scram') as string },
    });
    expect(pool.size).toBe(0);
  });

  it('names a server that does not answer, and holds no place for it', async () => {
    makePool({ connectionsPerShard: 1 });
    const nobody = { ...shard, port: await chooseFreePort() };
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await expect(pool.acquire(nobody, identity())).rejects.toMatchObject({
        sqlstate: '08006',
        message: expect.stringContaining(`shard s1 (127.0.0.1:${nobody.port})`) as string,
      });
    }
    expect(pool.size).toBe(0);
  });

  it('cancels what runs', async () => {
    makePool();
    const connection = await pool.acquire(shard, identity());
    const refused = expect(runCommand(connection, 'SELECT pg_sleep(30)')).rejects.toMatchObject({ sqlstate: '57014' });
    await connection.cancel();
    await refused;
    expect(connection.clean).toBe(true);
  });

  it('lends nothing any more once it is closed', async () => {
    makePool({ connectionsPerShard: 1 });
    const held = await pool.acquire(shard, identity());
    const waiting = pool.acquire(shard, identity());
    pool.close();
    await expect(waiting).rejects.toMatchObject({ sqlstate: '57P01' });
    await pool.release(held);
    expect(held.closed).toBe(true);
    expect(pool.size).toBe(0);
  });
});
