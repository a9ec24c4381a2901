/**
 * Random COPYs through pgring and into one PostgreSQL, data cut into messages of any size. PGRING_FUZZ_SEED and
 * PGRING_FUZZ_COUNT choose where to begin and how many there are.
 */

import { difference, readAnswer, refusalIn } from './answer.js';
import { Dice } from './dice.js';
import { copySchema, copyTables, randomCopy } from './random/copy.js';
import { RawClient } from './raw-client.js';
import { startRig, type Rig } from './rig.js';

const firstSeed = Number(process.env['PGRING_FUZZ_SEED'] ?? 1);
const count = Number(process.env['PGRING_FUZZ_COUNT'] ?? 150);

describe('random COPY FROM', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig('oracle_copy', 3);
  });
  afterAll(async () => {
    await rig.close();
  });

  it('stores what one PostgreSQL stores, and says what it says', async () => {
    const [pgring, oracle] = [await RawClient.connect(rig.pgring), await RawClient.connect(rig.oracle)];
    for (const sql of copySchema) {
      await pgring.simple(sql);
      await oracle.simple(sql.replace(/ WITH .*/, ''));
    }
    const problems: string[] = [];
    let stored = 0;
    for (let seed = firstSeed; seed < firstSeed + count && problems.length < 3; seed += 1) {
      const dice = new Dice(seed);
      const { sql, data } = randomCopy(dice);
      const pieces = dice.once(3) ? 1 : 1 + dice.below(40);
      const complain = (text: string): void => {
        problems.push(`seed ${seed}: ${sql}\n${JSON.stringify(data.toString())}\n${text}`);
      };
      const actual = readAnswer(await pgring.simple(sql, data, pieces));
      const expected = readAnswer(await oracle.simple(sql, data));
      const refused = refusalIn(actual);
      const fails = [actual, expected].map(({ parts }) => parts.some(({ kind }) => kind === 'error'));
      // Of several faults in the data another may be told of than by one server; that both refuse them is what counts.
      const differs =
        refused ?? (fails.every(Boolean) ? undefined : difference(actual, expected, 'any order', 'known'));
      if (differs !== undefined) complain(differs);
      if (actual.parts.every(({ kind }) => kind !== 'error')) stored += 1;
      for (const table of copyTables) {
        const content = `SELECT a, b, c, d, id FROM ${table} WHERE id >= 1000000 UNION ALL SELECT a, b, c, d, NULL FROM ${table} WHERE id < 1000000`;
        const rows = difference(
          readAnswer(await pgring.simple(content)),
          readAnswer(await oracle.simple(content)),
          'any order',
          'known',
        );
        if (rows !== undefined) complain(`the content of ${table}\n${rows}`);
        await pgring.simple(`DELETE FROM ${table}`);
        await oracle.simple(`DELETE FROM ${table}`);
      }
    }
    pgring.close();
    oracle.close();
    expect(problems.join('\n\n')).toBe('');
    expect(stored).toBeGreaterThan(count / 4);
  }, 300_000);
});
