import type { CatalogSnapshot } from '../../../catalog/schema.js';
import { loadSnapshot } from '../../../catalog/load.js';
import { resolveRelation } from '../../../planner/tree/scope.js';
import { createDatabaseEverywhere, dropDatabaseEverywhere } from '../../support/shared-servers.js';
import { connectAsText, type TextConnection } from '../../catalog/server.js';

const database = 'planner_scope';

let connection: TextConnection;
let snapshot: CatalogSnapshot;

beforeAll(async () => {
  const { shards } = await createDatabaseEverywhere(database);
  connection = await connectAsText(shards[0] ?? { host: '', port: 0 }, database);
  await connection.query(`
    CREATE SCHEMA a; CREATE SCHEMA b; CREATE SCHEMA "C";
    CREATE TABLE a.t (); CREATE TABLE b.t (); CREATE TABLE public.t (); CREATE TABLE "C"."T" ();
    CREATE TABLE a.pg_class (); CREATE TABLE b.only_b (); CREATE TYPE a.only_b AS (x int);
    CREATE TEMP TABLE scratch (); CREATE TABLE a.scratch (); CREATE TEMP TABLE pg_type ();`);
  snapshot = await loadSnapshot(connection.query, database);
});

afterAll(async () => {
  await connection.close();
  await dropDatabaseEverywhere(database);
});

/** Every name under every path must mean what the server says that it means. */
describe('resolveRelation', () => {
  const paths: readonly (readonly string[])[] = [
    [],
    ['public'],
    ['a', 'b', 'public'],
    ['b', 'a'],
    ['none', 'C'],
    ['a', 'pg_catalog'],
    ['a', 'pg_temp'],
    ['pg_catalog', 'a', 'pg_temp'],
    ['pg_temp', 'pg_catalog'],
    ['information_schema'],
  ];
  const names = ['t', 'T', 'pg_class', 'pg_type', 'only_b', 'scratch', 'tables', 'none'];

  it.each(paths.map((path) => [path] as const))('agrees with the server under the path %j', async (path) => {
    await connection.query(`SELECT set_config('search_path', '${path.map((each) => `"${each}"`).join(', ')}', false)`);
    for (const name of names) {
      const [row] = await connection.query(
        `SELECT to_regclass('"${name}"')::oid::text AS oid, (SELECT relnamespace FROM pg_catalog.pg_class WHERE oid = to_regclass('"${name}"'))
           IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) AS system`,
      );
      const found = resolveRelation({ schema: undefined, name }, { catalog: snapshot, searchPath: path });
      const oid = typeof found === 'object' ? String(found.oid) : null;
      expect([name, found === 'catalog' ? 'catalog' : oid]).toEqual([
        name,
        row?.['system'] === 't' ? 'catalog' : row?.['oid'],
      ]);
    }
  });

  it('takes a schema at its word', () => {
    const meaning = (schema: string, name: string): unknown =>
      resolveRelation({ schema, name }, { catalog: snapshot, searchPath: ['a'] });
    expect(meaning('b', 't')).toBe(snapshot.relation('b', 't'));
    expect(meaning('information_schema', 'tables')).toBe('catalog');
    expect(meaning('pg_temp', 'scratch')).toMatchObject({ isTemporary: true });
    expect(meaning('none', 't')).toBeUndefined();
  });
});
