/** TPC-H's queries over four shards, at a small scale (docs/tpch.md has a larger one): answers as of one PostgreSQL. */

import type { Client } from 'pg';
import { ask, difference } from '../../bench/tpch/answer.js';
import { generateData, loadTables } from '../../bench/tpch/data.js';
import { queryCount, readQuery } from '../../bench/tpch/queries.js';
import type { Layout } from '../../bench/tpch/tables.js';
import { startTestProxy, type TestProxy, withClient } from '../support/proxy.js';
import { describeWithTools } from '../support/requirement.js';
import { createDatabaseEverywhere, dropDatabaseEverywhere, type SharedServers } from '../support/shared-servers.js';

/** Smaller ones do not keep the specification's primary keys: part and supplier come together twice in partsupp. */
const SCALE = 0.01;
const TIMEOUT_MS = 300_000;
/** So many have rows at this scale. */
const ANSWERED = 20;

const databases: Readonly<Record<Layout, string>> = { 'co-located': 'tpch_co_located', default: 'tpch_default' };
const layouts: readonly Layout[] = ['co-located', 'default'];
const numbers = Array.from({ length: queryCount }, (_, index) => index + 1);

describeWithTools(['tpchgen-cli'], 'TPC-H', () => {
  let servers: SharedServers;
  let proxy: TestProxy;

  beforeAll(async () => {
    const folder = await generateData(SCALE);
    for (const layout of layouts) servers = await createDatabaseEverywhere(databases[layout]);
    proxy = await startTestProxy(servers.shards);
    await withClient(servers.oracle, databases['co-located'], async (client) => {
      await loadTables(client, folder, undefined);
    });
    for (const layout of layouts) {
      await withClient(proxy, databases[layout], async (client) => {
        await loadTables(client, folder, layout);
      });
    }
  }, TIMEOUT_MS);

  afterAll(async () => {
    await proxy.close();
    for (const layout of layouts) await dropDatabaseEverywhere(databases[layout]);
  });

  const run = async (client: Client, number: number): ReturnType<typeof ask> => {
    const { before, sql, after } = readQuery(number, SCALE);
    for (const statement of before) await client.query(statement);
    const answer = await ask(client, sql);
    for (const statement of after) await client.query(statement);
    return answer;
  };

  it.each(layouts)(
    'is answered as by one PostgreSQL, %s',
    async (layout) => {
      const wrong: string[] = [];
      let answered = 0;
      await withClient(servers.oracle, databases['co-located'], async (postgres) => {
        await withClient(proxy, databases[layout], async (pgring) => {
          for (const number of numbers) {
            const expected = await run(postgres, number);
            const found = difference(expected, await run(pgring, number));
            if (found !== undefined) wrong.push(`Q${number}: ${found}`);
            if (expected.rows.length > 0) answered += 1;
          }
        });
      });
      expect(wrong).toEqual([]);
      expect(answered).toBeGreaterThanOrEqual(ANSWERED);
    },
    TIMEOUT_MS,
  );
});
