/** `npm run history`: records what many clients see while proxies, servers and connections die, and has it checked. */

import { Command, Option } from 'commander';
import { wholeNumber } from '../support/command-line.js';
import { recordHistory, type HistoryOptions } from './run.js';

interface Options extends Omit<HistoryOptions, 'maximumMs' | 'pauseMs'> {
  readonly minutes: number;
  readonly pause: number;
  readonly faults: boolean;
}

const program = new Command('history')
  .description(
    'Records lists and registers that transactions over several shards change, as many readers see them, under faults, and ' +
      'checks the history for fractured, intermediate and aborted reads, lost appends and lost updates.',
  )
  .option('--seed <number>', 'the run with the same number chooses the same faults', wholeNumber(1), 1)
  .option('--reads <count>', 'end after so many reads of several shards', wholeNumber(1), 10_000)
  .option('--minutes <count>', 'or after so many minutes', wholeNumber(1), 60)
  .addOption(
    new Option('--cross-shard-reads <setting>', 'pgring.cross_shard_reads of all clients')
      .choices(['atomic', 'per_shard'])
      .default('atomic'),
  )
  .option('--pause <seconds>', 'between two faults', wholeNumber(1), 3)
  .option('--no-faults', 'nobody is killed')
  .option('--shards <count>', 'servers', wholeNumber(1), 4)
  .option('--proxies <count>', 'proxies in front of them', wholeNumber(1), 2)
  .option('--writers <count>', 'clients that write', wholeNumber(1), 8)
  .option('--readers <count>', 'clients that read', wholeNumber(1), 8)
  .option('--fsync', 'servers write through to their disks', false)
  .addHelpText(
    'after',
    '\nnpm run history -- --reads 100000 --seed 7\nnpm run history -- --cross-shard-reads per_shard\n',
  );
program.parse();

const options = program.opts<Options>();
const result = await recordHistory(
  {
    ...options,
    maximumMs: options.minutes * 60_000,
    pauseMs: options.faults ? options.pause * 1_000 : undefined,
  },
  (line) => {
    process.stderr.write(`${line}\n`);
  },
);
const lines = [
  ...[...result.tally]
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, times]) => `${name}: ${times}`),
  ...[...result.errors].map(([code, times]) => `clients got ${code}: ${times}`),
  `transactions: ${result.committed} committed, ${result.aborted} rolled back, ${result.unknown} with an unknown outcome`,
  ...result.breaches.map((what) => `BREACH: ${what}`),
  ...[...result.found].map(([anomaly, times]) => `ANOMALY: ${anomaly}, ${times} times`),
  ...result.examples,
  `${result.reads} reads of several shards, pgring.cross_shard_reads = '${options.crossShardReads}'`,
];
process.stdout.write(`${lines.join('\n')}\n`);
process.exitCode = result.found.size === 0 && result.breaches.length === 0 ? 0 : 1;
