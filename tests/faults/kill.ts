/** `npm run kill`: kills proxies, shards and connections under clients that move money, and checks the books. */

import { Command } from 'commander';
import { wholeNumber } from '../support/command-line.js';
import { runKills, type KillOptions } from './run.js';

const program = new Command('kill')
  .description(
    'A bank over four PostgreSQL servers and several proxies. Proxies are killed at each named step of the commit protocol ' +
      'and at random times, servers are killed, connections are cut. After each round the clients rest, and the books are ' +
      'compared with what the clients were told.',
  )
  .option('--seed <number>', 'the run with the same number chooses the same faults', wholeNumber(0), 1)
  .option(
    '--steps <count>',
    'how often proxies die (lose a connection, are asked to cancel) at each named step',
    wholeNumber(0),
    1,
  )
  .option('--random <count>', 'rounds of at least five kills of proxies at random times', wholeNumber(0), 4)
  .option('--shards <count>', 'how often each server is killed', wholeNumber(0), 1)
  .option('--cuts <count>', 'rounds of five cuts of connections', wholeNumber(0), 4)
  .option('--clients <count>', 'clients that move money', wholeNumber(0), 32)
  .option('--proxies <count>', 'proxies in front of the same servers', wholeNumber(0), 3)
  .option('--fsync', 'servers write through to their disks', false)
  .option('--no-deadlocks', 'all transfers take their accounts in the same order')
  .addHelpText('after', '\nnpm run kill -- --steps 3 --random 40 --shards 5 --cuts 20 --seed 7\n');
program.parse();

const result = await runKills(program.opts<KillOptions>(), (line) => process.stderr.write(`${line}\n`));
const lines = [
  ...[...result.tally].sort(([left], [right]) => left.localeCompare(right)).map(([name, times]) => `${name}: ${times}`),
  ...[...result.errors].map(([code, times]) => `clients got ${code}: ${times}`),
  `transfers: ${result.acknowledged} acknowledged, ${result.refused} refused, ${result.unknown.all} with an unknown outcome, ` +
    `of which ${result.unknown.happened} happened`,
  ...result.missed.map((step) => `NOT REACHED: ${step}`),
  ...result.breaches.map((breach) => `BREACH: ${breach}`),
  `${result.rounds} rounds, ${result.breaches.length} breaches`,
];
process.stdout.write(`${lines.join('\n')}\n`);
process.exitCode = result.breaches.length === 0 && result.missed.length === 0 ? 0 : 1;
