/** `npm run bench:clients`: hundreds of busy and thousands of idle clients on twenty connections to each server. */

import { loadavg } from 'node:os';
import { Command } from 'commander';
import { Client } from 'pg';
import { startServers } from '../../tests/support/cluster.js';
import { positive } from '../../tests/support/command-line.js';
import { direct, pgbouncer, pgring, type Contender } from '../pgbench/contenders.js';
import { describeRun } from '../support/machine.js';
import { writeSection } from '../support/page.js';
import { processorSeconds, residentBytes } from '../support/process-usage.js';
import { formatCount, markdownTable, quantile } from '../support/table.js';
import { connectCrowd, keepBusy } from './crowd.js';

interface Options {
  readonly active: number;
  readonly idle: number;
  readonly seconds: number;
  readonly rounds: number;
  readonly pgbouncer: string;
  readonly write: boolean;
}

const program = new Command('bench:clients')
  .description(
    'Point selects by many clients at one time, while many more are connected and idle: through pgring before two servers, and through ' +
      'PgBouncer before one of them, in turn. Clients, proxies and servers share the machine.',
  )
  .option('--active <count>', 'clients that send one statement after the other', positive, 500)
  .option('--idle <count>', 'clients that are connected and send nothing', positive, 2_000)
  .option('--seconds <count>', 'how long', positive, 5)
  .option('--rounds <count>', 'how often each has its turn', positive, 3)
  .option('--pgbouncer <program>', 'which PgBouncer', 'pgbouncer')
  .option('--write', 'write the result to docs/benchmarks.md', false);
program.parse();

const ROWS = 10_000;
const DATABASE = 'postgres';
/** For the control connections, and those that come and go. */
const SPARE_CLIENTS = 100;

interface Measured {
  readonly name: string;
  readonly bytesEach: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly cpuUs: number;
}

const { active, idle, seconds, rounds, pgbouncer: bouncer, write } = program.opts<Options>();
const load = (loadavg()[0] ?? 0).toFixed(0);
const cluster = await startServers({ count: 2 });
const contenders: Contender[] = [];
try {
  const [first] = cluster.servers;
  if (first === undefined) throw new Error('no server');
  await prepare(direct(first), 'plain');
  contenders.push(await pgring(cluster.servers, active + idle + SPARE_CLIENTS));
  contenders.push(await pgbouncer(bouncer, first, active + idle + SPARE_CLIENTS));
  const [ours] = contenders;
  if (ours !== undefined) await prepare(ours, 'shared');
  const measured: Measured[] = [];
  const turns = new Map<Contender, Measured[]>();
  for (let round = 0; round < rounds; round += 1) {
    for (const contender of contenders) {
      const turn = await measure(contender, contender === ours ? 'shared' : 'plain');
      turns.set(contender, [...(turns.get(contender) ?? []), turn]);
    }
  }
  for (const each of turns.values()) measured.push(middle(each));
  const where = `${await describeRun(first)}; ${formatCount(active)} active and ${formatCount(idle)} idle clients, ${rounds} turns of ${seconds} s each, the one with the median of statements/s; memory in the first. The machine's load average before it began: ${load}.`;
  const text = [where, table(measured)].join('\n\n');
  process.stdout.write(`\n${text}\n`);
  if (write) writeSection('docs/benchmarks.md', 'clients', text);
} finally {
  for (const contender of contenders) await contender.close();
  await cluster.close();
}

/** The turn in the middle; memory grows but once. */
function middle(turns: readonly Measured[]): Measured {
  const sorted = [...turns].sort((left, right) => left.perSecond - right.perSecond);
  const [[first], found] = [turns, sorted[Math.floor(sorted.length / 2)]];
  if (first === undefined || found === undefined) throw new Error('no turn');
  return { ...found, bytesEach: first.bytesEach };
}

async function prepare({ host, port }: Contender, name: string): Promise<void> {
  const client = new Client({ host, port, user: 'postgres', database: DATABASE });
  await client.connect();
  await client.query(`CREATE TABLE ${name} (id int PRIMARY KEY, value text)`);
  await client.query(`INSERT INTO ${name} SELECT id, 'value ' || id FROM generate_series(1, ${ROWS}) AS id`);
  await client.end();
}

async function measure({ name, host, port, pid }: Contender, relation: string): Promise<Measured> {
  if (pid === undefined) throw new Error(`${name} is no process whose use could be measured`);
  const address = { host, port, database: DATABASE };
  const point = (): string => `SELECT value FROM ${relation} WHERE id = ${1 + Math.floor(Math.random() * ROWS)}`;
  const busy = await connectCrowd(address, active);
  await keepBusy(busy, point, 1);
  const before = residentBytes(pid);
  const quiet = await connectCrowd(address, idle);
  const bytesEach = (residentBytes(pid) - before) / idle;
  const cpuBefore = processorSeconds(pid);
  const { timesMs, seconds: took } = await keepBusy(busy, point, seconds);
  const cpuUs = ((processorSeconds(pid) - cpuBefore) * 1e6) / timesMs.length;
  for (const client of [...busy, ...quiet]) client.close();
  process.stderr.write(`${name}: ${(timesMs.length / took).toFixed(0)} statements/s\n`);
  return {
    name,
    bytesEach,
    perSecond: timesMs.length / took,
    p50: quantile(timesMs, 0.5),
    p99: quantile(timesMs, 0.99),
    cpuUs,
  };
}

function table(measured: readonly Measured[]): string {
  return markdownTable(
    [
      { title: 'through', align: 'left' },
      { title: 'memory per idle client, KiB', align: 'right' },
      { title: 'statements/s', align: 'right' },
      { title: 'p50, ms', align: 'right' },
      { title: 'p99, ms', align: 'right' },
      { title: 'CPU a statement, µs', align: 'right' },
    ],
    measured.map(({ name, bytesEach, perSecond, p50, p99, cpuUs }) => [
      name,
      (bytesEach / 1024).toFixed(1),
      formatCount(perSecond),
      p50.toFixed(1),
      p99.toFixed(1),
      cpuUs.toFixed(0),
    ]),
  );
}
