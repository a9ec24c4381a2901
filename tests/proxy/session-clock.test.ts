/** Limits that the configuration sets for all clients: times, numbers, memory; each with the error that PostgreSQL has for it. */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Client } from 'pg';
import type { Limits } from '../../catalog/config-limits.js';
import { encodeQuery, encodeStartup } from '../../wire/encode-frontend.js';
import { createDatabaseEverywhere, dropDatabaseEverywhere, type SharedServers } from '../support/shared-servers.js';
import { comparable, logIn, RawClient } from './conversation.js';
import {
  connectClient,
  eventually,
  lockTable,
  runStatements,
  startProxyUnderTest,
  type ProxyUnderTest,
} from './proxy-under-test.js';

const DATABASE = 'client_limits';

let servers: SharedServers;

beforeAll(async () => {
  servers = await createDatabaseEverywhere(DATABASE);
  await behind({}, async (proxy) => {
    await runStatements(proxy, DATABASE, [
      'CREATE TABLE t (id int PRIMARY KEY, v int)',
      'INSERT INTO t SELECT i, 0 FROM generate_series(1, 20) AS i',
    ]);
  });
});

afterAll(async () => {
  await dropDatabaseEverywhere(DATABASE);
});

/** With a proxy that has these limits. */
async function behind(limits: Partial<Limits>, work: (proxy: ProxyUnderTest) => Promise<void>): Promise<void> {
  const proxy = await startProxyUnderTest(servers.shards, { limits });
  try {
    await work(proxy);
  } finally {
    await proxy.close();
  }
}

/** The error that ends the client's session. */
async function endOf(client: Client): Promise<unknown> {
  const [error] = (await once(client, 'error')) as [unknown];
  return error;
}

describe('times', () => {
  it.each([['SELECT v FROM t WHERE id = 1'], ['SELECT id FROM t ORDER BY id'], ['UPDATE t SET v = v']])(
    'a statement: %s',
    async (sql) => {
      await behind({ statementTimeoutMs: 300 }, async (proxy) => {
        const client = await connectClient(proxy, DATABASE);
        const unlock = await lockTable(servers.shards, DATABASE, 't');
        try {
          await expect(client.query(sql)).rejects.toMatchObject({
            code: '57014',
            message: 'canceling statement due to statement timeout',
            severity: 'ERROR',
          });
        } finally {
          await unlock();
        }
        expect((await client.query('SELECT count(*)::int AS n FROM t')).rows).toEqual([{ n: 20 }]);
        await client.end();
      });
    },
  );

  it('many short statements are not one long one', async () => {
    await behind(
      { statementTimeoutMs: 300, idleInTransactionTimeoutMs: 300, idleSessionTimeoutMs: 300 },
      async (proxy) => {
        const client = await connectClient(proxy, DATABASE);
        await client.query('BEGIN');
        for (let count = 0; count < 12; count += 1) await client.query('SELECT pg_sleep(0.05)');
        await client.query('COMMIT');
        for (let count = 0; count < 12; count += 1) await client.query('SELECT pg_sleep(0.05)');
        await client.end();
      },
    );
  });

  it.each([
    [
      'idle in a transaction',
      { idleInTransactionTimeoutMs: 200 },
      '25P03',
      'terminating connection due to idle-in-transaction timeout',
    ],
    ['a transaction', { transactionTimeoutMs: 200 }, '25P04', 'terminating connection due to transaction timeout'],
  ])('%s', async (_name, limits, code, message) => {
    await behind(limits, async (proxy) => {
      const client = await connectClient(proxy, DATABASE);
      const end = endOf(client);
      await client.query('BEGIN');
      await client.query('UPDATE t SET v = v + 1');
      expect(await end).toMatchObject({ code, message, severity: 'FATAL' });
      const other = await connectClient(proxy, DATABASE);
      // What it had locked is free.
      await other.query("SET lock_timeout = '5s'");
      expect((await other.query('SELECT FROM t FOR UPDATE')).rowCount).toBe(20);
      expect((await other.query('SELECT sum(v)::int AS n FROM t')).rows).toEqual([{ n: 0 }]);
      await other.end();
    });
  });

  it('a transaction ends in the middle of a statement, too', async () => {
    await behind({ transactionTimeoutMs: 300 }, async (proxy) => {
      const client = await connectClient(proxy, DATABASE);
      const end = endOf(client);
      await client.query('BEGIN');
      const slow = client.query('SELECT pg_sleep(20)').catch((error: unknown) => error);
      expect(await Promise.race([end, slow])).toMatchObject({ code: '25P04' });
    });
  });

  it('an idle session', async () => {
    await behind({ idleSessionTimeoutMs: 200 }, async (proxy) => {
      const client = await connectClient(proxy, DATABASE);
      expect(await endOf(client)).toMatchObject({ code: '57P05', severity: 'FATAL' });
    });
  });

  it('a log-in', async () => {
    const rule = { databases: ['all'], users: ['all'], address: 'all', map: undefined, clientCertificate: undefined };
    const proxy = await startProxyUnderTest(servers.shards, {
      limits: { logInTimeoutMs: 200 },
      authentication: {
        rules: [{ ...rule, type: 'host', method: 'scram-sha-256' }],
        byDefault: false,
        usersFile: undefined,
        askServers: true,
      },
    });
    const client = await logInWithoutEnd(proxy.port);
    expect(comparable(await client.answer('closed'))).toEqual([
      'E C=57014 M=canceling authentication due to timeout S=FATAL V=FATAL',
    ]);
    await proxy.close();
  });
});

/** Names a user and says no more. */
async function logInWithoutEnd(port: number): Promise<RawClient> {
  const client = new RawClient(port);
  client.write(encodeStartup([['user', 'postgres']]));
  await client.answer({ types: 'R', count: 1 });
  return client;
}

describe('numbers', () => {
  const refused = async (work: Promise<Client>): Promise<string> =>
    await work.then(
      () => 'let in',
      (error: unknown) => (error instanceof Error && 'code' in error ? `${String(error.code)} ${error.message}` : ''),
    );

  it.each([
    ['altogether', { clients: 2 }, '53300 sorry, too many clients already'],
    ['in a role', { clientsPerUser: 2 }, '53300 too many connections for role "postgres"'],
    ['to a database', { clientsPerDatabase: 2 }, `53300 too many connections for database "${DATABASE}"`],
  ])('clients %s', async (_name, limits, expected) => {
    await behind(limits, async (proxy) => {
      const clients = [await connectClient(proxy, DATABASE), await connectClient(proxy, DATABASE)];
      expect(await refused(connectClient(proxy, DATABASE))).toBe(expected);
      await clients[0]?.end();
      const after = await eventually(
        async () => await connectClient(proxy, DATABASE).catch(() => undefined),
        (client) => client !== undefined,
      );
      expect(after).toBeDefined();
      await after?.end();
      await clients[1]?.end();
    });
  });

  it('strangers, who do not keep clients from working', async () => {
    await behind({ strangers: 3 }, async (proxy) => {
      const working = await connectClient(proxy, DATABASE);
      const sockets = await Promise.all(
        Array.from({ length: 3 }, async () => {
          const socket: Socket = connect({ host: '127.0.0.1', port: proxy.port });
          await once(socket, 'connect');
          return socket;
        }),
      );
      expect(await refused(connectClient(proxy, DATABASE))).toBe('53300 sorry, too many clients already');
      expect((await working.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }]);
      for (const socket of sockets) socket.destroy();
      const after = await eventually(
        async () => await connectClient(proxy, DATABASE).catch(() => undefined),
        (client) => client !== undefined,
      );
      expect(after).toBeDefined();
      await after?.end();
      await working.end();
    });
  });
});

it('memory: no more are let in, and the one for whom most is held is ended', async () => {
  await behind({ memoryBytes: 1 }, async (proxy) => {
    // The clock has to look first.
    const said = await eventually(
      async () =>
        await connectClient(proxy, DATABASE).then(
          async (client) => {
            await client.end();
            return '';
          },
          (error: unknown) => (error instanceof Error ? error.message : ''),
        ),
      (message) => message !== '',
    );
    expect(said).toBe('out of memory');
  });
  await behind({}, async (proxy) => {
    const greedy = await logIn(proxy.port, DATABASE);
    // Most of a long message: the rest never comes.
    greedy.write(encodeQuery(`SELECT '${'x'.repeat(8 * 1024 * 1024)}'`).subarray(0, 6 * 1024 * 1024));
    const modest = await connectClient(proxy, DATABASE);
    proxy.proxy.reload({ ...proxy.config, limits: { ...proxy.config.limits, memoryBytes: 1 } });
    expect(comparable(await greedy.answer('closed')).at(-1)).toContain('C=53200');
    expect((await modest.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }]);
    await modest.end();
  });
});
