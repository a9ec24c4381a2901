/**
 * Everything that a session can leave on a server connection, tried by one client, while another looks at the same things
 * over the same connection: both must see what they would see on one PostgreSQL with a session each.
 */

import type { Client } from 'pg';
import { createDatabaseEverywhere, dropDatabaseEverywhere, type SharedServers } from '../support/shared-servers.js';
import { connectClient, runStatements, startProxyUnderTest, type ProxyUnderTest } from './proxy-under-test.js';

const DATABASE = 'protocol_leaks';
const IDS = [1, 2, 3, 4, 5, 6];

let servers: SharedServers;
/** One connection to each server. */
let one: ProxyUnderTest;
/** A second one, for the other client where the first one is pinned. */
let two: ProxyUnderTest;

const schema = [
  'CREATE TABLE t (id int PRIMARY KEY, made timestamptz NOT NULL, tenant text)',
  `INSERT INTO t SELECT id, '2026-01-02 03:04:05Z', 'x' FROM generate_series(1, 6) AS id`,
  'CREATE SEQUENCE numbers',
  'CREATE TABLE notes (id serial PRIMARY KEY, text text)',
  "SELECT undistribute_table('notes')",
  'CREATE SCHEMA other',
  'CREATE TABLE other.only_here (a int)',
  'CREATE ROLE leak_reader',
  'GRANT SELECT ON t TO leak_reader',
  `CREATE FUNCTION sets_locally() RETURNS text LANGUAGE sql SET work_mem = '7MB' AS 'SELECT current_setting(''work_mem'')'`,
  `CREATE FUNCTION locks(key bigint) RETURNS void LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_lock(key); END'`,
  `CREATE FUNCTION makes_temporary() RETURNS void LANGUAGE plpgsql AS 'BEGIN CREATE TEMP TABLE leak (a int); END'`,
  `CREATE FUNCTION sets(value text) RETURNS text LANGUAGE plpgsql AS 'BEGIN PERFORM set_config(''app.tenant'', value, false);
     PERFORM set_config(''TimeZone'', ''Asia/Tokyo'', false); RETURN value; END'`,
];
const declared = "SELECT create_distributed_function('sets(text)')";

beforeAll(async () => {
  servers = await createDatabaseEverywhere(DATABASE);
  const limits = { serverConnectionsReserve: 0, finishingConnectionsPerShard: 1, queueTimeoutMs: 1_000 };
  one = await startProxyUnderTest(servers.shards, { limits: { ...limits, serverConnectionsPerShard: 1 } });
  two = await startProxyUnderTest(servers.shards, { limits: { ...limits, serverConnectionsPerShard: 2 } });
  await runStatements(one, DATABASE, [...schema, declared]);
  await runStatements(
    servers.oracle,
    DATABASE,
    schema.filter((sql) => !sql.includes('undistribute')),
  );
});

afterAll(async () => {
  await one.close();
  await two.close();
  await runStatements(servers.oracle, DATABASE, ['DROP OWNED BY leak_reader', 'DROP ROLE leak_reader']);
  for (const shard of servers.shards) {
    await runStatements(shard, DATABASE, ['DROP OWNED BY leak_reader', 'DROP ROLE leak_reader']);
  }
  await dropDatabaseEverywhere(DATABASE);
});

/** What a statement gives, or why it gives nothing. */
async function ask(client: Client, text: string): Promise<unknown> {
  return await client.query(text).then(
    (result) => (Array.isArray(result) ? 'several' : [result.command, result.rows]),
    (error: unknown) => (error instanceof Error ? [error.message, 'code' in error ? error.code : ''] : error),
  );
}

const settings = `current_setting('work_mem') AS w, current_setting('TimeZone') AS z, current_setting('DateStyle') AS d,
  current_setting('search_path') AS p, current_setting('application_name') AS a, current_user::text AS u, session_user::text AS s,
  current_setting('statement_timeout') AS o, current_setting('default_transaction_read_only') AS r,
  current_setting('transaction_isolation') AS i, current_setting('app.tenant', true) AS t, current_setting('app.other', true) AS n,
  current_setting('idle_session_timeout') AS l`;

const looks: readonly string[] = [
  `SELECT ${settings}`,
  ...IDS.map((id) => `SELECT made::text, ${settings} FROM public.t WHERE id = ${id}`),
  'SELECT id, made::text FROM public.t ORDER BY id',
  'SELECT name, from_sql FROM pg_prepared_statements ORDER BY name',
  'SELECT name, is_holdable FROM pg_cursors ORDER BY name',
  'SELECT * FROM pg_listening_channels()',
  "SELECT to_regclass('leak')::text, to_regclass('pg_temp.leak')::text, to_regclass('only_here')::text",
  "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
  'EXECUTE kept',
  'FETCH ALL FROM held',
  'SHOW transaction_read_only',
];

const numbers = ["SELECT currval('public.numbers')", 'SELECT lastval()'];

interface Way {
  readonly name: string;
  readonly does: readonly string[];
  /** The client keeps its connection, so the other one needs a second. */
  readonly pins?: string;
  readonly asks?: readonly string[];
}

const ways: readonly Way[] = [
  { name: 'SET', does: ["SET work_mem = '9MB'", "SET TIME ZONE 'Asia/Tokyo'", "SET statement_timeout = '77s'"] },
  { name: 'SET, then RESET', does: ["SET work_mem = '9MB'", "SET TIME ZONE 'Asia/Tokyo'", 'RESET work_mem'] },
  { name: 'SET TO DEFAULT', does: ["SET work_mem = '9MB'", 'SET work_mem TO DEFAULT'] },
  { name: 'RESET ALL', does: ["SET work_mem = '9MB'", 'SET ROLE leak_reader', 'RESET ALL'] },
  { name: 'DISCARD ALL', does: ["SET work_mem = '9MB'", 'SET ROLE leak_reader', 'DISCARD ALL'] },
  { name: 'SET that adds to a value', does: ["SET DateStyle = 'German'", "SET DateStyle = 'DMY'"] },
  { name: 'SET SESSION CHARACTERISTICS', does: ['SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY'] },
  {
    name: 'characteristics, undone by another name',
    does: ['SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY', 'RESET default_transaction_read_only'],
  },
  { name: 'SET LOCAL', does: ['BEGIN', "SET LOCAL work_mem = '9MB'", 'SELECT count(*) FROM t', 'COMMIT'] },
  { name: 'SET in a transaction', does: ['BEGIN', "SET work_mem = '9MB'", 'SELECT count(*) FROM t', 'COMMIT'] },
  { name: 'SET, rolled back', does: ['BEGIN', "SET work_mem = '9MB'", 'SELECT count(*) FROM t', 'ROLLBACK'] },
  {
    name: 'SET, rolled back to a savepoint',
    does: ['BEGIN', "SET work_mem = '9MB'", 'SAVEPOINT s', "SET work_mem = '8MB'", 'ROLLBACK TO s', 'COMMIT'],
  },
  { name: 'SET in a transaction that fails', does: ['BEGIN', "SET work_mem = '9MB'", 'SELECT 1/0', 'COMMIT'] },
  { name: 'SET in a string that fails', does: ["SET work_mem = '9MB'; SELECT 1/0"] },
  { name: 'set_config()', does: ["SELECT set_config('work_mem', '9MB', false)"] },
  { name: 'set_config() for a transaction', does: ['BEGIN', "SELECT set_config('work_mem', '9MB', true)", 'COMMIT'] },
  { name: 'a name of its own', does: ["SET app.tenant = 'a'"] },
  { name: 'a name of its own, reset', does: ["SET app.tenant = 'a'", 'RESET app.tenant'] },
  { name: 'a name of its own for a transaction', does: ['BEGIN', "SET LOCAL app.tenant = 'a'", 'COMMIT'] },
  {
    name: 'a name of its own on all shards, rolled back',
    does: ['BEGIN', "SELECT set_config('app.tenant', 'a', true)", 'SELECT count(*) FROM t', 'ROLLBACK'],
  },
  { name: 'two names of its own', does: ["SET app.tenant = 'a'", "SET app.other = 'b'", 'DISCARD ALL'] },
  { name: 'search_path', does: ['SET search_path = other, public'] },
  { name: 'SET SCHEMA', does: ["SET SCHEMA 'other'"] },
  { name: 'SET ROLE', does: ['SET ROLE leak_reader'] },
  { name: 'SET ROLE, then NONE', does: ['SET ROLE leak_reader', 'SET ROLE NONE'] },
  { name: 'SET SESSION AUTHORIZATION', does: ['SET SESSION AUTHORIZATION leak_reader'] },
  {
    name: 'SET SESSION AUTHORIZATION over a role',
    does: ['SET ROLE leak_reader', 'SET SESSION AUTHORIZATION postgres'],
  },
  {
    name: 'RESET SESSION AUTHORIZATION',
    does: ['SET SESSION AUTHORIZATION leak_reader', 'RESET SESSION AUTHORIZATION'],
  },
  { name: 'application_name', does: ["SET application_name = 'a'"] },
  { name: 'SET TRANSACTION', does: ['BEGIN', 'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE READ ONLY', 'COMMIT'] },
  { name: 'a function with a setting', does: ['SELECT sets_locally()'] },
  { name: 'PREPARE', does: ['PREPARE kept AS SELECT 7 AS seven'] },
  { name: 'PREPARE, then DEALLOCATE', does: ['PREPARE kept AS SELECT 7 AS seven', 'DEALLOCATE ALL'] },
  { name: 'a cursor', does: ['BEGIN', 'DECLARE held CURSOR FOR SELECT id FROM t ORDER BY id', 'COMMIT'] },
  { name: 'a cursor WITH HOLD', does: ['DECLARE held CURSOR WITH HOLD FOR SELECT id FROM t ORDER BY id'] },
  { name: 'a cursor WITH HOLD over one shard', does: ['DECLARE held CURSOR WITH HOLD FOR SELECT 1 AS one'] },
  { name: 'an advisory lock of a transaction', does: ['BEGIN', 'SELECT pg_advisory_xact_lock(1)', 'COMMIT'] },
  { name: 'an advisory lock, given back', does: ['SELECT pg_advisory_lock(1)', 'SELECT pg_advisory_unlock(1)'] },
  { name: 'LISTEN, then UNLISTEN', does: ['LISTEN leak', 'UNLISTEN *'] },
  { name: 'a temporary table, dropped', does: ['CREATE TEMP TABLE leak (a int)', 'DROP TABLE leak'] },
  {
    name: 'a temporary table for a transaction',
    does: ['BEGIN', 'CREATE TEMP TABLE leak (a int) ON COMMIT DROP', 'COMMIT'],
  },
  { name: 'a transaction that failed', does: ['BEGIN', 'SELECT 1/0', 'ROLLBACK'] },
  { name: 'numbers, which the other looks at first', does: ["SELECT nextval('numbers')"], asks: [] },
  {
    name: 'numbers',
    does: ["SELECT nextval('numbers') > 0", "SELECT setval('numbers', 41)"],
    pins: 'sequence values',
    asks: numbers,
  },
  {
    name: 'numbers of defaults',
    does: ["INSERT INTO notes (text) VALUES ('x')", "SELECT setval('numbers', 43)"],
    pins: 'sequence values',
    asks: ["SELECT currval('notes_id_seq') > 0", ...numbers],
  },
  { name: 'numbers, discarded', does: ["SELECT nextval('numbers') > 0", 'DISCARD ALL'], asks: numbers },
  { name: 'a temporary table', does: ['CREATE TEMP TABLE leak (a int)'], pins: 'temporary objects' },
  { name: 'a temporary view', does: ['CREATE TEMP VIEW leak AS SELECT 1 AS a'], pins: 'temporary objects' },
  { name: 'a temporary table of a function', does: ['SELECT makes_temporary()'], pins: 'temporary objects' },
  {
    name: 'a temporary table of a DO block',
    does: ["DO 'BEGIN CREATE TEMP TABLE leak (a int); END'"],
    pins: 'temporary objects',
  },
  { name: 'an advisory lock', does: ['SELECT pg_advisory_lock(1)'], pins: 'advisory locks' },
  { name: 'a shared advisory lock', does: ['SELECT pg_try_advisory_lock_shared(1)'], pins: 'advisory locks' },
  { name: 'an advisory lock of a function', does: ['SELECT locks(1)'], pins: 'advisory locks' },
  {
    name: 'an advisory lock, kept by a rollback',
    does: ['BEGIN', 'SELECT pg_advisory_lock(1)', 'ROLLBACK'],
    pins: 'advisory locks',
  },
  {
    name: 'an advisory lock of a DO block',
    does: ["DO 'BEGIN PERFORM pg_advisory_lock(1); END'"],
    pins: 'advisory locks',
  },
  { name: 'LISTEN', does: ['LISTEN leak'], pins: 'LISTEN' },
  { name: 'a seed', does: ['SELECT setseed(0.5)'], pins: 'random seed', asks: ['SELECT random()'] },
  { name: 'SET SEED', does: ['SET SEED TO 0.5'], pins: 'random seed', asks: ['SELECT random()'] },
  { name: 'idle_session_timeout', does: ["SET idle_session_timeout = '77s'"], pins: 'idle_session_timeout' },
  { name: 'settings of a function that is not read', does: ["SELECT sets('a')"], pins: 'unknown function' },
];

/** The first client does it; then both look, in turns; then the first one leaves, and a third one looks. */
async function tryOut(
  address: { readonly host: string; readonly port: number },
  { does, asks = [] }: Way,
): Promise<{ readonly seen: unknown; readonly pins: unknown }> {
  const clients = [await connectClient(address, DATABASE), await connectClient(address, DATABASE)] as const;
  const [doer, other] = clients;
  // Whatever comes, it differs from client to client.
  const others = asks.filter((sql) => !sql.includes('random()'));
  const seen: unknown[] = [];
  try {
    for (const statement of does) seen.push(await ask(doer, statement));
    for (const sql of asks) seen.push(['doer', sql, await ask(doer, sql)]);
    const pins = address === servers.oracle ? undefined : await ask(doer, 'SHOW pgring.pins');
    for (const sql of looks) {
      seen.push(['other', sql, await ask(other, sql)]);
      seen.push(['doer', sql, await ask(doer, sql)]);
    }
    for (const sql of others) seen.push(['other', sql, await ask(other, sql)]);
    await doer.end();
    const third = await connectClient(address, DATABASE);
    for (const sql of [...looks, ...others]) seen.push(['third', sql, await ask(third, sql)]);
    await third.end();
    return { seen, pins };
  } finally {
    await Promise.all(clients.map(async (client) => await client.end()));
  }
}

describe('what a client leaves', () => {
  it.each(ways)('$name', async (way) => {
    const expected = await tryOut(servers.oracle, way);
    const actual = await tryOut(way.pins === undefined ? one : two, way);
    expect(actual.seen).toEqual(expected.seen);
    expect(JSON.stringify(actual.pins)).toContain(way.pins ?? '""');
  });
});
