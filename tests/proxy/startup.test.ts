/** The first packets of a connection, answered as one PostgreSQL answers them. */

import { encodeCancel, encodeQuery, encodeStartup, sslRequestPacket } from '../../wire/encode-frontend.js';
import { readBackendKeyData } from '../../wire/backend.js';
import { requestCode } from '../../wire/startup.js';
import { createDatabaseEverywhere, dropDatabaseEverywhere, type SharedServers } from '../support/shared-servers.js';
import { comparable, logIn, RawClient } from './conversation.js';
import { startProxyUnderTest, type ProxyUnderTest } from './proxy-under-test.js';

const DATABASE = 'protocol_startup';

let servers: SharedServers;
let proxy: ProxyUnderTest;

beforeAll(async () => {
  servers = await createDatabaseEverywhere(DATABASE);
  proxy = await startProxyUnderTest(servers.shards, { limits: { startupTimeoutMs: 300 } });
});

afterAll(async () => {
  await proxy.close();
  await dropDatabaseEverywhere(DATABASE);
});

/** A start-up packet of any version, with any pairs. */
function startup(minor: number, pairs: readonly (readonly [string, string])[], major = 3): Buffer {
  const packet = Buffer.from(encodeStartup(pairs));
  packet.writeUInt16BE(major, 4);
  packet.writeUInt16BE(minor, 6);
  return packet;
}

function request(code: number): Buffer {
  const packet = Buffer.alloc(8);
  packet.writeInt32BE(8);
  packet.writeInt32BE(code, 4);
  return packet;
}

const identity: readonly (readonly [string, string])[] = [
  ['user', 'postgres'],
  ['database', DATABASE],
];

async function answer(port: number, pieces: readonly Buffer[], until: 'ready' | 'closed'): Promise<string[]> {
  const client = new RawClient(port);
  try {
    for (const piece of pieces) {
      client.write(piece);
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    return comparable(await client.answer(until === 'ready' ? 1 : 'closed'));
  } finally {
    client.destroy();
  }
}

/** The same packet to both; whole, and cut at each byte. */
async function expectSame(packet: Buffer, until: 'ready' | 'closed'): Promise<string[]> {
  const expected = await answer(servers.oracle.port, [packet], until);
  expect(await answer(proxy.port, [packet], until)).toEqual(expected);
  for (let cut = 1; cut < packet.length; cut += 1) {
    expect(await answer(proxy.port, [packet.subarray(0, cut), packet.subarray(cut)], until)).toEqual(expected);
  }
  return expected;
}

it('protocol 3.0', async () => {
  const messages = await expectSame(startup(0, identity), 'ready');
  expect(messages).toContain('K 4 bytes');
});

it('protocol 3.2: a longer key', async () => {
  expect(await expectSame(startup(2, identity), 'ready')).toContain('K 32 bytes');
});

it('a newer minor version and options of the protocol are negotiated', async () => {
  const [first] = await expectSame(startup(9, [...identity, ['_pq_.one', '1'], ['_pq_.two', '']]), 'ready');
  expect(first).toMatch(/^v /);
  await expectSame(startup(0, [...identity, ['_pq_.one', '1']]), 'ready');
});

it('parameters of the start-up are the settings of the session', async () => {
  await expectSame(
    startup(0, [
      ...identity,
      ['application_name', 'me'],
      ['DateStyle', 'German'],
      ['TimeZone', 'Asia/Tokyo'],
      ['options', '-c IntervalStyle=iso_8601 -c search_path=x,y'],
      ['client_encoding', 'UTF8'],
    ]),
    'ready',
  );
});

it('a database and a setting that do not exist', async () => {
  const unknownDatabase = await answer(
    servers.oracle.port,
    [
      startup(0, [
        ['user', 'postgres'],
        ['database', 'no such'],
      ]),
    ],
    'closed',
  );
  const answered = await answer(
    proxy.port,
    [
      startup(0, [
        ['user', 'postgres'],
        ['database', 'no such'],
      ]),
    ],
    'closed',
  );
  expect(answered.map((line) => line.replace(/ D=Reported by .*?\.(?= |$)/, ''))).toEqual(unknownDatabase);
  expect(unknownDatabase.at(-1)).toContain('C=3D000');
});

it('a role that does not exist', async () => {
  const packet = startup(0, [
    ['user', 'no such role'],
    ['database', DATABASE],
  ]);
  const expected = await answer(servers.oracle.port, [packet], 'closed');
  const answered = await answer(proxy.port, [packet], 'closed');
  for (const part of ['C=28000', 'M=role "no such role" does not exist', 'S=FATAL']) {
    expect(expected.at(-1)).toContain(part);
    expect(answered.at(-1)).toContain(part);
  }
});

it.each([
  ['no user', startup(0, [['database', DATABASE]])],
  ['no parameter', startup(0, [])],
  ['an unknown major version', startup(0, identity, 9)],
])('%s', async (_name, packet) => {
  const expected = await answer(servers.oracle.port, [packet], 'closed');
  expect(await answer(proxy.port, [packet], 'closed')).toEqual(expected);
});

it.each([
  ['SSLRequest', sslRequestPacket],
  ['GSSENCRequest', request(requestCode.gssenc)],
])('%s is refused by a byte, and the start-up follows', async (_name, packet) => {
  for (const port of [servers.oracle.port, proxy.port]) {
    const client = new RawClient(port, { raw: true });
    client.write(packet);
    expect((await client.readRaw(1)).toString('latin1')).toBe('N');
    client.write(startup(0, identity));
    const frames = comparable(await client.answer(1));
    expect(frames.at(-1)).toBe('Z "I"');
    client.destroy();
  }
});

it('bytes sent together with SSLRequest are not taken for the client’s own', async () => {
  expect(
    (await answer(proxy.port, [Buffer.concat([sslRequestPacket, startup(0, identity)])], 'closed')).at(-1),
  ).toContain('S=FATAL');
});

it('a client that says nothing is sent away', async () => {
  const started = Date.now();
  const [message] = await answer(proxy.port, [], 'closed');
  expect(message).toMatch(/C=08P01 M=timeout/);
  expect(Date.now() - started).toBeGreaterThanOrEqual(290);
  expect((await answer(proxy.port, [startup(0, identity).subarray(0, 9)], 'closed'))[0]).toMatch(/M=timeout/);
});

it.each([0, 2])('CancelRequest with the key of protocol 3.%i, and with a wrong one', async (minor) => {
  const client = new RawClient(proxy.port);
  client.write(startup(minor, identity));
  const keyFrame = (await client.answer(1)).find((frame) => frame[0] === 0x4b);
  const { processId, secretKey } = readBackendKeyData(keyFrame ?? Buffer.alloc(0));
  client.write(encodeQuery('SELECT 1 FROM pg_sleep(60)'));
  const wrong = Buffer.from(secretKey);
  wrong[0] = (wrong[0] ?? 0) ^ 1;
  for (const key of [wrong, secretKey.subarray(0, 3), secretKey]) {
    expect(await answer(proxy.port, [encodeCancel(processId, key)], 'closed')).toEqual([]);
  }
  const [, error] = comparable(await client.answer(1));
  expect(error).toContain('C=57014');
  client.write(encodeQuery('SELECT 1'));
  expect(comparable(await client.answer(1)).at(-1)).toBe('Z "I"');
  client.destroy();
});

it('a session begins in the database that the user is named after', async () => {
  const client = await logIn(proxy.port, DATABASE);
  client.write(encodeQuery('SELECT current_database()'));
  expect(comparable(await client.answer(1))[1]).toBe(`D "${DATABASE}"`);
  client.destroy();
});
