/** What strangers and broken clients send: nobody else notices, nothing is kept, nothing hangs. */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { copyDoneFrame, encodeCopyFail, encodeQuery, encodeStartup, syncFrame } from '../../wire/encode-frontend.js';
import { createDatabaseEverywhere, dropDatabaseEverywhere, type SharedServers } from '../support/shared-servers.js';
import { comparable, logIn } from './conversation.js';
import {
  connectClient,
  eventually,
  runStatements,
  startProxyUnderTest,
  type ProxyUnderTest,
} from './proxy-under-test.js';
import { strangeFrame, strangePacket, validMessage } from './random-messages.js';
import { RandomSource } from './random-source.js';

const DATABASE = 'protocol_hostile';
const SEED = 20_261_122;
const AT_ONCE = 20;
const SERVER_CONNECTIONS = 40;

const tables = [
  'CREATE TABLE t (id int PRIMARY KEY, v text)',
  'CREATE TABLE r (id int PRIMARY KEY, v text)',
  `INSERT INTO t VALUES ${Array.from({ length: 20 }, (_, index) => `(${index + 1}, 'v${index + 1}')`).join()}`,
  `INSERT INTO r VALUES (1, 'a'), (2, 'b'), (3, 'c')`,
];

let servers: SharedServers;
let proxy: ProxyUnderTest;
const rejections: unknown[] = [];
const noteRejection = (reason: unknown): void => {
  rejections.push(reason);
};

beforeAll(async () => {
  process.on('unhandledRejection', noteRejection);
  servers = await createDatabaseEverywhere(DATABASE);
  proxy = await startProxyUnderTest(servers.shards, {
    limits: {
      startupTimeoutMs: 400,
      messageBytes: 64 * 1024,
      serverConnectionsPerShard: SERVER_CONNECTIONS,
      queueTimeoutMs: 8_000,
    },
    placement: { tables: [{ schema: undefined, name: 'r', placement: { kind: 'reference' } }] },
  });
  await runStatements(servers.oracle, DATABASE, tables);
  await runStatements(proxy, DATABASE, tables);
});

afterAll(async () => {
  await proxy.close();
  await dropDatabaseEverywhere(DATABASE);
  process.off('unhandledRejection', noteRejection);
});

/** Runs cases, some at once, while a well-behaved client goes on working; then looks for what was left behind. */
async function besieged(count: number, attack: (random: RandomSource) => Promise<void>): Promise<void> {
  const end = new AbortController();
  let answered = 0;
  const bystander = async (): Promise<void> => {
    const client = await connectClient(proxy, DATABASE);
    while (!end.signal.aborted) {
      const { rows } = await client.query<{ n: string }>('SELECT count(*) AS n FROM t WHERE id <= 20');
      expect(rows).toEqual([{ n: '20' }]);
      answered += 1;
      await sleep(5);
    }
    await client.end();
  };
  const working = bystander();
  let next = 0;
  try {
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        while (next < count) {
          const seed = SEED + next;
          next += 1;
          await attack(new RandomSource(seed));
        }
      }),
    );
  } finally {
    end.abort();
  }
  await working;
  expect(answered).toBeGreaterThan(0);
  await expectNothingLeft();
}

/** No server connection is busy or in a transaction, and all of them can be lent again. */
async function expectNothingLeft(): Promise<void> {
  for (const shard of servers.shards) {
    const client = await connectClient(shard, 'postgres');
    const busy = await eventually(
      async () =>
        (
          await client.query<{ query: string }>(
            `SELECT state || ': ' || query AS query FROM pg_stat_activity
             WHERE datname = $1 AND backend_type = 'client backend' AND state <> 'idle'`,
            [DATABASE],
          )
        ).rows,
      (rows) => rows.length === 0,
    );
    expect(busy).toEqual([]);
    await client.end();
  }
  const sessions = await Promise.all(
    Array.from({ length: SERVER_CONNECTIONS }, async () => await connectClient(proxy, DATABASE)),
  );
  const counts = await Promise.all(
    sessions.map(async (session) => (await session.query<{ n: string }>('SELECT count(*) AS n FROM t')).rows[0]?.n),
  );
  expect(new Set(counts).size).toBe(1);
  await Promise.all(sessions.map(async (session) => await session.end()));
  expect(rejections).toEqual([]);
}

async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await once(socket, 'close');
}

/** Writes and then leaves in one of the ways there are. Says whether the proxy closed the connection in time. */
async function leave(socket: Socket, random: RandomSource): Promise<void> {
  socket.on('error', () => undefined);
  socket.resume();
  switch (random.below(4)) {
    case 0:
      socket.resetAndDestroy();
      break;
    case 1:
      socket.destroy();
      break;
    case 2:
      await sleep(random.below(5));
      socket.end();
      break;
    default:
      socket.end();
  }
  await Promise.race([
    closed(socket),
    sleep(10_000, undefined, { ref: false }).then(() => {
      throw new Error('the proxy kept a connection whose client had ended it');
    }),
  ]);
}

it('5,000 strange start-ups', async () => {
  await besieged(5_000, async (random) => {
    const packet = strangePacket(random, DATABASE);
    const socket = connect({ host: '127.0.0.1', port: proxy.port });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    const cut = random.below(packet.length + 1);
    socket.write(packet.subarray(0, cut));
    if (random.below(2) === 0) await sleep(0);
    socket.write(packet.subarray(cut));
    await leave(socket, random);
  });
}, 120_000);

it('200 start-ups that stop in the middle are sent away', async () => {
  await besieged(200, async (random) => {
    const packet = encodeStartup([
      ['user', 'postgres'],
      ['database', DATABASE],
    ]);
    const socket = connect({ host: '127.0.0.1', port: proxy.port });
    socket.on('error', () => undefined);
    socket.resume();
    await once(socket, 'connect');
    socket.write(packet.subarray(0, random.below(packet.length)));
    await closed(socket);
  });
}, 60_000);

it('5,000 strange messages after the log-in', async () => {
  await besieged(1_000, async (random) => {
    const client = await logIn(proxy.port, DATABASE);
    for (let count = 0; count < 5; count += 1) {
      client.write(random.below(3) === 0 ? validMessage(random, true) : strangeFrame(random));
      if (random.below(4) === 0) await sleep(0);
    }
    await leave(client.socket, random);
  });
}, 120_000);

it('2,000 random valid messages cannot hang a session', async () => {
  await besieged(200, async (random) => {
    const client = await logIn(proxy.port, DATABASE);
    const messages = Array.from({ length: 10 }, () => validMessage(random, true));
    for (const frame of messages) client.write(frame);
    client.write(
      Buffer.concat([
        copyDoneFrame,
        encodeCopyFail('end'),
        syncFrame,
        encodeQuery('ROLLBACK'),
        encodeQuery('SELECT 4711'),
      ]),
    );
    try {
      for (;;) {
        const lines = comparable(await client.answer(1));
        if (lines.includes('D "4711"') || client.closed) break;
      }
    } catch (error) {
      throw new Error(`hung after ${JSON.stringify(messages.map((frame) => frame.toString('latin1')))}`, {
        cause: error,
      });
    }
    client.destroy();
  });
}, 120_000);
