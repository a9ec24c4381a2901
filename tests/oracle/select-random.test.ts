/**
 * Random SELECTs through pgring and on one PostgreSQL. PGRING_FUZZ_SEED and PGRING_FUZZ_MINUTES choose where to begin
 * and how long to go on (`npm run fuzz -- --seed S --minutes N`); what fails is printed made small, with its seed.
 */

import { readAnswer } from './answer.js';
import { Choices, shrink } from './random/choices.js';
import { makeCase, runCase, type Outcome, type RandomCase } from './random/compare.js';
import { randomSchema } from './random/schema.js';
import { knownSchema, type Schema } from './random/tables.js';
import { WireForms } from './random/wire-forms.js';
import { userTypes } from './random/types.js';
import { RawClient, type Address } from './raw-client.js';
import { startRig, type Rig } from './rig.js';

const firstSeed = Number(process.env['PGRING_FUZZ_SEED'] ?? 1);
const minutes = process.env['PGRING_FUZZ_MINUTES'];
/** Without a time the run is the same on every machine. */
const QUERIES = 2_000;
const QUERIES_TIMEOUT_MS = 300_000;
const runMs = minutes === undefined ? QUERIES_TIMEOUT_MS : Number(minutes) * 60_000;
const lastSeed = minutes === undefined ? firstSeed + QUERIES - 1 : Number.POSITIVE_INFINITY;
const MAXIMUM_FAILURES = Number(process.env['PGRING_FUZZ_FAILURES'] ?? 3);
const SHRINK_ATTEMPTS = 400;
const DATA_SEED = 20_240_229;
/** So many seeds that follow one another share a schema. The first of all have the known one. */
const SCHEMA_SEEDS = 500;

/** Until a statement that has met its timeout is cancelled, on a machine with much else to do. */
const CANCEL_MS = 60_000;

async function open(address: Address, timeoutSeconds: number): Promise<RawClient> {
  const client = await RawClient.connect(address, timeoutSeconds * 1000 + CANCEL_MS);
  await run(client, `SET statement_timeout = '${timeoutSeconds}s'`);
  return client;
}

async function run(client: RawClient, sql: string): Promise<void> {
  const failed = readAnswer(await client.simple(sql)).parts.find((part) => part.kind === 'error');
  if (failed !== undefined) throw new Error(`${sql}: ${JSON.stringify(failed)}`);
}

function show(random: RandomCase, outcome: Outcome): string {
  const { sql, parameters } = random;
  const values = parameters?.values.map((value, index) => `$${index + 1} = ${value?.toString('latin1')}`);
  const sent =
    parameters === undefined
      ? 'simple'
      : `extended, types [${parameters.types.join()}] formats [${parameters.formats.join()}] results [${parameters.resultFormats.join()}] ${values?.join(', ')}`;
  const text = outcome.kind === 'different' ? outcome.text : outcome.kind;
  const { into } = random;
  const wrapped = into === undefined ? sql : `${into} of: ${sql}`;
  return `${random.change === undefined ? '' : `BEGIN; ${random.change}; `}${wrapped}\n(${sent})\n${text.slice(0, 3_000)}`;
}

describe('random SELECTs answer as on one PostgreSQL', () => {
  let rig: Rig;
  let pgring: RawClient;
  let oracle: RawClient;

  beforeAll(async () => {
    rig = await startRig('select_random', 3);
    pgring = await open(rig.pgring, 30);
    oracle = await open(rig.oracle, 1);
  });

  /** Puts the schema of a seed in the place of the one before. */
  async function enterSchema(seed: number): Promise<{ schema: Schema; forms: WireForms }> {
    const number = Math.floor(seed / SCHEMA_SEEDS);
    const schema = number === 0 ? knownSchema(DATA_SEED) : randomSchema(number);
    for (const name of ['public', `fuzz${Math.max(number - 1, 0)}`]) {
      for (const client of [pgring, oracle]) await run(client, `DROP SCHEMA IF EXISTS ${name} CASCADE`);
    }
    const first = ['CREATE SCHEMA public', 'SET search_path = public', ...(number === 0 ? userTypes : [])];
    for (const sql of [...first, ...schema.pgring]) await run(pgring, sql);
    for (const sql of [...first, ...schema.oracle]) await run(oracle, sql);
    return { schema, forms: await WireForms.read(oracle) };
  }

  afterAll(async () => {
    pgring.close();
    oracle.close();
    await rig.close();
  });

  it(
    `from seed ${firstSeed} on`,
    async () => {
      const end = Date.now() + runMs;
      const failures: string[] = [];
      const refusals = new Map<string, { count: number; example: string }>();
      const counts = { equal: 0, refused: 0, skipped: 0, different: 0 };
      let { schema, forms } = await enterSchema(firstSeed);
      const attempt = async (choices: readonly number[]): Promise<Outcome> =>
        await runCase(pgring, oracle, makeCase(Choices.replay(choices), schema, forms));
      let seed = firstSeed;
      for (; seed <= lastSeed && Date.now() < end && failures.length < MAXIMUM_FAILURES; seed += 1) {
        if (seed > firstSeed && seed % SCHEMA_SEEDS === 0) ({ schema, forms } = await enterSchema(seed));
        const random = makeCase(Choices.random(seed), schema, forms);
        const outcome = await runCase(pgring, oracle, random).catch((cause: unknown) => {
          throw new Error(`seed ${seed}: ${random.sql}`, { cause });
        });
        counts[outcome.kind] += 1;
        if (outcome.kind === 'refused') {
          const known = refusals.get(outcome.construct);
          refusals.set(outcome.construct, { count: (known?.count ?? 0) + 1, example: known?.example ?? random.sql });
        }
        if (outcome.kind !== 'different') continue;
        const smallest = await shrink(
          random.choices,
          async (candidate) => (await attempt(candidate)).kind === 'different',
          SHRINK_ATTEMPTS,
        );
        const shrunk = makeCase(Choices.replay(smallest), schema, forms);
        failures.push(`seed ${seed}: ${show(shrunk, await runCase(pgring, oracle, shrunk))}`);
      }
      const listed = [...refusals].map(([construct, { count, example }]) => `  ${count} × ${construct}: ${example}`);
      process.stderr.write(
        `random SELECTs, seeds ${firstSeed} to ${seed - 1}: ${JSON.stringify(counts)}\n${listed.join('\n')}\n`,
      );
      if (failures.length > 0) throw new Error(failures.join('\n\n'));
    },
    runMs + 300_000,
  );
});
