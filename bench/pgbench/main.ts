/** `npm run bench`: pgbench's clients before PostgreSQL, PgBouncer and pgring, in turn in one run. */

import { loadavg } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import { startServers } from '../../tests/support/cluster.js';
import { positive } from '../../tests/support/command-line.js';
import { temporaryFolder } from '../../tests/support/folder.js';
import { runProgram } from '../../tests/support/program.js';
import { describeRun } from '../support/machine.js';
import { writeSection } from '../support/page.js';
import { direct, pgbouncer, pgring, type Contender } from './contenders.js';
import { compareWithKept, keep } from './kept.js';
import { cellTable, ratioTable, type Cell } from './report.js';
import { runPgbench, type Run } from './run-pgbench.js';
import { protocols, SCALE, workloads, type Protocol, type Workload } from './workloads.js';

interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly clients: readonly number[];
  readonly protocols: readonly Protocol[];
  readonly only?: readonly string[];
  readonly shards: number;
  readonly pgbouncer: readonly string[];
  readonly write: boolean;
  readonly check: boolean;
}

const DATABASE = 'postgres';

const program = new Command('bench')
  .description(
    'The same pgbench clients before one PostgreSQL, before PgBouncer, and before pgring with several servers. They take turns in ' +
      'one run, in the other order every other round. Prints transactions a second, latency, and the processor time that the ' +
      'process in between had for a transaction.',
  )
  .option('--rounds <count>', 'how often each has its turn', positive, 3)
  .option('--seconds <count>', 'how long a turn is', positive, 4)
  .option('--clients <counts>', 'numbers of clients, separated by commas', counts, [1, 8, 32, 500])
  .addOption(
    new Option('--protocols <names>', 'pgbench’s query modes, separated by commas')
      .argParser(chosenProtocols)
      .default(protocols, protocols.join(',')),
  )
  .option(
    '--only <names>',
    `workloads, separated by commas (${workloads.map(({ name }) => `"${name}"`).join(', ')})`,
    names,
  )
  .option('--shards <count>', 'servers behind pgring', positive, 2)
  .option(
    '--pgbouncer <programs>',
    'which PgBouncers, separated by commas; the last is what pgring is held against',
    names,
    ['pgbouncer'],
  )
  .option('--write', 'write the result to docs/benchmarks.md, and keep its ratio for --check', false)
  .option(
    '--check',
    'fail when the processor time has grown, against PgBouncer, beyond the margin of the kept ratio',
    false,
  )
  .addHelpText('after', '\nnpm run bench -- --rounds 1 --seconds 2 --only select-only --clients 8\n');
program.parse();

const options = program.opts<Options>();
const load = (loadavg()[0] ?? 0).toFixed(1);
const chosen = workloads.filter(({ name }) => options.only?.includes(name) ?? true);
if (chosen.length === 0) program.error('no such workload');

const cluster = await startServers({
  count: options.shards + 1,
  settings: { max_connections: 700, shared_buffers: '256MB' },
});
const contenders: Contender[] = [];
try {
  const [single, ...shards] = cluster.servers;
  if (single === undefined) throw new Error('no server');
  contenders.push(direct(single));
  for (const path of options.pgbouncer) contenders.push(await pgbouncer(path, single));
  const ours = await pgring(shards);
  contenders.push(ours);
  for (const { name, host, port } of [contenders[0], ours].filter((each) => each !== undefined)) {
    say(`filling ${name}`);
    await fill(host, port);
  }
  const cells = await measure();
  const proxies = contenders.filter(({ pid }) => pid !== undefined).map(({ name }) => name);
  const against = proxies.at(-2) ?? ours.name;
  const where =
    `${await describeRun(single)}; pgring before ${options.shards} servers; pgbench, scale ${SCALE}; ` +
    `${options.rounds} turns of ${options.seconds} s, in turn; medians. Load average before: ${load}.`;
  const text = [
    where,
    ratioTable(cells, ours.name, against),
    cellTable(
      cells,
      contenders.map(({ name }) => name),
      proxies,
    ),
  ].join('\n\n');
  process.stdout.write(`\n${text}\n`);
  if (options.write) {
    writeSection('docs/benchmarks.md', 'pgbench', text);
    keep(cells, ours.name, against);
  }
  if (options.check) process.exitCode = compareWithKept(cells, ours.name, against, say) ? 0 : 1;
} finally {
  for (const contender of contenders) await contender.close();
  await cluster.close();
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function fill(host: string, port: number): Promise<void> {
  const address = ['-h', host, '-p', String(port), '-U', 'postgres'];
  const { exitCode, stderr } = await runProgram('pgbench', [...address, '-i', '-q', '-s', String(SCALE), DATABASE], {
    timeoutMs: 600_000,
  });
  if (exitCode !== 0) throw new Error(`pgbench -i: ${stderr}`);
}

async function measure(): Promise<readonly Cell[]> {
  const folder = await temporaryFolder();
  const cells: Cell[] = [];
  const combinations = chosen.flatMap((workload) =>
    options.protocols.flatMap((protocol) => options.clients.map((clients) => ({ workload, protocol, clients }))),
  );
  try {
    for (const [index, combination] of combinations.entries()) {
      const { workload, protocol, clients } = combination;
      say(`${index + 1} of ${combinations.length}: ${workload.name}, ${protocol}, ${clients} clients`);
      cells.push({ ...combination, runs: await takeTurns(workload, protocol, clients, folder.path) });
    }
  } finally {
    folder[Symbol.dispose]();
  }
  return cells;
}

async function takeTurns(
  workload: Workload,
  protocol: Protocol,
  clients: number,
  folder: string,
): Promise<ReadonlyMap<string, readonly Run[]>> {
  const able = contenders.filter((contender) => contender.speaks(protocol));
  const runs = new Map<string, Run[]>(able.map(({ name }) => [name, []]));
  for (let round = 0; round < options.rounds; round += 1) {
    for (const contender of round % 2 === 0 ? able : able.toReversed()) {
      const { seconds } = options;
      const turns = runs.get(contender.name);
      if (turns === undefined) continue;
      try {
        turns.push(await runPgbench(contender, workload, { database: DATABASE, protocol, clients, seconds, folder }));
      } catch (error) {
        // Others may fail by faults of their own, which is a gap in the table; pgring may not.
        if (contender.name === 'pgring') throw error;
        say(`${contender.name} fails: ${String(error).slice(0, 300)}`);
        runs.delete(contender.name);
      }
    }
  }
  return runs;
}

function names(text: string): readonly string[] {
  return text.split(',').map((name) => name.trim());
}

function counts(text: string): readonly number[] {
  return names(text).map(positive);
}

function chosenProtocols(text: string): readonly Protocol[] {
  return names(text).map((name) => {
    const protocol = protocols.find((each) => each === name);
    if (protocol === undefined) throw new InvalidArgumentError(`Use ${protocols.join(', ')}.`);
    return protocol;
  });
}
