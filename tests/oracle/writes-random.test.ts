/**
 * Random programs of DML, DDL and transactions on pgring and on one PostgreSQL, with their answers compared, and all rows
 * of all tables again and again. PGRING_FUZZ_SEED and PGRING_FUZZ_MINUTES choose where to begin and how long to go on
 * (`npm run fuzz -- --writes --seed S --minutes N`). A program that differs is cut down to what is needed for it.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { repositoryRoot } from '../support/repo.js';
import { Dice } from './dice.js';
import {
  closeClients,
  constructOf,
  newTally,
  openClients,
  runStatement,
  show,
  showRefusals,
  shrinkProgram,
  type Clients,
  type Difference,
  type Outcome,
} from './random-run.js';
import type { RandomStatement } from './random-statement.js';
import { startRig, type Rig } from './rig.js';
import { WriteProgram, type Step } from './writes/program.js';

const firstSeed = Number(process.env['PGRING_FUZZ_SEED'] ?? 1);
const minutes = process.env['PGRING_FUZZ_MINUTES'];
/** Without a time the run is the same on every machine. */
const PROGRAMS = 12;
const PROGRAMS_TIMEOUT_MS = 300_000;
const runMs = minutes === undefined ? PROGRAMS_TIMEOUT_MS : Number(minutes) * 60_000;
const lastSeed = minutes === undefined ? firstSeed + PROGRAMS - 1 : Number.POSITIVE_INFINITY;
const MAXIMUM_FAILURES = Number(process.env['PGRING_FUZZ_FAILURES'] ?? 3);
const STATEMENTS = 80;
/** All rows are looked at after so many statements. */
const INSPECT_AFTER = 20;

/** The constructs that docs/supported-sql.md says are refused. */
async function documentedRefusals(): Promise<ReadonlySet<string>> {
  const text = await readFile(join(repositoryRoot, 'docs', 'supported-sql.md'), 'utf8');
  return new Set([...text.matchAll(/^-- refused: (.*)$/gm)].map(([, refused = '']) => constructOf(refused)));
}

describe('random programs that write leave the same as on one PostgreSQL', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig('writes_random', 4);
  });
  afterAll(async () => {
    await rig.close();
  });

  async function withClients<T>(work: (clients: Clients) => Promise<T>): Promise<T> {
    const clients = await openClients(rig);
    try {
      for (const client of [clients.pgring, clients.oracle]) {
        await client.simple('DROP SCHEMA public CASCADE');
        await client.simple('CREATE SCHEMA public');
      }
      return await work(clients);
    } finally {
      closeClients(clients);
    }
  }

  /** Runs a program as it is made; returns what was sent, and the first difference. */
  async function runProgram(
    seed: number,
  ): Promise<{ sent: readonly RandomStatement[]; found: Difference | undefined }> {
    const program = new WriteProgram(new Dice(seed));
    const sent: RandomStatement[] = [];
    return await withClients(async (clients) => {
      const send = async (statement: RandomStatement, rowErrors: Step['rowErrors'] = 'any'): Promise<Outcome> => {
        sent.push(statement);
        return await runStatement(clients, statement, tally, rowErrors);
      };
      const runAll = async (statements: readonly RandomStatement[]): Promise<Difference | undefined> => {
        for (const statement of statements) {
          const outcome = await send(statement);
          if (outcome.kind === 'different') return { statement: sent.length - 1, text: outcome.text };
        }
        return undefined;
      };
      const runSteps = async (count: number): Promise<Difference | undefined> => {
        for (let made = 0; made < count; made += 1) {
          const step = program.next();
          const outcome = await send(step.statement, step.rowErrors);
          if (outcome.kind === 'different') return { statement: sent.length - 1, text: outcome.text };
          step.learn({ done: outcome.kind === 'equal' && !outcome.failed, status: outcome.status });
        }
        return undefined;
      };
      let found = await runAll(program.create());
      found ??= await runAll(program.fill().map(({ statement }) => statement));
      for (let made = 0; made < STATEMENTS && found === undefined; made += INSPECT_AFTER) {
        found = (await runSteps(INSPECT_AFTER)) ?? (await runAll(program.inspect()));
      }
      found ??= await runAll([end]);
      found ??= await runAll(program.inspect());
      return { sent, found };
    });
  }

  async function replay(statements: readonly RandomStatement[]): Promise<Difference | undefined> {
    return await withClients(async (clients) => {
      for (const [index, statement] of statements.entries()) {
        const outcome = await runStatement(clients, statement, undefined, 'any');
        if (outcome.kind === 'different') return { statement: index, text: outcome.text };
      }
      return undefined;
    });
  }

  /** What is wrong with where the rows lie. */
  async function misplaced(): Promise<string | undefined> {
    try {
      await rig.checkPlacement();
      return undefined;
    } catch (error) {
      return String(error);
    }
  }

  async function replayPlaced(statements: readonly RandomStatement[]): Promise<Difference | undefined> {
    await withClients(async (clients) => {
      for (const statement of [...statements, end]) await runStatement(clients, statement, undefined, 'any');
    });
    const text = await misplaced();
    return text === undefined ? undefined : { statement: statements.length - 1, text };
  }

  const tally = newTally();
  const end: RandomStatement = {
    sql: 'COMMIT',
    protocol: 'simple',
    types: [],
    executions: [],
    maximumRows: 0,
    order: 'any order',
  };

  it(
    `from seed ${firstSeed} on`,
    async () => {
      const until = Date.now() + runMs;
      const failures: string[] = [];
      let seed = firstSeed;
      for (; seed <= lastSeed && Date.now() < until && failures.length < MAXIMUM_FAILURES; seed += 1) {
        const { sent, found } = await runProgram(seed);
        if (found !== undefined) {
          const least = await shrinkProgram(replay, sent, found);
          const text = (await replay(least))?.text ?? `only in the whole program: ${found.text}`;
          failures.push(`seed ${seed}\n${least.map(show).join('\n')}\n${text}`);
        }
        const astray = await misplaced();
        if (astray !== undefined) {
          const least = await shrinkProgram(replayPlaced, sent, { statement: sent.length - 1, text: astray });
          failures.push(`seed ${seed}, after the program: ${astray}\n${least.map(show).join('\n')}`);
        }
      }
      process.stderr.write(
        `random writes, seeds ${firstSeed} to ${seed - 1}: ${tally.compared} statements compared (errors: ${tally.failed}), ${showRefusals(tally)}`,
      );
      const known = await documentedRefusals();
      for (const [construct, { example }] of tally.refused) {
        if (!known.has(construct)) failures.push(`refused, and in no document: ${construct}\n${example.slice(0, 500)}`);
      }
      if (failures.length > 0) throw new Error(failures.join('\n\n'));
    },
    runMs + 300_000,
  );
});
