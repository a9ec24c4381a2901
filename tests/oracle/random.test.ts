/**
 * Random statements through pgring and on one PostgreSQL. ORACLE_SEED=n repeats one round, ORACLE_SECONDS=n runs so
 * long. A round that differs is cut down to the statements that are needed for it.
 */

import { difference, readAnswer, refusalIn, type Answer } from './answer.js';
import { Dice } from './dice.js';
import { RawClient } from './raw-client.js';
import { randomSchema } from './random-schema.js';
import { StatementMaker, type RandomStatement } from './random-statement.js';
import { startRig, type Rig } from './rig.js';

const onlySeed = process.env['ORACLE_SEED'];
const firstSeed = Number(onlySeed ?? process.env['ORACLE_FIRST_SEED'] ?? 1);
const chosenSeconds = process.env['ORACLE_SECONDS'];
/** Without a time the run is the same on every machine. */
const ROUNDS = 50;
const seconds = Number(chosenSeconds ?? 300);
const lastSeed = chosenSeconds === undefined ? firstSeed + ROUNDS - 1 : Number.POSITIVE_INFINITY;
const STATEMENTS = 60;

interface Tally {
  compared: number;
  /** Those that PostgreSQL refuses too. */
  failed: number;
  readonly refused: Map<string, number>;
}

async function ask(client: RawClient, statement: RandomStatement): Promise<Answer> {
  const { sql, types, executions, maximumRows } = statement;
  return readAnswer(
    statement.protocol === 'simple'
      ? await client.simple(sql)
      : await client.pipeline(sql, types, executions, maximumRows),
  );
}

/** Of several rows that exist already, on several shards, any may be the one that is named (docs/operations.md). */
function anyDuplicate(answer: Answer): Answer {
  const parts = answer.parts.map((part) =>
    part.kind === 'error' && part.sqlstate === '23505'
      ? { ...part, detail: part.detail?.replace(/=\(.*\) already exists/, '=(…) already exists') }
      : part,
  );
  return { ...answer, parts };
}

interface Difference {
  readonly statement: number;
  readonly text: string;
}

/** Runs statements on both sides with the tables that they need; returns the first difference. */
async function run(
  rig: Rig,
  statements: readonly RandomStatement[],
  tables: readonly string[],
  tally: Tally | undefined,
): Promise<Difference | undefined> {
  const pgring = await RawClient.connect(rig.pgring);
  const oracle = await RawClient.connect(rig.oracle);
  try {
    for (const client of [pgring, oracle]) await client.simple(`DROP TABLE IF EXISTS ${tables.join(', ')}`);
    for (const [index, statement] of statements.entries()) {
      const actual = await ask(pgring, statement);
      const refusal = refusalIn(actual);
      if (refusal !== undefined) {
        const construct = refusal.replaceAll(/"[^"]*"/g, '"…"');
        tally?.refused.set(construct, (tally.refused.get(construct) ?? 0) + 1);
        if (actual.status === 'E') await oracle.simple('SELECT 1/0');
        continue;
      }
      const expected = await ask(oracle, {
        ...statement,
        sql: statement.sql.replaceAll(/ WITH \(pgring\.[^)]*\)/g, ''),
      });
      if (tally !== undefined) {
        tally.compared += 1;
        if (expected.parts.some((part) => part.kind === 'error')) tally.failed += 1;
      }
      const text = difference(anyDuplicate(actual), anyDuplicate(expected), statement.order);
      if (text !== undefined) return { statement: index, text };
    }
    return undefined;
  } catch (error) {
    return { statement: statements.length - 1, text: String(error) };
  } finally {
    pgring.close();
    oracle.close();
  }
}

/** Leaves out every statement without which the last one still differs. */
async function shrink(
  rig: Rig,
  statements: readonly RandomStatement[],
  found: Difference,
  tables: readonly string[],
): Promise<readonly RandomStatement[]> {
  let kept = statements.slice(0, found.statement + 1);
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let start = Math.max(kept.length - 1 - size, 0); start >= 0; start -= size) {
      const fewer = [...kept.slice(0, start), ...kept.slice(Math.min(start + size, kept.length - 1))];
      if (fewer.length === kept.length) break;
      const again = await run(rig, fewer, tables, undefined);
      if (again !== undefined && again.statement === fewer.length - 1) kept = fewer;
      if (start === 0) break;
    }
  }
  return kept;
}

function show({ sql, protocol, types, executions, maximumRows }: RandomStatement): string {
  if (protocol === 'simple') return `${sql};`;
  const values = executions.map(({ formats, values, resultFormats }) => {
    const shown = values.map((value, index) =>
      value === null ? 'NULL' : formats[index] === 1 ? `x${value.toString('hex')}` : value.toString('utf8'),
    );
    return `(${shown.join(', ')}) to [${resultFormats.join()}]`;
  });
  return `${sql}; -- extended [${types.join()}] ${values.join(' ')} rows ${maximumRows}`;
}

describe('random statements through pgring answer as on one PostgreSQL', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig('oracle_random', 4);
  });
  afterAll(async () => {
    await rig.close();
  });

  it(
    'whatever the seed',
    async () => {
      const tally: Tally = { compared: 0, failed: 0, refused: new Map() };
      const end = Date.now() + seconds * 1_000;
      const problems: string[] = [];
      let rounds = 0;
      for (let seed = firstSeed; seed <= lastSeed && Date.now() < end && problems.length < 3; seed += 1) {
        const dice = new Dice(seed);
        const schema = randomSchema(dice, seed);
        const maker = new StatementMaker(dice, schema);
        const tables = schema.map((table) => table.name);
        const body = Array.from({ length: STATEMENTS }, () => maker.next());
        const commit = maker.command('COMMIT');
        const statements = [...maker.create(), ...maker.fill(), ...body, commit, ...maker.inspect()];
        const found = await run(rig, statements, tables, tally);
        if (found !== undefined) {
          const least = await shrink(rig, statements, found, tables);
          const text = (await run(rig, least, tables, undefined))?.text ?? `only in the whole round: ${found.text}`;
          problems.push(`seed ${seed}\n${least.map(show).join('\n')}\n${text}`);
        }
        await rig.checkPlacement().catch((error: unknown) => {
          problems.push(`seed ${seed}, after the round: ${String(error)}`);
        });
        rounds += 1;
        if (onlySeed !== undefined) break;
      }
      const refusals = [...tally.refused].sort((left, right) => right[1] - left[1]);
      process.stdout.write(
        `oracle: ${rounds} rounds from seed ${firstSeed}, ${tally.compared} statements compared (errors: ${tally.failed}), ` +
          `${refusals.reduce((sum, [, count]) => sum + count, 0)} refused\n` +
          refusals.map(([construct, count]) => `  ${count} × ${construct}\n`).join(''),
      );
      expect(problems.join('\n\n')).toBe('');
    },
    (seconds + 240) * 1_000,
  );
});
