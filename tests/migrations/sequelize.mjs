/** Sequelize builds a schema, changes it, works with it and takes it back. Arguments: port, database, stage, folder of node_modules. */

import { createRequire } from 'node:module';
const require = createRequire(process.argv[5]);
const { Sequelize, DataTypes } = require('sequelize');
const s = new Sequelize(process.argv[3], 'postgres', '', {
  host: '127.0.0.1',
  port: Number(process.argv[2]),
  dialect: 'postgres',
  logging: process.env.LOG ? console.log : false,
});
try {
  const User = s.define('User', {
    name: { type: DataTypes.STRING, allowNull: false },
    email: { type: DataTypes.STRING, unique: true },
    mood: DataTypes.ENUM('a', 'b'),
    tags: DataTypes.ARRAY(DataTypes.TEXT),
    data: DataTypes.JSONB,
  });
  const Post = s.define('Post', { title: DataTypes.STRING, views: { type: DataTypes.INTEGER, defaultValue: 0 } });
  User.hasMany(Post);
  Post.belongsTo(User);
  await s.sync();
  if (process.argv[4] === 'build') process.exit(0);
  const u = await User.create({ name: 'x', mood: 'a', tags: ['t'], data: { z: 1 } });
  await User.bulkCreate([{ name: 'y' }, { name: 'z' }]);
  await u.createPost({ title: 'p1' });
  await u.createPost({ title: 'p2' });
  await Post.increment('views', { where: { title: 'p1' } });
  console.log(
    (
      await User.findAll({
        include: Post,
        order: [
          ['id', 'ASC'],
          [Post, 'id', 'ASC'],
        ],
      })
    ).map((x) => [x.id, x.name, x.Posts.map((p) => [p.title, p.views])]),
  );
  await u.update({ name: 'renamed' });
  const [f, made] = await User.findCreateFind({ where: { name: 'new' } });
  console.log(f.name, made);
  console.log(await User.count(), await Post.sum('views'));
  const q = s.getQueryInterface();
  await q.addColumn('Users', 'age', { type: DataTypes.INTEGER, defaultValue: 3 });
  await q.addIndex('Users', ['age']);
  await q.renameColumn('Users', 'age', 'years');
  await q.changeColumn('Users', 'years', { type: DataTypes.BIGINT });
  console.log(
    Object.keys(await q.describeTable('Users')),
    (await q.showIndex('Users')).map((i) => i.name),
  );
  await q.removeColumn('Users', 'years');
  await User.destroy({ where: { name: 'y' } });
  await s.sync({ alter: true });
  await s.transaction(async (t) => {
    await User.create({ name: 't' }, { transaction: t });
    await Post.create({ title: 'q' }, { transaction: t });
  });
  console.log(await User.count(), await Post.count());
  await s.sync({ force: true });
  console.log(await User.count());
} catch (e) {
  console.log('ERR', e.message, e.original?.hint, e.sql);
}
await s.close();
