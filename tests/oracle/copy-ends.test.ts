/**
 * COPY FROM in binary, whole and damaged, and COPYs that the client gives up: by CopyFail, or by going away. Beside one
 * PostgreSQL, with PGRING_FUZZ_SEED and PGRING_FUZZ_COUNT as in copy-random.test.ts.
 */

import { backendType } from '../../wire/frame.js';
import { difference, readAnswer, refusalIn } from './answer.js';
import { Dice } from './dice.js';
import { RawClient } from './raw-client.js';
import { startRig, type Rig } from './rig.js';

const firstSeed = Number(process.env['PGRING_FUZZ_SEED'] ?? 1);
const count = Number(process.env['PGRING_FUZZ_COUNT'] ?? 40);

const definitions = [
  "CREATE TABLE sharded (a int, b text, c numeric, d timestamptz, id bigserial, PRIMARY KEY (a, id)) WITH (pgring.shard_key = 'a')",
  "CREATE TABLE counted (a int, b text, c numeric, d timestamptz, id bigserial PRIMARY KEY) WITH (pgring.shard_key = 'id')",
  "CREATE TABLE copied (a int, b text, c numeric, d timestamptz, id bigserial PRIMARY KEY) WITH (pgring.placement = 'reference')",
  "CREATE TABLE named (b text PRIMARY KEY, a int, c numeric, d timestamptz, id int) WITH (pgring.shard_key = 'b')",
];
const tables = ['sharded', 'counted', 'copied', 'named'];
const columns = ['a', 'b', 'c', 'd', 'id'];

/** What `COPY … TO STDOUT (FORMAT binary)` sends. */
async function binaryRows(oracle: RawClient, chosen: readonly string[], rows: number): Promise<Buffer> {
  const frames = await oracle.simple(
    `COPY (SELECT ${chosen.join(', ')} FROM (SELECT g % 97 AS a, repeat('x', g % 30) || g AS b, g / 7.0 AS c,
       '2024-01-01 00:00:00+00'::timestamptz + g * interval '1 hour' AS d, g::bigint AS id
       FROM generate_series(1, ${rows}) AS g) AS made) TO STDOUT (FORMAT binary)`,
  );
  return Buffer.concat(frames.filter(([type]) => type === backendType.copyData).map((frame) => frame.subarray(5)));
}

/** Whole, or cut, or with another byte somewhere. */
function damaged(dice: Dice, data: Buffer): Buffer {
  const copy = Buffer.from(data);
  switch (dice.below(6)) {
    case 0:
      return copy.subarray(0, dice.below(copy.length));
    case 1:
      copy[dice.below(copy.length)] = dice.below(256);
      return copy;
    case 2:
      return Buffer.concat([copy, Buffer.from([0, 0])]);
    default:
      return copy;
  }
}

describe('COPY FROM', () => {
  let rig: Rig;
  let pgring: RawClient;
  let oracle: RawClient;
  beforeAll(async () => {
    rig = await startRig('oracle_copy_ends', 3);
    pgring = await RawClient.connect(rig.pgring);
    oracle = await RawClient.connect(rig.oracle);
    for (const sql of definitions) {
      await pgring.simple(sql);
      await oracle.simple(sql.replace(/ WITH .*/, ''));
    }
  });
  afterAll(async () => {
    pgring.close();
    oracle.close();
    await rig.close();
  });

  async function contentDiffers(table: string): Promise<string | undefined> {
    const sql = `SELECT a, b, c, d FROM ${table}`;
    return difference(readAnswer(await pgring.simple(sql)), readAnswer(await oracle.simple(sql)), 'any order', 'known');
  }

  async function empty(): Promise<void> {
    for (const table of tables) {
      await pgring.simple(`TRUNCATE ${table}`);
      await oracle.simple(`TRUNCATE ${table}`);
    }
  }

  it('in binary stores what one PostgreSQL stores, or both refuse the data', async () => {
    let stored = 0;
    for (let seed = firstSeed; seed < firstSeed + count; seed += 1) {
      const dice = new Dice(seed);
      const table = dice.pick(tables);
      const free = columns.filter((column) => column !== 'id' && column !== (table === 'named' ? 'b' : 'a'));
      const key = table === 'named' ? 'b' : 'a';
      const chosen = dice.shuffle([key, ...free.filter(() => dice.below(4) > 0)]);
      const data = damaged(dice, await binaryRows(oracle, chosen, 1 + dice.below(300)));
      const sql = `COPY ${table} (${chosen.join(', ')}) FROM STDIN (FORMAT binary)`;
      const actual = readAnswer(await pgring.simple(sql, data, 1 + dice.below(dice.pick([3, 50, 10_000]))));
      const expected = readAnswer(await oracle.simple(sql, data));
      const fails = [actual, expected].map(({ parts }) => parts.some(({ kind }) => kind === 'error'));
      const differs =
        refusalIn(actual) ?? (fails.every(Boolean) ? undefined : difference(actual, expected, 'any order', 'known'));
      expect({ seed, sql, differs }).toEqual({ seed, sql, differs: undefined });
      expect({ seed, sql, content: await contentDiffers(table) }).toEqual({ seed, sql, content: undefined });
      if (!fails.some(Boolean)) stored += 1;
      await empty();
    }
    expect(stored).toBeGreaterThan(count / 4);
  }, 300_000);

  it('that is given up by CopyFail leaves nothing, and the session goes on', async () => {
    for (let seed = firstSeed; seed < firstSeed + count / 2; seed += 1) {
      const dice = new Dice(seed);
      const table = dice.pick(tables);
      const inside = dice.once(3);
      const rows = Array.from({ length: dice.below(4_000) }, (_, row) => `${row}\tx${row}\t1.5\t\\N\n`).join('');
      const data = Buffer.from(dice.once(2) ? rows : `${rows}5\thalf a row`);
      const sql = `COPY ${table} (a, b, c, d) FROM STDIN`;
      const answers = [];
      for (const client of [pgring, oracle]) {
        if (inside) await client.simple('BEGIN');
        answers.push(readAnswer(await client.failing(sql, data, 1 + dice.below(5_000), 'enough')));
        if (inside) await client.simple('ROLLBACK');
      }
      const [actual, expected] = answers;
      const errors = [actual, expected].map((answer) => answer?.parts.find(({ kind }) => kind === 'error'));
      expect(errors[0]).toMatchObject({ sqlstate: '57014' });
      expect(errors[1]).toMatchObject({ sqlstate: '57014' });
      expect({ seed, content: await contentDiffers(table) }).toEqual({ seed, content: undefined });
      const next = `INSERT INTO ${table} (a, b) VALUES (${seed}, 'after')`;
      expect(
        difference(readAnswer(await pgring.simple(next)), readAnswer(await oracle.simple(next)), 'any order', 'known'),
      ).toBe(undefined);
      await empty();
    }
    await rig.checkPlacement();
  }, 300_000);

  it('whose client goes away leaves nothing, no lock and nothing prepared', async () => {
    for (let seed = firstSeed; seed < firstSeed + count / 4; seed += 1) {
      const dice = new Dice(seed);
      const table = dice.pick(tables);
      const lines = Array.from({ length: 1 + dice.below(20_000) }, (_, row) => `${row}\tx${row}\t1.5\t\\N\n`);
      const client = await RawClient.connect(rig.pgring);
      if (dice.once(3)) await client.simple('BEGIN');
      await client.vanish(`COPY ${table} (a, b, c, d) FROM STDIN`, Buffer.from(lines.join('')), 1 + dice.below(9_000));
      // TRUNCATE waits for all who have written to the table.
      const truncated = readAnswer(await pgring.simple(`TRUNCATE ${table}`));
      expect({ seed, error: truncated.parts.find(({ kind }) => kind === 'error') }).toEqual({ seed, error: undefined });
      await pgring.simple(`INSERT INTO ${table} (a, b) VALUES (1, 'after')`);
      await oracle.simple(`INSERT INTO ${table} (a, b) VALUES (1, 'after')`);
      expect({ seed, content: await contentDiffers(table) }).toEqual({ seed, content: undefined });
      await empty();
    }
    await rig.checkPlacement();
  }, 300_000);
});
