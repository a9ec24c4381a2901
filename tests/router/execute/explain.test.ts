/**
 * What EXPLAIN answers is as in golden/explain.txt. UPDATE_GOLDEN=1 writes it as it is now; read the difference before
 * committing it.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import type { Client } from 'pg';
import { parse as parseYaml } from 'yaml';
import { startTestProxy, withClient, type TestProxy } from '../../support/proxy.js';
import { createDatabaseEverywhere, dropDatabaseEverywhere } from '../../support/shared-servers.js';

const database = 'explain';
const golden = new URL('../../../../tests/router/execute/golden/explain.txt', import.meta.url);

type Row = Readonly<Record<'QUERY PLAN', unknown>>;

/** The servers' own plans are compared where they are of the version that the file was written with. */
function comparedLines(block: string, isNewest: boolean): readonly string[] {
  const lines = block.split('\n');
  if (isNewest) return lines;
  return lines[0]?.includes('GENERIC_PLAN') === true ? [] : lines.filter((line) => !line.startsWith('  >     '));
}

describe('EXPLAIN', () => {
  let proxy: TestProxy;

  beforeAll(async () => {
    const { shards } = await createDatabaseEverywhere(database);
    proxy = await startTestProxy(shards.slice(0, 2));
    await withClient(proxy, database, async (client) => {
      await client.query('CREATE TABLE t (id int PRIMARY KEY, v int)');
      await client.query('CREATE TABLE u (id int PRIMARY KEY, v int)');
      await client.query("CREATE TABLE r (id int PRIMARY KEY, v int) WITH (pgring.placement = 'reference')");
      await client.query("CREATE TABLE h (id int, v int) WITH (pgring.placement = 'home')");
      await client.query('INSERT INTO t SELECT n, n % 5 FROM generate_series(1, 200) AS n');
      await client.query('INSERT INTO u SELECT n, n % 5 FROM generate_series(1, 200) AS n');
      await client.query('VACUUM ANALYZE');
    });
  });

  afterAll(async () => {
    await proxy.close();
    await dropDatabaseEverywhere(database);
  });

  async function explain(client: Client, sql: string): Promise<readonly unknown[]> {
    const { rows } = await client.query<Row>(sql);
    return rows.map((row) => row['QUERY PLAN']);
  }

  it('answers as in the golden file', async () => {
    const blocks = readFileSync(golden, 'utf8').trim().split(/\n\n/);
    const answers: string[] = [];
    let isNewest = true;
    await withClient(proxy, database, async (client) => {
      const { rows } = await client.query<{ version: number }>(
        "SELECT current_setting('server_version_num')::int AS version",
      );
      isNewest = (rows[0]?.version ?? 0) >= 180_000;
      for (const block of blocks) {
        const sql = block
          .split('\n')
          .filter((line) => !line.startsWith('  > '))
          .join('\n');
        // What is written is undone, so that every statement finds the same rows.
        await client.query('BEGIN');
        const lines = await explain(client, sql).catch((error: unknown) => [`ERROR ${String(error)}`]);
        await client.query('ROLLBACK');
        answers.push([sql, ...lines.map((line) => `  > ${String(line)}`.trimEnd())].join('\n'));
      }
    });
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, `${answers.join('\n\n')}\n`);
    else
      expect(answers.map((block) => comparedLines(block, isNewest))).toEqual(
        blocks.map((block) => comparedLines(block, isNewest)),
      );
  });

  const statements = [
    'SELECT * FROM t WHERE id = 5',
    'SELECT * FROM t ORDER BY id LIMIT 3',
    'SELECT v, avg(id) FROM t GROUP BY v',
    'SELECT count(*) FROM t JOIN u ON t.v = u.id, r',
    "UPDATE t SET v = 7 WHERE v = 3 AND 'a<b&\"c' <> ''",
    'INSERT INTO t VALUES (1001, 1), (1002, 2), (1003, 3), (1004, 4)',
    'MERGE INTO t USING (SELECT 1 AS id, 8 AS v) AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.v)',
  ];

  it.each(statements)('is one document in JSON, XML and YAML: %s', async (sql) => {
    await withClient(proxy, database, async (client) => {
      await client.query('BEGIN');
      const options = 'ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF';
      const [json, ...more] = await explain(client, `EXPLAIN (${options}, FORMAT JSON) ${sql}`);
      await client.query('ROLLBACK');
      await client.query('BEGIN');
      expect(more).toEqual([]);
      const [top] = json as readonly Readonly<Record<string, Readonly<Record<string, unknown>>>>[];
      expect(typeof top?.['Plan']?.['Node Type']).toBe('string');
      expect(typeof top?.['Plan']?.['Actual Rows']).toBe('number');
      expect(top?.['pgring']?.['Shards']).toBeDefined();
      const [yaml] = await explain(client, `EXPLAIN (${options}, FORMAT YAML) ${sql}`);
      await client.query('ROLLBACK');
      const comparable = (value: unknown): string =>
        JSON.stringify(value).replaceAll(
          /"(Actual Total Time|Execution Time|Sort Space Used|Peak Memory Usage)":[^,}]*/g,
          '',
        );
      expect(comparable(parseYaml(String(yaml)))).toBe(comparable(json));
      await client.query('BEGIN');
      const [xml] = await explain(client, `EXPLAIN (${options}, FORMAT XML) ${sql}`);
      await client.query('ROLLBACK');
      const nodes =
        "xpath('/e:explain/e:Query/e:Plan/e:Node-Type/text()', $1::xml, '{{e,http://www.postgresql.org/2009/explain}}')";
      const { rows } = await client.query<{ type: string }>(`SELECT (${nodes})[1]::text AS type`, [xml]);
      expect(rows[0]?.type).toBe(top?.['Plan']?.['Node Type']);
    });
  });

  it('really runs with ANALYZE, and counts what is shipped', async () => {
    await withClient(proxy, database, async (client) => {
      await client.query('BEGIN');
      await explain(client, 'EXPLAIN ANALYZE INSERT INTO t VALUES (2001, 1), (2002, 2), (2003, 3)');
      await explain(client, 'EXPLAIN ANALYZE DELETE FROM t WHERE v = 2 AND id < 2000');
      await explain(client, 'EXPLAIN ANALYZE CREATE TABLE made AS SELECT * FROM t');
      await explain(client, 'EXPLAIN ANALYZE INSERT INTO made SELECT id + 10000, v FROM t');
      const { rows } = await client.query('SELECT count(*)::int AS t, (SELECT count(*)::int FROM made) AS made FROM t');
      expect(rows).toEqual([{ t: 163, made: 326 }]);
      await client.query('ROLLBACK');
      const lines = await explain(client, 'EXPLAIN ANALYZE SELECT v, array_agg(id ORDER BY id) FROM t GROUP BY v');
      expect(lines.join('\n')).toMatch(
        /^Shipped \{relation 0\}: 200 rows, \d+ bytes, by (array parameters|(kept )?temporary table)$/m,
      );
      expect(lines.at(-1)).toMatch(/^Time of all: \d+\.\d{3} ms$/);
    });
  });

  it('tells positions in the text of the client', async () => {
    await withClient(proxy, database, async (client) => {
      const position = async (sql: string): Promise<unknown> =>
        await client.query(sql).then(
          () => 'no error',
          (error: unknown) => (error as { position?: string }).position,
        );
      expect(await position('EXPLAIN SELECT nope FROM t WHERE id = 3')).toBe('16');
      expect(await position('EXPLAIN (COSTS OFF) SELECT nope FROM t')).toBe('28');
      expect(await position('EXPLAIN (FORMAT JSON) SELECT id, nope FROM t')).toBe('34');
    });
  });
});
