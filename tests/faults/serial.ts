/** `npm run kill:serial`: kills proxies under clients that insert rows whose keys a sequence gives. */

import { Command } from 'commander';
import { wholeNumber } from '../support/command-line.js';
import { runSerialKeys, type SerialKeyOptions } from './serial-keys.js';

const program = new Command('kill:serial')
  .description(
    'Clients insert rows with serial and identity keys into four PostgreSQL servers through several proxies, by single rows, ' +
      'several rows, INSERT … SELECT and transactions, while a proxy is killed again and again. Then all rows are read.',
  )
  .option('--seed <number>', 'the run with the same number makes the same choices', wholeNumber(0), 1)
  .option('--clients <count>', 'how many clients', wholeNumber(0), 200)
  .option('--proxies <count>', 'proxies in front of the same servers', wholeNumber(0), 3)
  .option('--kills <count>', 'how often a proxy is killed', wholeNumber(0), 30)
  .option('--fsync', 'servers write through to their disks', false)
  .addHelpText('after', '\nnpm run kill:serial -- --clients 200 --kills 100\n');
program.parse();

const result = await runSerialKeys(program.opts<SerialKeyOptions>(), (line) => process.stderr.write(`${line}\n`));
process.stdout.write(
  [
    `${result.kills} kills of a proxy, ${result.rate} rows/s`,
    `rows: ${result.acknowledged} acknowledged, ${result.unknown} without an answer, ${result.stored} stored`,
    `numbers that are in no row: ${result.gaps}`,
    ...[...result.errors].map(([code, times]) => `clients got ${code}: ${times}`),
    ...result.breaches.map((breach) => `BREACH: ${breach}`),
    `${result.breaches.length} breaches`,
    '',
  ].join('\n'),
);
process.exitCode = result.breaches.length === 0 ? 0 : 1;
