/** Advice of a server that counts its statements: they are planned over the placements that are proposed. */

import { Client } from 'pg';
import { advise } from '../../../cli/advise/advice.js';
import { readServer } from '../../../cli/advise/read-server.js';
import { reportText } from '../../../cli/advise/report.js';
import { startServers, type TestServers } from '../../support/cluster.js';

describe('pgring advise, with pg_stat_statements', () => {
  let servers: TestServers;
  let url: string;

  beforeAll(async () => {
    servers = await startServers({ count: 1, settings: { shared_preload_libraries: 'pg_stat_statements' } });
    const [server] = servers.servers;
    url = `postgresql://postgres@${server?.host}:${server?.port}/postgres`;
    const client = new Client({ connectionString: url });
    await client.connect();
    await client.query(`
      CREATE SCHEMA stats; CREATE EXTENSION pg_stat_statements SCHEMA stats;
      CREATE SEQUENCE numbers;
      CREATE TABLE tenants (id bigint PRIMARY KEY, name text);
      CREATE TABLE items (tenant_id bigint REFERENCES tenants, id bigint, v text, PRIMARY KEY (tenant_id, id));
      INSERT INTO tenants SELECT i, 'n' FROM generate_series(1, 5000) AS i;
      INSERT INTO items SELECT i, i, 'v' FROM generate_series(1, 5000) AS i;
      ANALYZE;
    `);
    await client.query('SELECT stats.pg_stat_statements_reset()');
    for (let id = 1; id <= 7; id += 1) await client.query('SELECT * FROM items WHERE tenant_id = $1', [id]);
    for (let id = 1; id <= 3; id += 1) await client.query(`UPDATE items SET v = 'w' WHERE id < ${id}`);
    await client.query('SELECT count(*) FROM tenants t JOIN items i ON i.v = t.name');
    await client.query(
      "INSERT INTO items VALUES (1, -1, 'x'), (2, -2, 'y') ON CONFLICT (tenant_id, id) DO UPDATE SET v = nextval('numbers')",
    );
    await client.end();
  });

  afterAll(async () => {
    await servers.close();
  });

  it('tells how many calls go where', async () => {
    const advice = advise(await readServer(url), 3, new Map());
    const { workload } = advice.judgement;
    expect(workload?.oneShard).toBeGreaterThanOrEqual(7);
    expect(workload?.severalShards).toBeGreaterThanOrEqual(3);
    expect(workload?.combined).toBeGreaterThanOrEqual(1);
    expect(workload?.refused.map(({ subject, calls }) => [subject.slice(0, 17), calls])).toEqual([
      ['INSERT INTO items', 1],
    ]);
    expect(reportText(advice)).toContain('Calls of the statements that the server has counted:');
  });

  it('says so where they cannot be read', async () => {
    const client = new Client({ connectionString: url });
    await client.connect();
    await client.query(
      'CREATE ROLE plain LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO plain; REVOKE ALL ON SCHEMA stats FROM PUBLIC',
    );
    await client.end();
    const schema = await readServer(url.replace('postgres@', 'plain@'));
    expect(schema.statements).toBe(undefined);
    expect(schema.remarks).toEqual([expect.stringContaining('pg_stat_statements cannot be read')]);
  });
});
