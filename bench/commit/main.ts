/** `npm run bench:commit`: what a COMMIT over two shards costs, beside plain PostgreSQL and two-phase commit by hand. */

import { loadavg } from 'node:os';
import { performance } from 'node:perf_hooks';
import { Command } from 'commander';
import { positive } from '../../tests/support/command-line.js';
import { startServers } from '../../tests/support/cluster.js';
import { describeRun } from '../support/machine.js';
import { writeSection } from '../support/page.js';
import { startProxyProcess } from '../support/proxy-process.js';
import { formatCount, markdownTable, median, quantile } from '../support/table.js';
import { connect, DATABASE, lanes, ROWS, type Lane, type Places, type Taken } from './lanes.js';

interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly write: boolean;
}

const program = new Command('bench:commit')
  .description(
    'Transactions that change two rows: on one PostgreSQL, on one and on two shards of pgring, and over two servers by hand; and ' +
      'reads of both shards meanwhile. All ways take turns in one run, with fsync on.',
  )
  .option('--rounds <count>', 'how often each way has its turn', positive, 5)
  .option('--seconds <count>', 'how long a turn is', positive, 3)
  .option('--write', 'write the result to docs/benchmarks.md', false)
  .addHelpText('after', '\nnpm run bench:commit -- --rounds 3 --seconds 1\n');
program.parse();

const READ_SQL = 'SELECT sum(balance) FROM accounts WHERE id <= 100';
const clientCounts = [1, 8] as const;

interface Turn {
  readonly seconds: number;
  readonly taken: readonly Taken[];
  readonly readsMs: readonly number[];
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

const { rounds, seconds, write } = program.opts<Options>();
const load1 = (loadavg()[0] ?? 0).toFixed(0);
const cluster = await startServers({ count: 2, fsync: true, settings: { max_prepared_transactions: 100 } });
try {
  const [first] = cluster.servers;
  if (first === undefined) throw new Error('no server');
  const pgring = await startProxyProcess(cluster.servers);
  try {
    const places = await load(cluster.servers, pgring);
    const turns = await takeTurns(places);
    const idle = { per_shard: await readAlone(places, 'per_shard'), atomic: await readAlone(places, 'atomic') };
    const where = `${await describeRun(first)}; ${rounds} turns of ${seconds} s each, in turn; medians. The machine's load average before it began: ${load1}.`;
    const text = [where, laneTable(turns), readTable(turns, idle)].join('\n\n');
    process.stdout.write(`\n${text}\n`);
    if (write) writeSection('docs/benchmarks.md', 'commit', text);
  } finally {
    await pgring.close();
  }
} finally {
  await cluster.close();
}

async function load(servers: Places['servers'], proxy: Places['proxy']): Promise<Places> {
  const client = await connect(proxy);
  await client.query('CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL)');
  await client.query(`INSERT INTO accounts SELECT id, 0 FROM generate_series(1, ${ROWS}) AS id`);
  await client.end();
  const ids: number[][] = [];
  for (const server of servers) {
    const direct = await connect(server);
    const { rows } = await direct.query<{ id: number }>('SELECT id FROM accounts ORDER BY id');
    await direct.query('VACUUM ANALYZE accounts');
    ids.push(rows.map(({ id }) => id));
    await direct.end();
  }
  return { servers, proxy, ids };
}

type Turns = ReadonlyMap<Lane, ReadonlyMap<number, Turn[]>>;

async function takeTurns(places: Places): Promise<Turns> {
  const turns = new Map(lanes.map((lane) => [lane, new Map<number, Turn[]>(clientCounts.map((count) => [count, []]))]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const count of clientCounts) {
      for (const lane of lanes)
        turns
          .get(lane)
          ?.get(count)
          ?.push(await takeTurn(lane, places, count));
    }
    say(`round ${round} of ${rounds} on ${DATABASE} is done`);
  }
  return turns;
}

async function takeTurn(lane: Lane, places: Places, clients: number): Promise<Turn> {
  const runners = await Promise.all(
    Array.from({ length: clients }, async (_unused, client) => await lane.open(places, client)),
  );
  const taken: Taken[] = [];
  const readsMs: number[] = [];
  const begun = performance.now();
  const isOver = (): boolean => performance.now() - begun > seconds * 1000;
  const reader = lane.reader === undefined ? undefined : readUntil(places, lane.reader, isOver, readsMs);
  await Promise.all(
    runners.map(async (runner) => {
      while (!isOver()) taken.push(await runner.run());
    }),
  );
  const elapsed = (performance.now() - begun) / 1000;
  await reader;
  await Promise.all(runners.map(async (runner) => await runner.close()));
  return { seconds: elapsed, taken, readsMs };
}

async function readUntil(
  places: Places,
  setting: 'per_shard' | 'atomic',
  isOver: () => boolean,
  readsMs: number[],
): Promise<void> {
  const client = await connect(places.proxy);
  await client.query(`SET pgring.cross_shard_reads = '${setting}'`);
  while (!isOver()) {
    const begun = performance.now();
    await client.query(READ_SQL);
    readsMs.push(performance.now() - begun);
  }
  await client.end();
}

/** Reads while nothing is written. */
async function readAlone(places: Places, setting: 'per_shard' | 'atomic'): Promise<readonly number[]> {
  const readsMs: number[] = [];
  const begun = performance.now();
  await readUntil(places, setting, () => performance.now() - begun > seconds * 1000, readsMs);
  return readsMs;
}

function laneTable(turns: Turns): string {
  const columns = [
    { title: 'a transaction that changes two rows', align: 'left' },
    { title: 'clients', align: 'right' },
    { title: 'TPS', align: 'right' },
    { title: 'transaction, ms', align: 'right' },
    { title: 'COMMIT, ms', align: 'right' },
    { title: 'COMMIT, 99%', align: 'right' },
  ] as const;
  const rows = clientCounts.flatMap((count) =>
    lanes.map((lane) => {
      const own = turns.get(lane)?.get(count) ?? [];
      const all = own.flatMap(({ taken }) => taken);
      const commits = all.map(({ commitMs }) => commitMs);
      return [
        lane.name,
        String(count),
        formatCount(median(own.map((turn) => turn.taken.length / turn.seconds))),
        median(all.map(({ transactionMs }) => transactionMs)).toFixed(2),
        median(commits).toFixed(2),
        quantile(inOrder(commits), 0.99).toFixed(2),
      ];
    }),
  );
  return markdownTable(columns, rows);
}

function readTable(turns: Turns, idle: Readonly<Record<'per_shard' | 'atomic', readonly number[]>>): string {
  const columns = [
    { title: '`pgring.cross_shard_reads`', align: 'left' },
    { title: 'writing clients', align: 'right' },
    { title: 'reads', align: 'right' },
    { title: 'read, ms', align: 'right' },
    { title: '99%', align: 'right' },
  ] as const;
  const line = (setting: string, clients: number, readsMs: readonly number[]): readonly string[] => [
    `\`${setting}\``,
    String(clients),
    formatCount(readsMs.length),
    median(readsMs).toFixed(2),
    quantile(inOrder(readsMs), 0.99).toFixed(2),
  ];
  const busy = clientCounts.flatMap((count) =>
    lanes.flatMap((lane) => {
      if (lane.reader === undefined) return [];
      const readsMs = (turns.get(lane)?.get(count) ?? []).flatMap((turn) => turn.readsMs);
      return [line(lane.reader, count, readsMs)];
    }),
  );
  return markdownTable(columns, [line('per_shard', 0, idle.per_shard), line('atomic', 0, idle.atomic), ...busy]);
}

function inOrder(figures: readonly number[]): readonly number[] {
  return figures.toSorted((left, right) => left - right);
}
