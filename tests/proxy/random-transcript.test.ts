/** Random conversations of well-formed messages: pgring answers each as one PostgreSQL does. */

import { createDatabaseEverywhere, dropDatabaseEverywhere, type SharedServers } from '../support/shared-servers.js';
import { encodeQuery, syncFrame } from '../../wire/encode-frontend.js';
import { comparable, logIn } from './conversation.js';
import { runStatements, startProxyUnderTest, type ProxyUnderTest } from './proxy-under-test.js';
import { validMessage } from './random-messages.js';
import { RandomSource } from './random-source.js';

const DATABASE = 'protocol_random';
const CONVERSATIONS = 400;
const MESSAGES = 14;
const SEED = 4_711;

const tables = [
  'CREATE TABLE t (id int PRIMARY KEY, v text)',
  'CREATE TABLE r (id int PRIMARY KEY, v text)',
  `INSERT INTO t VALUES ${Array.from({ length: 20 }, (_, index) => `(${index + 1}, 'v${index + 1}')`).join()}`,
  `INSERT INTO r VALUES (1, 'a'), (2, 'b'), (3, 'c')`,
];

let servers: SharedServers;
let proxy: ProxyUnderTest;

beforeAll(async () => {
  servers = await createDatabaseEverywhere(DATABASE);
  proxy = await startProxyUnderTest(servers.shards, {
    placement: { tables: [{ schema: undefined, name: 'r', placement: { kind: 'reference' } }] },
  });
  await runStatements(servers.oracle, DATABASE, tables);
  await runStatements(proxy, DATABASE, tables);
});

afterAll(async () => {
  await proxy.close();
  await dropDatabaseEverywhere(DATABASE);
});

/** All answers up to that of the last query, which nothing before it can make fail. */
async function converse(port: number, frames: readonly Buffer[]): Promise<string[]> {
  const client = await logIn(port, DATABASE);
  try {
    client.write(Buffer.concat([...frames, syncFrame, encodeQuery('ROLLBACK'), encodeQuery("SELECT 'the end'")]));
    const lines: string[] = [];
    while (!lines.includes('D "the end"') && !client.closed) lines.push(...comparable(await client.answer(1)));
    return lines.filter((line) => !line.startsWith('S '));
  } finally {
    client.destroy();
  }
}

it.each(Array.from({ length: 8 }, (_, part) => part))('random conversations, part %i', async (part) => {
  for (let index = part; index < CONVERSATIONS; index += 8) {
    const random = new RandomSource(SEED + index);
    const frames = Array.from({ length: MESSAGES }, () => validMessage(random, false));
    const expected = await converse(servers.oracle.port, frames);
    const got = await converse(proxy.port, frames);
    const sent = frames.map((frame) => frame.toString('latin1'));
    if (got.join('\n') !== expected.join('\n')) expect({ index, sent, got }).toEqual({ index, sent, got: expected });
  }
});
