import { difference, readAnswer } from './answer.js';
import { RawClient } from './raw-client.js';
import { startRig, type Rig } from './rig.js';

const none = { formats: [], values: [], resultFormats: [] };

describe('row-limited portals in one pipeline', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig('oracle_portal', 3);
  });
  afterAll(async () => {
    await rig.close();
  });

  it.each([
    ['of one shard', 'SELECT k FROM t WHERE k = 3 ORDER BY k'],
    ['of several shards', 'SELECT k FROM t ORDER BY k DESC'],
    // Its session is borrowed from the pool: given back twice, two clients would share it.
    ['combined on one server', 'SELECT v, count(*) FROM t GROUP BY v HAVING count(*) > 1 ORDER BY v'],
    ['that change rows', 'UPDATE t SET v = v + 1 WHERE k = 3 RETURNING v'],
  ])('%s', async (_name, sql) => {
    const clients = [await RawClient.connect(rig.pgring), await RawClient.connect(rig.oracle)];
    const answers = await Promise.all(
      clients.map(async (client) => {
        await client.simple('DROP TABLE IF EXISTS t');
        await client.simple('CREATE TABLE t (k int PRIMARY KEY, v int)');
        await client.simple('INSERT INTO t VALUES (1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (6, 3), (7, 4)');
        const frames = [
          ...(await client.pipeline(sql, [], [none, none, none], 1)),
          ...(await client.pipeline(sql, [], [none, none], 5)),
          ...(await client.simple('BEGIN')),
          ...(await client.pipeline(sql, [], [none], 1)),
          ...(await client.simple('COMMIT')),
          ...(await client.simple('SELECT count(*), sum(v) FROM t WHERE v IN (SELECT v FROM t)')),
        ];
        client.close();
        return readAnswer(frames);
      }),
    );
    const [actual, expected] = answers;
    if (actual === undefined || expected === undefined) throw new Error('an answer is missing');
    expect(difference(actual, expected, 'ordered') ?? '').toBe('');
  });
});
