/** Runs rounds of faults against the bank, and looks at the books after each. */

import { setTimeout as sleep } from 'node:timers/promises';
import { Dice } from '../oracle/dice.js';
import { withClient } from '../support/proxy.js';
import { audit, leftInCommitLog } from './audit.js';
import { Bank, schemaSql } from './bank.js';
import {
  allSteps,
  cutConnections,
  describeStep,
  failAtSteps,
  killProxies,
  killShard,
  takeSteps,
  type Tally,
} from './faults.js';
import { internalErrors } from './roaming-clients.js';
import { DATABASE, openStage, type Stage } from './stage.js';

export interface KillOptions {
  readonly seed: number;
  /** How often proxies die at each named step. */
  readonly steps: number;
  /** Rounds in which proxies are killed at random times. */
  readonly random: number;
  /** How often each shard is killed. */
  readonly shards: number;
  /** Rounds in which connections are cut. */
  readonly cuts: number;
  readonly clients: number;
  readonly proxies: number;
  readonly fsync: boolean;
  readonly deadlocks: boolean;
  /** Begin no new round after that time. */
  readonly maximumMs?: number;
}

export interface KillResult {
  readonly rounds: number;
  readonly tally: Tally;
  readonly acknowledged: number;
  readonly refused: number;
  readonly unknown: { readonly happened: number; readonly all: number };
  readonly errors: ReadonlyMap<string, number>;
  /** Steps that were not reached, however often it was tried. */
  readonly missed: readonly string[];
  /** What must not be: the first round that had any ends the run. */
  readonly breaches: readonly string[];
}

interface Round {
  readonly name: string;
  /** Returns a round to be run later in its place, when this one did not come about. */
  run(stage: Stage): Promise<Round | undefined>;
}

const SHARDS = 4;
const PAUSE_MS = 60_000;
const LOOK_MS = 20;
const ATTEMPTS = 4;

export async function runKills(options: KillOptions, say: (line: string) => void): Promise<KillResult> {
  const dice = new Dice(options.seed);
  const stage = await openStage({ shards: SHARDS, proxies: options.proxies, fsync: options.fsync });
  try {
    const [first] = stage.proxies;
    if (first === undefined) throw new Error('no proxy');
    await withClient({ host: '127.0.0.1', port: first.port }, DATABASE, async (client) => {
      for (const sql of schemaSql) await client.query(sql);
    });
    const ports = stage.proxies.map(({ port }) => port);
    const bank = new Bank(ports, options.clients, new Dice(options.seed + 1), options.deadlocks);
    try {
      return await runRounds(options, stage, bank, dice, say);
    } finally {
      bank.resume();
      await bank.close();
    }
  } finally {
    await stage.close();
  }
}

async function runRounds(
  options: KillOptions,
  stage: Stage,
  bank: Bank,
  dice: Dice,
  say: (line: string) => void,
): Promise<KillResult> {
  const startedAt = performance.now();
  const tally: Tally = new Map();
  const missed: string[] = [];
  const breaches: string[] = [];
  let unknown = { happened: 0, all: 0 };
  const rounds = dice.shuffle(planRounds(options, dice, tally, missed));
  let done = 0;
  for (let round = rounds.shift(); round !== undefined && breaches.length === 0; round = rounds.shift()) {
    if (performance.now() - startedAt > (options.maximumMs ?? Infinity)) break;
    const before = bank.told.length;
    const begun = performance.now();
    const again = await round.run(stage);
    if (again !== undefined) rounds.push(again);
    const faulted = performance.now();
    bank.pause();
    await untilAtRest(bank, breaches);
    const books = await audit(stage, bank);
    breaches.push(...books.breaches, ...internalErrors(bank.errors));
    ({ unknown } = books);
    done += 1;
    say(
      `${seconds(startedAt)} s: round ${done}, ${rounds.length} to go: ${round.name}; ` +
        `${bank.told.length - before} transfers in ${seconds(begun)} s, of which rest and audit ${seconds(faulted)} s`,
    );
    bank.resume();
  }
  bank.pause();
  await untilAtRest(bank, breaches);
  const left = await leftInCommitLog(stage);
  if (left > 0) breaches.push(`${left} rows stay in the commit log`);
  return {
    rounds: done,
    tally,
    acknowledged: bank.acknowledged,
    refused: bank.told.length - bank.acknowledged - unknown.all,
    unknown,
    errors: bank.errors,
    missed,
    breaches,
  };
}

function planRounds(options: KillOptions, dice: Dice, tally: Tally, missed: string[]): readonly Round[] {
  const steps = dice.shuffle(Array.from({ length: options.steps }, () => allSteps).flat());
  const rounds: Round[] = [];
  while (steps.length > 0) rounds.push(stepRound(takeSteps(steps, options.proxies), 1));
  function stepRound(chosen: ReturnType<typeof takeSteps>, attempt: number): Round {
    return {
      name: chosen.map(describeStep).join(', '),
      run: async (stage) => {
        const left = await failAtSteps(stage, chosen, dice, tally, attempt > 1);
        if (left.length === 0) return undefined;
        if (attempt < ATTEMPTS) return stepRound(left, attempt + 1);
        missed.push(...left.map(describeStep));
        return undefined;
      },
    };
  }
  for (let round = 0; round < options.random; round += 1) {
    rounds.push({
      name: 'proxies killed at random times',
      run: async (stage) => {
        await killProxies(stage, dice, tally);
        return undefined;
      },
    });
  }
  for (let round = 0; round < options.shards * SHARDS; round += 1) {
    rounds.push({
      name: `shard ${(round % SHARDS) + 1} killed`,
      run: async (stage) => {
        await killShard(stage, round % SHARDS, dice, tally);
        return undefined;
      },
    });
  }
  for (let round = 0; round < options.cuts; round += 1) {
    rounds.push({
      name: 'connections cut',
      run: async (stage) => {
        await cutConnections(stage, dice, tally);
        return undefined;
      },
    });
  }
  return rounds;
}

async function untilAtRest(bank: Bank, breaches: string[]): Promise<void> {
  const deadline = performance.now() + PAUSE_MS;
  while (bank.active > 0 && performance.now() < deadline) await sleep(LOOK_MS);
  if (bank.active > 0) breaches.push(`${bank.active} clients hang`);
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}
