/** Records a history under faults, and has it judged. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { CrossShardReads } from '../../catalog/cross-shard-reads.js';
import { settle } from '../faults/audit.js';
import {
  allSteps,
  cutConnections,
  failAtSteps,
  killProxies,
  killShard,
  takeSteps,
  type Tally,
} from '../faults/faults.js';
import { internalErrors } from '../faults/roaming-clients.js';
import { DATABASE, openStage, type Stage } from '../faults/stage.js';
import { Dice } from '../oracle/dice.js';
import { withClient } from '../support/proxy.js';
import { HistoryChecker, type Anomaly } from './checker.js';
import { schemaSql, Workload } from './workload.js';

export interface HistoryOptions {
  readonly seed: number;
  /** Ends after so many reads, or after that time. */
  readonly reads: number;
  readonly maximumMs: number;
  readonly crossShardReads: CrossShardReads;
  /** How long nothing fails between two faults; undefined: there are none. */
  readonly pauseMs: number | undefined;
  readonly shards: number;
  readonly proxies: number;
  readonly writers: number;
  readonly readers: number;
  readonly fsync: boolean;
}

export interface HistoryResult {
  readonly reads: number;
  readonly committed: number;
  readonly aborted: number;
  readonly unknown: number;
  readonly found: ReadonlyMap<Anomaly, number>;
  readonly examples: readonly string[];
  readonly tally: Tally;
  readonly errors: ReadonlyMap<string, number>;
  /** Internal errors, and what stays prepared, locked or open at the end. */
  readonly breaches: readonly string[];
}

/** How often it tells of its progress where nothing fails. */
const TELL_MS = 3_000;
const LOOK_MS = 100;

export async function recordHistory(options: HistoryOptions, say: (line: string) => void): Promise<HistoryResult> {
  const stage = await openStage({ shards: options.shards, proxies: options.proxies, fsync: options.fsync });
  try {
    return await record(options, stage, say);
  } finally {
    await stage.close();
  }
}

async function record(options: HistoryOptions, stage: Stage, say: (line: string) => void): Promise<HistoryResult> {
  const { seed, reads, maximumMs, crossShardReads, writers, readers } = options;
  const ports = stage.proxies.map(({ port }) => port);
  await withClient({ host: '127.0.0.1', port: ports[0] ?? 0 }, DATABASE, async (client) => {
    for (const sql of schemaSql) await client.query(sql);
  });
  const checker = new HistoryChecker();
  const tally: Tally = new Map();
  const workload = new Workload({ ports, writers, readers, crossShardReads }, checker, new Dice(seed + 1));
  const begunAt = performance.now();
  const isOver = (): boolean => checker.reads >= reads || performance.now() - begunAt > maximumMs;
  try {
    const fail = options.pauseMs === undefined ? undefined : faultsOf(stage, new Dice(seed), tally);
    while (!isOver()) {
      const quietUntil = performance.now() + (options.pauseMs ?? TELL_MS);
      while (!isOver() && performance.now() < quietUntil) await sleep(LOOK_MS);
      if (!isOver()) await fail?.();
      const found = [...checker.found].map(([anomaly, times]) => `, ${times} ${anomaly}`).join('');
      say(`${((performance.now() - begunAt) / 1000).toFixed(0)} s: ${checker.reads} reads${found}`);
    }
  } finally {
    await workload.close();
  }
  const breaches = [...internalErrors(workload.errors), ...(await settle(stage))];
  checker.finish(await readLists(stage), await readRegisters(stage));
  return {
    reads: checker.reads,
    committed: checker.count('committed'),
    aborted: checker.count('aborted'),
    unknown: checker.count('unknown'),
    found: checker.found,
    examples: checker.examples,
    tally,
    errors: workload.errors,
    breaches,
  };
}

/** One fault after the other, of any kind. */
function faultsOf(stage: Stage, dice: Dice, tally: Tally): () => Promise<void> {
  let steps = dice.shuffle(allSteps);
  return async () => {
    switch (dice.below(5)) {
      case 0:
        await killProxies(stage, dice, tally);
        return;
      case 1:
        await killShard(stage, dice.below(stage.servers.length), dice, tally);
        return;
      case 2:
        await cutConnections(stage, dice, tally);
        return;
      default:
        if (steps.length === 0) steps = dice.shuffle(allSteps);
        await failAtSteps(stage, takeSteps(steps, stage.proxies.length), dice, tally);
    }
  };
}

async function readLists(stage: Stage): Promise<ReadonlyMap<number, readonly number[]>> {
  const lists = new Map<number, readonly number[]>();
  for (const server of stage.servers) {
    await withClient(server, DATABASE, async (client) => {
      const { rows } = await client.query<{ id: number; items: number[] }>('SELECT id, items FROM lists');
      for (const { id, items } of rows) lists.set(id, items);
    });
  }
  return lists;
}

async function readRegisters(stage: Stage): Promise<ReadonlyMap<number, number>> {
  const registers = new Map<number, number>();
  for (const server of stage.servers) {
    await withClient(server, DATABASE, async (client) => {
      const { rows } = await client.query<{ id: number; value: number }>('SELECT id, value FROM registers');
      for (const { id, value } of rows) registers.set(id, value);
    });
  }
  return registers;
}
