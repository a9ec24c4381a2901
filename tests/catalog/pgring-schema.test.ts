import { loadSnapshot } from '../../catalog/load.js';
import { installSql, placeSql, pgringSchemaVersion, pruneSql } from '../../catalog/pgring-schema.js';
import { createDatabaseEverywhere, dropDatabaseEverywhere, type ServerAddress } from '../support/shared-servers.js';
import { connectAsText, type TextConnection } from './server.js';

const database = 'catalog_pgring_schema';
const role = 'catalog_schema_client';

let server: ServerAddress;
let admin: TextConnection;
let client: TextConnection;

beforeAll(async () => {
  const { shards } = await createDatabaseEverywhere(database);
  server = shards[0] ?? { host: '', port: 0, socketDirectory: '' };
  admin = await connectAsText(server, database);
  await admin.query(`DO $$ BEGIN CREATE ROLE ${role} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$`);
  await admin.query(`GRANT CREATE ON SCHEMA public TO ${role}`);
  // Many at once, on a database without the schema: they must wait for each other, not fail.
  const connections = await Promise.all([1, 2, 3, 4, 5].map(() => connectAsText(server, database)));
  await Promise.all(connections.map((each) => each.query(installSql())));
  await Promise.all(connections.map((each) => each.close()));
  client = await connectAsText(server, database, role);
});

afterAll(async () => {
  await client.close();
  await admin.query(`DROP OWNED BY ${role}`);
  await admin.close();
  await dropDatabaseEverywhere(database);
  const postgres = await connectAsText(server, 'postgres');
  await postgres.query(`DROP ROLE ${role}`);
  await postgres.close();
});

async function placementOf(name: string) {
  return (await loadSnapshot(admin.query, database)).relation('public', name)?.placement;
}

describe('installSql', () => {
  it('changes nothing when all is there', async () => {
    const before = await admin.query(`SELECT xmin, oid FROM pg_class WHERE relnamespace = 'pgring'::regnamespace`);
    await admin.query(installSql());
    expect(await admin.query(`SELECT xmin, oid FROM pg_class WHERE relnamespace = 'pgring'::regnamespace`)).toEqual(
      before,
    );
    expect(await admin.query('SELECT version FROM pgring.meta')).toEqual([{ version: String(pgringSchemaVersion) }]);
  });

  it('brings an older or half-made schema up to date, and keeps its rows', async () => {
    await admin.query(`INSERT INTO pgring.commit_log (gid) VALUES ('kept')`);
    await admin.query('UPDATE pgring.meta SET version = 0');
    await admin.query('DROP POLICY owners_write ON pgring.placement');
    await admin.query(installSql());
    expect(await admin.query('SELECT gid, state FROM pgring.commit_log')).toEqual([{ gid: 'kept', state: 'commit' }]);
    expect(await admin.query('SELECT version FROM pgring.meta')).toEqual([{ version: String(pgringSchemaVersion) }]);
    await admin.query('TRUNCATE pgring.commit_log');
  });
});

describe('the commit log', () => {
  it('takes a commit from any role, once, and an abort from pgring’s own role only', async () => {
    await client.query(`INSERT INTO pgring.commit_log (gid) VALUES ('one')`);
    await expect(client.query(`INSERT INTO pgring.commit_log (gid) VALUES ('one')`)).rejects.toMatchObject({
      code: '23505',
    });
    const abort = (gid: string) => `INSERT INTO pgring.commit_log (gid, state) VALUES ('${gid}', 'abort')`;
    await expect(client.query(abort('two'))).rejects.toMatchObject({ code: '42501' });
    await admin.query(abort('two'));
    await expect(client.query('DELETE FROM pgring.commit_log')).rejects.toMatchObject({ code: '42501' });
  });

  it('commits with a prepared transaction', async () => {
    await client.query(`BEGIN; INSERT INTO pgring.commit_log (gid) VALUES ('three'); PREPARE TRANSACTION 'three'`);
    expect(await admin.query(`SELECT FROM pgring.commit_log WHERE gid = 'three'`)).toHaveLength(0);
    await client.query(`COMMIT PREPARED 'three'`);
    expect(await admin.query(`SELECT FROM pgring.commit_log WHERE gid = 'three'`)).toHaveLength(1);
  });
});

describe('placements', () => {
  it('are written with the table by its owner, changed, and pruned when it is dropped', async () => {
    await client.query(`CREATE TABLE mine (a int, "B ""q""" int, c int)`);
    await client.query(placeSql('public', 'mine', { kind: 'sharded', key: ['c', 'B "q"'] }));
    expect(await placementOf('mine')).toEqual({ kind: 'sharded', key: ['c', 'B "q"'] });
    await client.query('ALTER TABLE mine RENAME COLUMN c TO d; ALTER TABLE mine RENAME TO yours');
    expect(await placementOf('yours')).toEqual({ kind: 'sharded', key: ['d', 'B "q"'] });
    await client.query(placeSql('public', 'yours', { kind: 'reference' }));
    expect(await placementOf('yours')).toEqual({ kind: 'reference' });
    await client.query('BEGIN');
    await client.query('DROP TABLE yours');
    await client.query(pruneSql());
    await client.query('COMMIT');
    expect(await admin.query('SELECT FROM pgring.placement')).toHaveLength(0);
  });

  it('are refused for a key whose equal values may differ in their bytes', async () => {
    await client.query(
      `CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
       CREATE TABLE folded (k text COLLATE any_case, v text)`,
    );
    const sql = (key: string): string => placeSql('public', 'folded', { kind: 'sharded', key: [key] });
    await expect(client.query(sql('k'))).rejects.toMatchObject({ code: '0A000', hint: expect.any(String) as string });
    await client.query(`BEGIN; ${sql('v')}; ROLLBACK; DROP TABLE folded; DROP COLLATION any_case`);
  });

  it('vanish with the transaction that made the table', async () => {
    await client.query('BEGIN');
    await client.query('CREATE TABLE undone (a int)');
    await client.query(placeSql('public', 'undone', { kind: 'sharded', key: ['a'] }));
    await client.query('ROLLBACK');
    expect(await admin.query('SELECT FROM pgring.placement')).toHaveLength(0);
  });

  it('of other roles’ tables cannot be changed or removed', async () => {
    await admin.query('CREATE TABLE foreign_to_client (a int)');
    const sql = placeSql('public', 'foreign_to_client', { kind: 'sharded', key: ['a'] });
    await expect(client.query(sql)).rejects.toMatchObject({ code: '42501' });
    await admin.query(sql);
    await client.query('DELETE FROM pgring.placement');
    await client.query(`UPDATE pgring.placement SET kind = 'reference', key_columns = '{}'`);
    expect(await placementOf('foreign_to_client')).toEqual({ kind: 'sharded', key: ['a'] });
  });

  it('need a table and columns that exist', async () => {
    await admin.query('CREATE TABLE short (a int)');
    await expect(admin.query(placeSql('public', 'none', { kind: 'home' }))).rejects.toMatchObject({ code: '42P01' });
    for (const key of [['b'], ['a', 'b'], []]) {
      await expect(admin.query(placeSql('public', 'short', { kind: 'sharded', key }))).rejects.toMatchObject({
        code: '23514',
      });
    }
  });

  it('whose key column was dropped behind our back name no column that could be routed by', async () => {
    await admin.query('CREATE TABLE broken (a int, b int)');
    await admin.query(placeSql('public', 'broken', { kind: 'sharded', key: ['a'] }));
    await admin.query('ALTER TABLE broken DROP COLUMN a');
    expect(await placementOf('broken')).toEqual({ kind: 'sharded', key: ['........pg.dropped.1........'] });
  });

  it.each(['a"b', "a'b", 'a\\b', 'ä.b', "E'\\"])('work for a table and column called %j', async (name) => {
    const quoted = `"${name.replaceAll('"', '""')}"`;
    await admin.query(`CREATE TABLE ${quoted} (${quoted} int)`);
    await admin.query(placeSql('public', name, { kind: 'sharded', key: [name] }));
    expect(await placementOf(name)).toEqual({ kind: 'sharded', key: [name] });
  });
});
