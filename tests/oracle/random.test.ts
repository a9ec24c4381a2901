/**
 * Random statements through pgring and on one PostgreSQL. ORACLE_SEED=n repeats one round, ORACLE_SECONDS=n runs so
 * long. A round that differs is cut down to the statements that are needed for it.
 */

import { Dice } from './dice.js';
import {
  closeClients,
  newTally,
  openClients,
  runStatement,
  show,
  showRefusals,
  shrinkProgram,
  type Difference,
  type Tally,
} from './random-run.js';
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

/** Runs statements on both sides with the tables that they need; returns the first difference. */
async function run(
  rig: Rig,
  statements: readonly RandomStatement[],
  tables: readonly string[],
  tally: Tally | undefined,
): Promise<Difference | undefined> {
  const clients = await openClients(rig);
  try {
    for (const client of [clients.pgring, clients.oracle]) {
      await client.simple(`DROP TABLE IF EXISTS ${tables.join(', ')}`);
    }
    for (const [index, statement] of statements.entries()) {
      const outcome = await runStatement(clients, statement, tally);
      if (outcome.kind === 'different') return { statement: index, text: outcome.text };
    }
    return undefined;
  } finally {
    closeClients(clients);
  }
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
      const tally = newTally();
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
          const replay = async (fewer: readonly RandomStatement[]): Promise<Difference | undefined> =>
            await run(rig, fewer, tables, undefined);
          const least = await shrinkProgram(replay, statements, found);
          const text = (await replay(least))?.text ?? `only in the whole round: ${found.text}`;
          problems.push(`seed ${seed}\n${least.map(show).join('\n')}\n${text}`);
        }
        await rig.checkPlacement().catch((error: unknown) => {
          problems.push(`seed ${seed}, after the round: ${String(error)}`);
        });
        rounds += 1;
        if (onlySeed !== undefined) break;
      }
      process.stdout.write(
        `oracle: ${rounds} rounds from seed ${firstSeed}, ${tally.compared} statements compared (errors: ${tally.failed}), ${showRefusals(tally)}`,
      );
      expect(problems.join('\n\n')).toBe('');
    },
    (seconds + 240) * 1_000,
  );
});
