/** One run of pgbench, with what it cost the process in between. */

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../../tests/support/program.js';
import { processorSeconds } from '../support/process-usage.js';
import { quantile } from '../support/table.js';
import type { Contender } from './contenders.js';
import type { Protocol, Workload } from './workloads.js';

export interface Run {
  readonly transactionsPerSecond: number;
  /** Of the process between clients and servers, a transaction; NaN where there is none. */
  readonly processorMicroseconds: number;
  readonly medianMs: number;
  readonly percentile99Ms: number;
}

export interface RunOptions {
  readonly database: string;
  readonly protocol: Protocol;
  readonly clients: number;
  readonly seconds: number;
  /** A folder for pgbench's files. */
  readonly folder: string;
}

/** More threads than cores only take time from what is measured. */
const THREADS = 2;
/** pgbench keeps every transaction's time below this many clients, and one in ten above. */
const SAMPLED_ABOVE = 100;

/** Throws when pgbench reports an error: a run with failures measures nothing. */
export async function runPgbench(contender: Contender, workload: Workload, options: RunOptions): Promise<Run> {
  const { database, protocol, clients, seconds, folder } = options;
  const logs = join(folder, 'logs');
  rmSync(logs, { recursive: true, force: true });
  mkdirSync(logs);
  const script = join(folder, 'script.sql');
  if (workload.script !== undefined) writeFileSync(script, `${workload.script}\n`);
  const address = ['-h', contender.host, '-p', String(contender.port), '-U', 'postgres', '-n'];
  const client = [
    '-M',
    protocol,
    '-c',
    String(clients),
    '-j',
    String(Math.min(clients, THREADS)),
    '-T',
    String(seconds),
  ];
  const sampling = clients > SAMPLED_ABOVE ? ['--sampling-rate=0.1'] : [];
  const logging = ['--log', `--log-prefix=${join(logs, 'times')}`, ...sampling];
  const ownScript = workload.script === undefined ? [] : ['-f', script];
  const before = contender.pid === undefined ? Number.NaN : processorSeconds(contender.pid);
  const { stdout, stderr, exitCode } = await runProgram(
    'pgbench',
    [...address, ...logging, ...client, ...workload.parameters, ...ownScript, database],
    { timeoutMs: (seconds + 120) * 1_000 },
  );
  const after = contender.pid === undefined ? Number.NaN : processorSeconds(contender.pid);
  const transactions = Number(/^number of transactions actually processed: (\d+)/m.exec(stdout)?.[1]);
  const transactionsPerSecond = Number(/^tps = ([\d.]+)/m.exec(stdout)?.[1]);
  if (exitCode !== 0 || !(transactions > 0)) {
    throw new Error(`pgbench -M ${protocol} -c ${clients}, ${workload.name}, ${contender.name}: ${stderr}${stdout}`);
  }
  const times = transactionTimes(logs);
  return {
    transactionsPerSecond,
    processorMicroseconds: ((after - before) * 1e6) / transactions,
    medianMs: quantile(times, 0.5) / 1_000,
    percentile99Ms: quantile(times, 0.99) / 1_000,
  };
}

/** In microseconds, sorted: the third field of each line of pgbench's log ("Per-Transaction Logging"). */
function transactionTimes(folder: string): Float64Array {
  const lines = readdirSync(folder).flatMap((name) => readFileSync(join(folder, name), 'utf8').trimEnd().split('\n'));
  return Float64Array.from(lines, (line) => Number(line.split(' ', 3)[2])).sort();
}
