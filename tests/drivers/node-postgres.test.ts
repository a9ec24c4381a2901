/** node-postgres with its cursors, streams and COPY: the same results through pgring as from one PostgreSQL. */

import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { Client, Pool } from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import Cursor from 'pg-cursor';
import QueryStream from 'pg-query-stream';
import { describeError, runOnBoth, type Target } from './run-on.js';

async function withClient<T>(target: Target, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client(target);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function expectEqual<T>(database: string, script: (target: Target) => Promise<T>): Promise<void> {
  const { pgring, postgres } = await runOnBoth(database, script);
  expect(pgring).toEqual(postgres);
}

it('the students example', async () => {
  await expectEqual(
    'drivers_pg_students',
    async (target) =>
      await withClient(target, async (client) => {
        const seen: unknown[] = [];
        const run = async (sql: string, values?: unknown[]): Promise<void> => {
          const { command, rowCount, rows, fields } = await client.query<Record<string, unknown>>(sql, values);
          seen.push({ command, rowCount, rows, fields: fields.map(({ name, dataTypeID }) => [name, dataTypeID]) });
        };
        await run('CREATE TABLE students (id SERIAL PRIMARY KEY, name TEXT NOT NULL, age INT)');
        await run("INSERT INTO students (name, age) VALUES ('Alice', 21)");
        await run("INSERT INTO students (name, age) VALUES ('Bob', 22)");
        await run('INSERT INTO students (name, age) VALUES ($1, $2) RETURNING id', ['Carol', 23]);
        await run('SELECT * FROM students ORDER BY id');
        await run("UPDATE students SET age = 24 WHERE name = 'Bob'");
        await run("DELETE FROM students WHERE name = 'Alice'");
        await run('SELECT * FROM students ORDER BY id');
        await run('SELECT count(*), avg(age), max(name) FROM students');
        return seen;
      }),
  );
});

it('set_config() with parameters, as SET', async () => {
  await expectEqual(
    'drivers_pg_settings',
    async (target) =>
      await withClient(target, async (client) => {
        await client.query('CREATE TABLE owned (id int PRIMARY KEY, tenant text)');
        await client.query("INSERT INTO owned SELECT id, 'tenant ' || id % 3 FROM generate_series(1, 9) id");
        const seen: unknown[] = [];
        const run = async (sql: string, values?: unknown[]): Promise<void> => {
          const { rows, fields } = await client.query<Record<string, unknown>>(sql, values);
          seen.push({ rows, fields: fields.map(({ name, dataTypeID }) => [name, dataTypeID]) });
        };
        const count = "SELECT count(*) FROM owned WHERE tenant = current_setting('app.tenant', true)";
        await run("SELECT set_config('app.tenant', $1, false)", ['tenant 1']);
        await run(count);
        await run('BEGIN');
        await run('SELECT set_config($1, $2, $3) AS "Set"', ['App.Tenant', "tenant 2'", true]);
        await run(count);
        await run("SELECT set_config('app.tenant', $1::text, true)", ['tenant 2']);
        await run(count);
        await run('COMMIT');
        await run(count);
        await run('SELECT set_config($1, $2, false)', ['search_path', 'pg_temp, public']);
        await run('SHOW search_path');
        await run('SELECT set_config($1, $2, false)', ['no_such_setting', 'x']).catch((error: unknown) => {
          seen.push(describeError(error));
        });
        return seen;
      }),
  );
});

it('a simple query ends the unnamed portal', async () => {
  await expectEqual(
    'drivers_pg_portal',
    async (target) =>
      await withClient(target, async (client) => {
        await client.query('BEGIN');
        await client.query('CREATE TEMP TABLE scratch (id serial PRIMARY KEY)');
        const cursor = client.query(new Cursor('SELECT * FROM scratch', []));
        const rows = await cursor.read(10);
        await client.query('ALTER TABLE scratch ADD COLUMN name text');
        return { rows, columns: (await client.query('SELECT * FROM scratch')).fields.map(({ name }) => name) };
      }),
  );
});

it('types, prepared statements, binary, arrays, json', async () => {
  await expectEqual(
    'drivers_pg_types',
    async (target) =>
      await withClient(target, async (client) => {
        await client.query(
          `CREATE TABLE things (id bigint PRIMARY KEY, words text[], numbers int[], doc jsonb, amount numeric(12, 3),
           made timestamptz, day date, raw bytea, ok boolean, ratio float8, tag uuid)`,
        );
        for (let id = 1; id <= 12; id += 1) {
          await client.query({
            name: 'insert thing',
            text: 'INSERT INTO things VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)',
            values: [
              id,
              [`w${id}`, 'with "quotes"', null],
              [id, -id],
              JSON.stringify({ id, list: [1, 'two', null] }),
              `${id}.125`,
              new Date(Date.UTC(2024, 1, id, 12, 30)),
              `2024-02-${String(id).padStart(2, '0')}`,
              Buffer.from([0, id, 255]),
              id % 2 === 0,
              id / 7,
              `00000000-0000-4000-8000-${String(id).padStart(12, '0')}`,
            ],
          });
        }
        const all = await client.query('SELECT * FROM things ORDER BY id');
        const named = [];
        for (const id of [3, 7, 300, null]) {
          named.push(
            (await client.query({ name: 'one', text: 'SELECT words, doc FROM things WHERE id = $1', values: [id] }))
              .rows,
          );
        }
        const some = await client.query('SELECT id, amount FROM things WHERE id = ANY($1) ORDER BY id', [[2, 4, 11]]);
        const sums = await client.query('SELECT sum(amount), min(made), max(day), bool_or(ok) FROM things');
        const arrays = await client.query({
          text: 'SELECT id, raw FROM things ORDER BY id LIMIT $1',
          values: [4],
          rowMode: 'array',
        });
        const binaryQuery = { text: 'SELECT id, ok FROM things ORDER BY id', values: [], binary: true };
        const binary = await client.query<{ id: unknown; ok: unknown }>(binaryQuery);
        return [all.rows, named, some.rows, sums.rows, arrays.rows, binary.rows];
      }).then((seen) => JSON.parse(JSON.stringify(seen)) as unknown),
  );
});

it('transactions, errors and a pool', async () => {
  await expectEqual('drivers_pg_transactions', async (target) => {
    const pool = new Pool({ ...target, max: 3 });
    pool.on('error', () => undefined);
    const seen: unknown[] = [];
    const attempt = async (work: Promise<{ rows: unknown[]; rowCount: number | null }>): Promise<void> => {
      seen.push(await work.then(({ rows, rowCount }) => ({ rows, rowCount }), describeError));
    };
    await pool.query('CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL CHECK (balance >= 0))');
    await pool
      .query('INSERT INTO accounts SELECT * FROM unnest($1::int[], $2::int[])', [[1], [1]])
      .catch(() => undefined);
    await pool.query('DELETE FROM accounts');
    await pool.query('INSERT INTO accounts VALUES (1, 100), (2, 100), (3, 100), (4, 100)');
    const client = await pool.connect();
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await attempt(client.query('UPDATE accounts SET balance = balance - 30 WHERE id = $1', [1]));
    await attempt(client.query('UPDATE accounts SET balance = balance + 30 WHERE id = $1', [2]));
    await attempt(client.query('COMMIT'));
    await client.query('BEGIN');
    await attempt(client.query('UPDATE accounts SET balance = balance - 200 WHERE id = $1', [3]));
    await attempt(client.query('SELECT 1'));
    await attempt(client.query('ROLLBACK'));
    await attempt(client.query('INSERT INTO accounts VALUES (1, 5)'));
    await attempt(client.query('SELECT nothing FROM accounts'));
    await attempt(client.query('SELEC 1'));
    client.release();
    await Promise.all(
      Array.from(
        { length: 12 },
        async (_, index) =>
          await pool.query('UPDATE accounts SET balance = balance + 1 WHERE id = $1', [1 + (index % 4)]),
      ),
    );
    await attempt(pool.query('SELECT * FROM accounts ORDER BY id'));
    await pool.end();
    return seen;
  });
});

it('pg-cursor and pg-query-stream, on one shard and on all', async () => {
  await expectEqual(
    'drivers_pg_cursors',
    async (target) =>
      await withClient(target, async (client) => {
        await client.query('CREATE TABLE numbers (id int PRIMARY KEY, v text)');
        const values = Array.from({ length: 1_000 }, (_, index) => `(${index}, 'v${index}')`).join();
        await client.query(`INSERT INTO numbers VALUES ${values}`);
        const seen: unknown[] = [];
        for (const sql of [
          'SELECT id, v FROM numbers WHERE id >= $1 ORDER BY id',
          'SELECT i AS id FROM generate_series($1::int, 999) AS i',
        ]) {
          const cursor = client.query(new Cursor<{ id: number }>(sql, [200]));
          seen.push((await cursor.read(3)).map(({ id }) => id));
          seen.push((await cursor.read(300)).map(({ id }) => id));
          seen.push((await cursor.read(5_000)).length, (await cursor.read(5)).length);
          await cursor.close();
          const early = client.query(new Cursor(sql, [200]));
          seen.push((await early.read(2)).length);
          await early.close();
          const ids: number[] = [];
          for await (const row of client.query(new QueryStream(sql, [10], { batchSize: 70 }))) {
            ids.push((row as { id: number }).id);
          }
          seen.push(ids);
        }
        const failing = client.query(new Cursor('SELECT 1 / (id - 500) FROM numbers ORDER BY id', []));
        seen.push(await failing.read(2_000).then((rows) => rows.length, describeError));
        seen.push((await client.query('SELECT count(*) FROM numbers')).rows);
        return seen;
      }),
  );
});

it('pg-copy-streams', async () => {
  await expectEqual(
    'drivers_pg_copy',
    async (target) =>
      await withClient(target, async (client) => {
        await client.query('CREATE TABLE numbers (id int PRIMARY KEY, v text)');
        const lines = Array.from({ length: 5_000 }, (_, index) => `${index}\tv${index}\n`);
        await pipeline(Readable.from(lines), client.query(copyFrom('COPY numbers FROM STDIN')));
        const csv = Readable.from(['id,v\n', '6000,"a,""b"\n', '6001,\n']);
        await pipeline(csv, client.query(copyFrom('COPY numbers (id, v) FROM STDIN (FORMAT csv, HEADER)')));
        const failed = await pipeline(
          Readable.from(['7000\tx\n', '1\ttwice\n']),
          client.query(copyFrom('COPY numbers FROM STDIN')),
        ).then(() => 'no error', describeError);
        const out = await text(client.query(copyTo('COPY numbers TO STDOUT')));
        const { rows } = await client.query('SELECT count(*), sum(id), max(v) FROM numbers');
        return [failed, out.split('\n').sort(), rows];
      }),
  );
});
