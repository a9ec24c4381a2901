/** pg_dump, psql and pg_restore of PostgreSQL 15 move a schema into pgring, placed as `pgring advise` proposes, and out again. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dumpDifferences } from '../movein/dump-text.js';
import { moveInAndOut, type Move } from '../movein/move.js';
import { startServers, type TestServers } from '../support/cluster.js';
import { withClient } from '../support/proxy.js';
import { runPsql } from '../support/psql.js';
import { repositoryRoot } from '../support/repo.js';
import { describeWithTools } from '../support/requirement.js';

/** Each of some 250 statements of the dump is carried out three times over, on three servers. */
const TIMEOUT_MS = 300_000;

describeWithTools(['psql', 'postgresql-15'], 'pg_dump and pg_restore', () => {
  let servers: TestServers;
  let move: Move;

  beforeAll(async () => {
    servers = await startServers({ count: 4, majorVersion: 15, settings: { max_prepared_transactions: '20' } });
    const [source, ...shards] = servers.servers;
    if (source === undefined) throw new Error('no server');
    await withClient(source, 'postgres', async (client) => {
      await client.query('CREATE DATABASE moving');
    });
    const script = readFileSync(join(repositoryRoot, 'tests/tools/move-in.sql'), 'utf8');
    const { stderr } = await runPsql(script, { ...source, database: 'moving', stopOnError: true });
    expect(stderr).toBe('');
    move = await moveInAndOut({ source, database: 'moving', shards, programs: '', say: () => undefined });
  }, TIMEOUT_MS);

  afterAll(async () => {
    await servers.close();
  });

  it('shard what advise finds', () => {
    const placed = move.advice.tables.map(({ table, placement }) => [
      table.name,
      placement.kind === 'sharded' ? placement.key.join(', ') : placement.kind,
    ]);
    expect(Object.fromEntries(placed)).toMatchObject({
      countries: 'reference',
      customers: 'id',
      orders: 'customer_id',
      items: 'customer_id',
      events: 'id',
    });
  });

  it('move in without an error', () => {
    expect(move.errors).toEqual([]);
  });

  it('give back the same', () => {
    expect(move.differences).toEqual([]);
    expect(move.viewDifferences).toEqual([]);
    expect(move.views).toBe(3);
  });
});

describe('the comparison of dumps', () => {
  const dump = (rows: string, tail = ''): string =>
    `CREATE TABLE t (a int);\nCOPY t (a) FROM stdin;\n${rows}\n\\.\n${tail}`;

  it('sees what differs, and not the order of rows', () => {
    expect(dumpDifferences(dump('1\n2'), dump('2\n1'))).toEqual([]);
    expect(dumpDifferences(dump('1\n2'), dump('1'))).toEqual(['- 2']);
    expect(dumpDifferences(dump('1\n1'), dump('1'))).toEqual(['- 1']);
    expect(dumpDifferences(dump('1', 'A\nB'), dump('1', 'B\nA'))).toEqual(['line 5: - A', 'line 5: + B']);
  });
});
