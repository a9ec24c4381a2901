/** Knex builds a schema, changes it, works with it and takes it back. Arguments: port, database, stage, folder of node_modules. */

import { createRequire } from 'node:module';
const require = createRequire(process.argv[5]);
const knex = require('knex')({
  client: 'pg',
  connection: { host: '127.0.0.1', port: Number(process.argv[2]), user: 'postgres', database: process.argv[3] },
});
const migrations = {
  '001': {
    up: (k) =>
      k.schema
        .createTable('users', (t) => {
          t.increments();
          t.string('name').notNullable();
          t.string('email').unique();
          t.timestamps(true, true);
          t.index('name');
        })
        .createTable('posts', (t) => {
          t.increments();
          t.integer('user_id').notNullable().references('users.id').onDelete('CASCADE');
          t.text('title');
          t.jsonb('meta');
          t.boolean('live').defaultTo(false);
        }),
    down: (k) => k.schema.dropTable('posts').dropTable('users'),
  },
  '002': {
    up: (k) =>
      k.schema.alterTable('posts', (t) => {
        t.integer('views').defaultTo(0);
        t.index(['user_id']);
        t.renameColumn('title', 'headline');
      }),
    down: (k) =>
      k.schema.alterTable('posts', (t) => {
        t.dropColumn('views');
        t.renameColumn('headline', 'title');
      }),
  },
};
const source = {
  getMigrations: async () => Object.keys(migrations),
  getMigrationName: (m) => m,
  getMigration: async (m) => migrations[m],
};
try {
  console.log(await knex.migrate.latest({ migrationSource: source }));
  if (process.argv[4] === 'build') process.exit(0);
  console.log(
    await knex('users')
      .insert([{ name: 'a' }, { name: 'b' }, { name: 'c' }])
      .returning(['id', 'name']),
  );
  console.log(
    await knex('posts')
      .insert([
        { user_id: 1, headline: 'x', meta: { a: 1 } },
        { user_id: 2, headline: 'y' },
      ])
      .returning('id'),
  );
  console.log(
    await knex('posts')
      .where('user_id', 1)
      .update({ views: knex.raw('views + 1') }),
  );
  console.log(
    await knex('users')
      .join('posts', 'users.id', 'posts.user_id')
      .select('users.name', 'posts.headline', 'posts.views')
      .orderBy('users.id'),
  );
  await knex.transaction(async (t) => {
    await t('users').where({ id: 3 }).del();
  });
  console.log(await knex('users').count());
  console.log(await knex.migrate.rollback({ migrationSource: source }, true));
  console.log(await knex.schema.hasTable('users'));
} catch (e) {
  console.log('ERR', e.message, e.hint);
}
await knex.destroy();
