import { createDatabaseEverywhere, dropDatabaseEverywhere, type SharedServers } from '../../support/shared-servers.js';
import { startTestProxy, withClient, type TestProxy } from '../../support/proxy.js';

const database = 'sizes';

describe('what is stored is measured on all shards', () => {
  let servers: SharedServers;
  let proxy: TestProxy;

  beforeAll(async () => {
    servers = await createDatabaseEverywhere(database);
    proxy = await startTestProxy(servers.shards.slice(0, 3));
    await withClient(proxy, database, async (client) => {
      await client.query('CREATE TABLE t (id int PRIMARY KEY, x text)');
      await client.query("CREATE TABLE copied (id int PRIMARY KEY) WITH (pgring.placement = 'reference')");
      await client.query('CREATE TABLE parted (id int, d int, PRIMARY KEY (id, d)) PARTITION BY RANGE (d)');
      await client.query('CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (1000)');
      await client.query("INSERT INTO t SELECT n, repeat('x', n) FROM generate_series(1, 3000) AS n");
      await client.query('INSERT INTO parted SELECT n, n % 1000 FROM generate_series(1, 3000) AS n');
      await client.query('INSERT INTO copied VALUES (1), (2)');
    });
  });

  afterAll(async () => {
    await proxy.close();
    await dropDatabaseEverywhere(database);
  });

  async function ask(sql: string, parameters: readonly unknown[] = []): Promise<number> {
    return await withClient(proxy, database, async (client) => {
      const { rows } = await client.query<{ size: string }>(`SELECT ${sql} AS size`, [...parameters]);
      return Number(rows[0]?.size);
    });
  }

  async function onShards(sql: string): Promise<readonly number[]> {
    return await Promise.all(
      servers.shards.slice(0, 3).map(
        async (shard) =>
          await withClient(shard, database, async (client) => {
            const { rows } = await client.query<{ size: string }>(`SELECT ${sql} AS size`);
            return Number(rows[0]?.size);
          }),
      ),
    );
  }

  it.each([
    "pg_relation_size('t')",
    "pg_relation_size('t', 'fsm')",
    "pg_relation_size('t_pkey')",
    "pg_table_size('t')",
    "pg_indexes_size('t')",
    "pg_total_relation_size('t')",
    "pg_total_relation_size('parted_1')",
    "(SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relname ~ '^parted')",
    "(SELECT pg_total_relation_size(reltoastrelid) FROM pg_class WHERE relname = 't')",
    `pg_database_size('${database}')`,
    'pg_database_size(current_database())',
    "pg_tablespace_size('pg_default')",
  ])('%s is the sum', async (sql) => {
    const parts = await onShards(sql);
    expect(parts.every((part) => part > 0)).toBe(true);
    // Statistics may be written and other databases come and go while the two are asked.
    const sum = parts.reduce((total, part) => total + part, 0);
    expect(Math.abs((await ask(sql)) - sum) / sum).toBeLessThan(
      sql.includes('database') || sql.includes('space') ? 0.5 : 0.01,
    );
  });

  it('a reference table counts once, and a parameter may name the relation', async () => {
    const [home] = await onShards("pg_table_size('copied')");
    expect(await ask("pg_table_size('copied')")).toBe(home);
    const parts = await onShards("pg_table_size('t')");
    expect(await ask('pg_table_size($1)', ['t'])).toBe(parts.reduce((total, part) => total + part, 0));
  });

  it('a view that asks for sizes is planned as its definition', async () => {
    await withClient(proxy, database, async (client) => {
      await client.query('CREATE VIEW sized AS SELECT relname, pg_table_size(oid) AS size FROM pg_class');
      const { rows } = await client.query<{ size: string }>("SELECT size FROM sized WHERE relname = 't'");
      const parts = await onShards("pg_table_size('t')");
      expect(Number(rows[0]?.size)).toBe(parts.reduce((total, part) => total + part, 0));
    });
  });
});
