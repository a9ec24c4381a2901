/** How PostgreSQL joins what was shipped to it. */

import { startTestProxy, withClient, type TestProxy } from '../../support/proxy.js';
import { createDatabaseEverywhere, dropDatabaseEverywhere, type SharedServers } from '../../support/shared-servers.js';

const database = 'finisher';
/** As in TPC-H Q8: the filter of the small relation stands in the statement once more, and so does that of the large one. */
const join = `SELECT count(*) FROM small s, large l, extra e
   WHERE s.code = l.code AND s.kind = 'rare' AND l.id = e.id AND e.at BETWEEN 1 AND 30000`;

describe('a join of rows shipped', () => {
  let servers: SharedServers;
  let proxy: TestProxy;

  beforeAll(async () => {
    servers = await createDatabaseEverywhere(database);
    proxy = await startTestProxy(servers.shards.slice(0, 2));
    await withClient(proxy, database, async (client) => {
      await client.query('CREATE TABLE small (id int PRIMARY KEY, code int, kind text)');
      await client.query('CREATE TABLE large (id int PRIMARY KEY, code int)');
      await client.query(
        `INSERT INTO small SELECT n, n, CASE WHEN n % 10 = 0 THEN 'rare' ELSE 'common' END FROM generate_series(1, 500) n`,
      );
      await client.query('CREATE TABLE extra (id int PRIMARY KEY, at int)');
      await client.query('INSERT INTO large SELECT n, n % 700 FROM generate_series(1, 30000) n');
      await client.query('INSERT INTO extra SELECT n, n FROM generate_series(1, 30000) n');
    });
  }, 60_000);

  afterAll(async () => {
    await proxy.close();
    await dropDatabaseEverywhere(database);
  });

  it('does not read a large relation again for each row of a small one', async () => {
    await withClient(proxy, database, async (client) => {
      const { rows } = await client.query<Record<'QUERY PLAN', string>>(`EXPLAIN (ANALYZE, COSTS OFF) ${join}`);
      const lines = rows.map((row) => row['QUERY PLAN']);
      const finishing = lines.slice(lines.findIndex((line) => line.startsWith('Finishing'))).join('\n');
      expect(lines.join('\n')).toContain('by temporary table');
      expect(finishing).toContain('Hash Join');
      expect(finishing).not.toContain('Nested Loop');
    });
  });

  it('leaves no setting behind', async () => {
    await withClient(proxy, database, async (client) => {
      expect((await client.query(join)).rows).toEqual([{ count: '2150' }]);
      const { rows } = await client.query(
        'SELECT count(DISTINCT s.kind), current_setting($$enable_nestloop$$) AS nested FROM small s',
      );
      expect(rows).toEqual([{ count: '2', nested: 'on' }]);
    });
  });
});
