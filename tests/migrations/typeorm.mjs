/** TypeORM builds a schema, changes it, works with it and takes it back. Arguments: port, database, stage, folder of node_modules. */

import { createRequire } from 'node:module';
const require = createRequire(process.argv[5]);
require('reflect-metadata');
const { DataSource, EntitySchema, Table, TableColumn, TableIndex } = require('typeorm');
const User = new EntitySchema({
  name: 'User',
  tableName: 'users',
  columns: {
    id: { type: 'int', primary: true, generated: true },
    name: { type: 'varchar' },
    email: { type: 'varchar', nullable: true, unique: true },
    mood: { type: 'enum', enum: ['a', 'b'], default: 'a' },
    data: { type: 'jsonb', nullable: true },
    createdAt: { type: 'timestamptz', createDate: true },
  },
  indices: [{ columns: ['name'] }],
  relations: { posts: { type: 'one-to-many', target: 'Post', inverseSide: 'user' } },
});
const Post = new EntitySchema({
  name: 'Post',
  tableName: 'posts',
  columns: {
    id: { type: 'bigint', primary: true, generated: true },
    title: { type: 'text' },
    views: { type: 'int', default: 0 },
  },
  relations: { user: { type: 'many-to-one', target: 'User', inverseSide: 'posts' } },
});
class Add1700000000000 {
  name = 'Add1700000000000';
  async up(q) {
    await q.createTable(
      new Table({
        name: 'extra',
        columns: [
          { name: 'id', type: 'int', isPrimary: true, isGenerated: true, generationStrategy: 'increment' },
          { name: 'v', type: 'text' },
        ],
      }),
    );
    await q.addColumn('users', new TableColumn({ name: 'age', type: 'int', default: 1 }));
    await q.createIndex('users', new TableIndex({ columnNames: ['age'] }));
  }
  async down(q) {
    await q.dropColumn('users', 'age');
    await q.dropTable('extra');
  }
}
const ds = new DataSource({
  type: 'postgres',
  host: '127.0.0.1',
  port: Number(process.argv[2]),
  username: 'postgres',
  database: process.argv[3],
  entities: [User, Post],
  migrations: [Add1700000000000],
  logging: !!process.env.LOG,
});
try {
  await ds.initialize();
  await ds.synchronize();
  console.log((await ds.runMigrations()).map((m) => m.name));
  if (process.argv[4] === 'build') process.exit(0);
  const users = ds.getRepository('User'),
    posts = ds.getRepository('Post');
  const u = await users.save({ name: 'x' });
  await users.save([
    { name: 'y', mood: 'b' },
    { name: 'z', data: { q: 1 } },
  ]);
  await posts.save([
    { title: 'p1', user: u },
    { title: 'p2', user: u },
  ]);
  await posts.increment({ title: 'p1' }, 'views', 2);
  console.log(
    (await users.find({ relations: { posts: true }, order: { id: 'ASC', posts: { id: 'ASC' } } })).map((r) => [
      r.id,
      r.name,
      r.mood,
      r.data,
      r.posts.map((p) => [p.id, p.title, p.views]),
    ]),
  );
  await users.update({ name: 'y' }, { mood: 'a' });
  console.log(
    await users.findAndCount({
      where: { mood: 'a' },
      select: { id: true, name: true },
      order: { name: 'DESC' },
      take: 2,
    }),
  );
  console.log(
    await users
      .createQueryBuilder('u')
      .leftJoin('u.posts', 'p')
      .select('u.name', 'n')
      .addSelect('count(p.id)', 'c')
      .groupBy('u.name')
      .orderBy('u.name')
      .getRawMany(),
  );
  await ds.transaction(async (m) => {
    await m.save('User', { name: 't1' });
    await m.save('Post', { title: 't2' });
  });
  await users.upsert(
    [
      { id: 1, name: 'up' },
      { id: 50, name: 'new' },
    ],
    ['id'],
  );
  await users.delete({ name: 'z' });
  console.log(await users.count(), await posts.count());
  await ds.undoLastMigration();
  await ds.synchronize();
  console.log(
    await ds.query("select table_name from information_schema.tables where table_schema='public' order by 1"),
  );
  await ds.dropDatabase();
} catch (e) {
  console.log('ERR', e.message, e.driverError?.hint, e.query);
}
await ds.destroy();
