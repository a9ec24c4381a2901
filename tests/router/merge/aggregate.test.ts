import * as fc from 'fast-check';
import { Client } from 'pg';
import type { Combination } from '../../../planner/plan/plan.js';
import { aggregate, combinationFormats } from '../../../router/merge/aggregate.js';
import { testedMajorVersion } from '../../support/cluster.js';
import { createDatabaseEverywhere, dropDatabaseEverywhere } from '../../support/shared-servers.js';
import { GivenRows, int4, readAll, runOf, SilentRows, type Value } from './rows.js';
import { orderTypes, typesUnderTest } from './values.js';

const database = 'router_merge_aggregate';
let client: Client;

beforeAll(async () => {
  const { oracle } = await createDatabaseEverywhere(database);
  client = new Client({ host: oracle.host, port: oracle.port, user: 'postgres', database });
  await client.connect();
});

afterAll(async () => {
  await client.end();
  await dropDatabaseEverywhere(database);
});

interface Case {
  readonly combination: Combination;
  /** The aggregate over v, and the function that makes the binary form of its result. */
  readonly sql: string;
  readonly send: string;
  readonly type: string;
  readonly values: fc.Arbitrary<string>;
}

const integers = (type: 'int2' | 'int4' | 'int8'): fc.Arbitrary<string> => typesUnderTest[type].values;
const truths = fc.constantFrom('t', 'f');

function sumOf(type: 'int2' | 'int4' | 'int8' | 'numeric'): Case {
  const result = type === 'int8' || type === 'numeric' ? 'numeric' : 'int8';
  return {
    combination: { kind: 'sum', type: result },
    sql: 'sum(v)',
    send: result === 'numeric' ? 'numeric_send' : 'int8send',
    type,
    values: type === 'numeric' ? typesUnderTest.numeric.values : integers(type),
  };
}

function bitsOf(kind: 'bit_and' | 'bit_or', type: 'int2' | 'int4' | 'int8'): Case {
  return { combination: { kind, type }, sql: `${kind}(v)`, send: `${type}send`, type, values: integers(type) };
}

const cases: readonly Case[] = [
  { combination: { kind: 'count' }, sql: 'count(v)', send: 'int8send', type: 'int4', values: integers('int4') },
  sumOf('int2'),
  sumOf('int4'),
  sumOf('int8'),
  sumOf('numeric'),
  { combination: { kind: 'bool_and' }, sql: 'bool_and(v)', send: 'boolsend', type: 'bool', values: truths },
  { combination: { kind: 'bool_or' }, sql: 'bool_or(v)', send: 'boolsend', type: 'bool', values: truths },
  bitsOf('bit_and', 'int2'),
  bitsOf('bit_and', 'int4'),
  bitsOf('bit_or', 'int4'),
  bitsOf('bit_or', 'int8'),
];

interface Answer {
  readonly text: Value;
  readonly binary: Value;
}

/** The aggregate over the values of each shard, and over all of them. */
async function askPostgres(it: Case, shards: readonly (readonly (string | null)[])[]): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const values of [...shards, shards.flat()]) {
    const result = await client.query<{ value: string | null; hex: string | null }>(
      `SELECT a::text AS value, encode(${it.send}(a), 'hex') AS hex
       FROM (SELECT ${it.sql} AS a FROM (SELECT s::${it.type} AS v FROM unnest($1::text[]) AS s) AS x) AS y`,
      [values],
    );
    const [row] = result.rows;
    answers.push({
      text: typeof row?.value === 'string' ? Buffer.from(row.value) : null,
      binary: typeof row?.hex === 'string' ? Buffer.from(row.hex, 'hex') : null,
    });
  }
  return answers;
}

const shardsOf = (values: fc.Arbitrary<string>): fc.Arbitrary<(string | null)[][]> =>
  fc.array(fc.array(fc.option(values, { freq: 6 }), { maxLength: 6 }), { minLength: 1, maxLength: 4 });

async function combineAnswers(
  columns: readonly Combination[],
  format: number,
  shards: readonly Answer[],
): Promise<Value | undefined> {
  const formats = combinationFormats(columns, [format]);
  const streams = shards.map(
    (answer) => new GivenRows([runOf([formats.map((it) => (it === 0 ? answer.text : answer.binary))])]),
  );
  const rows = await readAll(aggregate(streams, columns, [format]));
  expect(rows.length).toBe(1);
  expect(rows[0]?.length).toBe(1);
  return rows[0]?.[0];
}

describe('aggregate', () => {
  it.each(cases)('$sql of $type is what PostgreSQL gives for all rows, in text and in binary', async (it) => {
    await fc.assert(
      fc.asyncProperty(shardsOf(it.values), async (values) => {
        const answers = await askPostgres(it, values);
        const whole = answers.pop();
        expect((await combineAnswers([it.combination], 0, answers))?.toString()).toBe(whole?.text?.toString());
        const binary = await combineAnswers([it.combination], 1, answers);
        expect(binary?.toString('hex')).toBe(whole?.binary?.toString('hex'));
      }),
      { numRuns: 40, seed: 31 },
    );
  });

  // Types without min and max; bytea has them from PostgreSQL 18 on.
  const without = ['bool', 'char', 'name', 'uuid', ...(testedMajorVersion() < 18 ? ['bytea'] : [])];
  const ordered = orderTypes.filter((type) => !without.includes(type));
  it.each(ordered.flatMap((type) => [['min', type] as const, ['max', type] as const]))(
    '%s of %s',
    async (kind, type) => {
      const { name, send, values } = typesUnderTest[type];
      const it: Case = { combination: { kind, type, copy: 1 }, sql: `${kind}(v)`, send, type: name, values };
      await fc.assert(
        fc.asyncProperty(shardsOf(values), async (shards) => {
          const answers = await askPostgres(it, shards);
          const whole = answers.pop();
          for (const format of [0, 1]) {
            const value = await combineAnswers([it.combination], format, answers);
            // Equal values can look different (1.0 and 1.00): the answer must be one of the shards', and equal.
            if (value === null || value === undefined) {
              expect(whole?.text ?? null).toBeNull();
              continue;
            }
            expect(answers.map((it) => (format === 0 ? it.text : it.binary)?.toString('hex'))).toContain(
              value.toString('hex'),
            );
            const text = format === 0 ? value : answers.find((it) => it.binary?.equals(value))?.text;
            const equal = await client.query<{ equal: boolean }>(
              `SELECT $1::text::${name} = $2::text::${name} AS equal`,
              [text?.toString(), whole?.text?.toString()],
            );
            expect(equal.rows[0]?.equal).toBe(true);
          }
        }),
        { numRuns: 15, seed: 32 },
      );
    },
  );

  it('refuses a sum beyond bigint', async () => {
    const columns: Combination[] = [{ kind: 'sum', type: 'int8' }];
    const shard = { text: Buffer.from('9223372036854775807'), binary: null };
    await expect(combineAnswers(columns, 0, [shard, shard])).rejects.toMatchObject({ sqlstate: '22003' });
  });

  it('takes copies of several columns from behind the visible ones', async () => {
    const columns: Combination[] = [
      { kind: 'max', type: 'int4', copy: 2 },
      { kind: 'min', type: 'int4', copy: 2 },
    ];
    expect(combinationFormats(columns, [0, 0])).toEqual([0, 0, 1]);
    const shard = (value: number): GivenRows =>
      new GivenRows([runOf([[Buffer.from(`>${value}`), Buffer.from(`<${value}`), int4(value)]])]);
    const [row] = await readAll(aggregate([shard(5), shard(-7)], columns, [0, 0]));
    expect(row?.map(String)).toEqual(['>5', '<-7']);
  });

  it('is an error when a shard gives no row or two, and stops the others', async () => {
    const columns: Combination[] = [{ kind: 'count' }];
    const one = (): GivenRows => new GivenRows([runOf([[Buffer.from('1')]])]);
    await expect(aggregate([one(), new GivenRows([])], columns, [0]).next()).rejects.toMatchObject({
      sqlstate: 'XX000',
    });
    const two = new GivenRows([runOf([[Buffer.from('1')], [Buffer.from('2')]])]);
    await expect(aggregate([one(), two], columns, [0]).next()).rejects.toMatchObject({ sqlstate: 'XX000' });
    const silent = new SilentRows();
    await expect(aggregate([silent, new GivenRows([], [], new Error('gone'))], columns, [0]).next()).rejects.toThrow(
      'gone',
    );
    expect(silent.stops).toBe(1);
  });
});
