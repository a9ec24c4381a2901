/** Drizzle builds a schema, changes it, works with it and takes it back. Arguments: port, database, stage, folder of node_modules. */

import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
const require = createRequire(process.argv[5]);
const { drizzle } = require('drizzle-orm/node-postgres');
const { migrate } = require('drizzle-orm/node-postgres/migrator');
const { pgTable, serial, text, integer, pgEnum, index } = require('drizzle-orm/pg-core');
const { eq, sql, count } = require('drizzle-orm');
const { generateDrizzleJson, generateMigration } = require('drizzle-kit/api');
const { Client } = require('pg');
const fs = require('node:fs');
const mood = pgEnum('mood', ['a', 'b']);
const users = pgTable(
  'users',
  {
    id: serial('id').primaryKey(),
    name: text('name').notNull(),
    email: text('email').unique(),
    mood: mood('mood').default('a'),
  },
  (t) => [index('users_name').on(t.name)],
);
const one = {
  mood,
  users,
  posts: pgTable('posts', {
    id: serial('id').primaryKey(),
    userId: integer('user_id').references(() => users.id),
    title: text('title'),
  }),
};
const two = {
  ...one,
  posts: pgTable('posts', {
    id: serial('id').primaryKey(),
    userId: integer('user_id').references(() => users.id),
    title: text('title'),
    views: integer('views').default(0).notNull(),
  }),
};
const c = new Client({ host: '127.0.0.1', port: Number(process.argv[2]), user: 'postgres', database: process.argv[3] });
await c.connect();
const db = drizzle(c);
try {
  const folder = fs.mkdtempSync(join(tmpdir(), 'pgring-drizzle-'));
  fs.mkdirSync(folder + '/meta');
  const j0 = generateDrizzleJson({}),
    j1 = generateDrizzleJson(one, j0.id),
    j2 = generateDrizzleJson(two, j1.id);
  const m1 = await generateMigration(j0, j1),
    m2 = await generateMigration(j1, j2);
  fs.writeFileSync(folder + '/0000_a.sql', m1.join('\n--> statement-breakpoint\n'));
  fs.writeFileSync(folder + '/0001_b.sql', m2.join('\n--> statement-breakpoint\n'));
  fs.writeFileSync(
    folder + '/meta/_journal.json',
    JSON.stringify({
      version: '7',
      dialect: 'postgresql',
      entries: [
        { idx: 0, version: '7', when: 1, tag: '0000_a', breakpoints: true },
        { idx: 1, version: '7', when: 2, tag: '0001_b', breakpoints: true },
      ],
    }),
  );
  await migrate(db, { migrationsFolder: folder });
  await migrate(db, { migrationsFolder: folder });
  fs.rmSync(folder, { recursive: true });
  if (process.argv[4] === 'build') process.exit(0);
  const { posts } = two;
  console.log(
    await db
      .insert(users)
      .values([{ name: 'x' }, { name: 'y', mood: 'b' }])
      .returning(),
  );
  await db.insert(posts).values([
    { userId: 1, title: 'p' },
    { userId: 2, title: 'q' },
  ]);
  console.log(
    await db
      .update(posts)
      .set({ views: sql`${posts.views} + 1` })
      .where(eq(posts.userId, 1))
      .returning(),
  );
  console.log(
    await db
      .select({ n: users.name, c: count(posts.id) })
      .from(users)
      .leftJoin(posts, eq(posts.userId, users.id))
      .groupBy(users.name)
      .orderBy(users.name),
  );
  await db.transaction(async (t) => {
    await t.insert(users).values({ name: 't' });
    await t.delete(posts).where(eq(posts.title, 'q'));
  });
  console.log(await db.select({ c: count() }).from(users), await db.select({ c: count() }).from(posts));
  console.log((await c.query('select count(*) from drizzle.__drizzle_migrations')).rows);
} catch (e) {
  console.log('ERR', e.message, e.cause?.message, e.cause?.hint);
}
await c.end();
