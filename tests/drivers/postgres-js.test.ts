/** postgres.js, which pipelines and prepares everything: the same results through pgring as from one PostgreSQL. */

import postgres from 'postgres';
import { describeError, runOnBoth, type Target } from './run-on.js';

async function expectEqual(database: string, script: (sql: postgres.Sql) => Promise<unknown>): Promise<void> {
  const run = async (target: Target): Promise<unknown> => {
    const sql = postgres({ ...target, max: 2, onnotice: () => undefined });
    try {
      return JSON.parse(JSON.stringify(await script(sql))) as unknown;
    } finally {
      await sql.end();
    }
  };
  const { pgring, postgres: expected } = await runOnBoth(database, run);
  expect(pgring).toEqual(expected);
}

it('the students example', async () => {
  await expectEqual('drivers_js_students', async (sql) => {
    const seen: unknown[] = [];
    await sql`CREATE TABLE students (id SERIAL PRIMARY KEY, name TEXT NOT NULL, age INT)`;
    seen.push(await sql`INSERT INTO students (name, age) VALUES (${'Alice'}, ${21}) RETURNING *`);
    seen.push(
      await sql`INSERT INTO students ${sql([
        { name: 'Bob', age: 22 },
        { name: 'Carol', age: 23 },
      ])} RETURNING id`,
    );
    seen.push(await sql`SELECT * FROM students ORDER BY id`);
    seen.push((await sql`UPDATE students SET age = ${24} WHERE name = ${'Bob'}`).count);
    seen.push((await sql`DELETE FROM students WHERE name = ${'Alice'}`).count);
    seen.push(await sql`SELECT * FROM students WHERE name IN ${sql(['Bob', 'Carol'])} ORDER BY id`);
    return seen;
  });
});

it('types, pipelines, transactions, cursors, errors', async () => {
  await expectEqual('drivers_js_things', async (sql) => {
    const seen: unknown[] = [];
    await sql`CREATE TABLE things (id int PRIMARY KEY, words text[], doc jsonb, made timestamptz, amount numeric)`;
    await Promise.all(
      Array.from({ length: 20 }, async (_, id) => {
        await sql`INSERT INTO things VALUES (${id}, ${[`w${id}`, 'x']}, ${sql.json({ id })}, ${new Date(id * 86_400_000)}, ${`${id}.5`})`;
      }),
    );
    seen.push(await sql`SELECT * FROM things ORDER BY id`);
    seen.push(
      await sql.begin(async (transaction) => [
        await transaction`UPDATE things SET amount = amount + 1 RETURNING 1 AS one`,
        await transaction`SELECT sum(amount) FROM things`,
        await transaction.savepoint(async (inner) => await inner`INSERT INTO things VALUES (1)`).catch(describeError),
        await transaction`SELECT count(*) FROM things`,
      ]),
    );
    seen.push(
      await sql
        .begin((transaction) => [
          transaction`UPDATE things SET amount = 0 WHERE id = 3`,
          transaction`SELECT amount FROM things WHERE id = 3`,
          transaction`SELECT 1 / (id - 3) FROM things WHERE id = 3`,
        ])
        .catch(describeError),
    );
    seen.push(await sql`SELECT amount FROM things WHERE id = 3`);
    const batches: unknown[] = [];
    for await (const rows of sql`SELECT id FROM things ORDER BY id`.cursor(6))
      batches.push(rows.map(({ id }) => id as unknown));
    seen.push(batches);
    seen.push(await sql`SELECT nothing FROM things`.catch(describeError));
    seen.push(await sql`SELECT id FROM things WHERE id = ANY(${[1, 2, 30]}) ORDER BY id`);
    seen.push(await sql.unsafe('SELECT 1 AS a; SELECT count(*) FROM things'));
    return seen;
  });
});
