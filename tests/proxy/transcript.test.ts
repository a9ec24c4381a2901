/** Conversations with pgring and with one PostgreSQL: every message must be the same, however the bytes are cut. */

import { createDatabaseEverywhere, dropDatabaseEverywhere, type SharedServers } from '../support/shared-servers.js';
import { converse, logIn, type RawClient, type Turn } from './conversation.js';
import { runStatements, startProxyUnderTest, type ProxyUnderTest } from './proxy-under-test.js';
import { copy } from './transcripts/copy.js';
import { cursors } from './transcripts/cursors.js';
import { extendedDetails } from './transcripts/extended-details.js';
import { extended } from './transcripts/extended.js';
import { simple } from './transcripts/simple.js';
import type { Transcript } from './transcripts/transcript.js';
import { encodeQuery } from '../../wire/encode-frontend.js';

const DATABASE = 'protocol_transcript';
/** Shorter transcripts are also cut into two writes at each position. */
const SHORT_BYTES = 120;

const tables = [
  'CREATE TABLE t (id int PRIMARY KEY, v text)',
  'CREATE TABLE r (id int PRIMARY KEY, v text NOT NULL)',
  'CREATE TABLE h (id int PRIMARY KEY, v text)',
];
const rows = [
  `INSERT INTO t VALUES ${Array.from({ length: 20 }, (_, index) => `(${index + 1}, 'v${index + 1}')`).join()}`,
  `INSERT INTO r VALUES ${Array.from({ length: 5 }, (_, index) => `(${index + 1}, 'r${index + 1}')`).join()}`,
];

let servers: SharedServers;
let proxy: ProxyUnderTest;

beforeAll(async () => {
  servers = await createDatabaseEverywhere(DATABASE);
  proxy = await startProxyUnderTest(servers.shards, {
    placement: {
      tables: [
        { schema: undefined, name: 'r', placement: { kind: 'reference' } },
        { schema: undefined, name: 'h', placement: { kind: 'home' } },
      ],
    },
  });
  await runStatements(servers.oracle, DATABASE, [...tables, ...rows]);
  await runStatements(proxy, DATABASE, [...tables, ...rows]);
});

afterAll(async () => {
  await proxy.close();
  await dropDatabaseEverywhere(DATABASE);
});

function byteCount(turns: readonly Turn[]): number {
  return turns.reduce((sum, { send }) => sum + send.reduce((bytes, frame) => bytes + frame.length, 0), 0);
}

/** The session as at its start, so that one connection serves many runs of a transcript. */
async function reset(client: RawClient): Promise<void> {
  client.write(Buffer.concat([encodeQuery('ROLLBACK'), encodeQuery('DISCARD ALL')]));
  await client.answer(2);
}

describe.each<[string, readonly Transcript[]]>([
  ['simple query', simple],
  ['extended query', extended],
  ['extended query, details', extendedDetails],
  ['copy', copy],
  ['cursors and prepared statements', cursors],
])('%s', (_kind, transcripts) => {
  it.each(transcripts)('$name', async ({ turns }) => {
    const oracle = await logIn(servers.oracle.port, DATABASE);
    const client = await logIn(proxy.port, DATABASE);
    try {
      const expected = await converse(oracle, turns, { kind: 'whole' });
      expect(await converse(client, turns, { kind: 'whole' })).toEqual(expected);
      await reset(client);
      expect(await converse(client, turns, { kind: 'byte by byte' })).toEqual(expected);
      const bytes = byteCount(turns);
      const cuts = bytes <= SHORT_BYTES ? bytes : 0;
      for (let position = 1; position < cuts; position += 1) {
        await reset(client);
        const got = await converse(client, turns, { kind: 'cut', position });
        if (got.join('\n') !== expected.join('\n')) expect({ position, got }).toEqual({ position, got: expected });
      }
    } finally {
      oracle.destroy();
      client.destroy();
    }
  });
});
