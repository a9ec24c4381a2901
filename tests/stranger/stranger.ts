/** `npm run fuzz:wire`: sends a pgring what nobody should send it, and looks whether anybody notices. */

import { Command } from 'commander';
import { wholeNumber } from '../support/command-line.js';
import { runStrangers } from './run.js';

interface Options {
  readonly minutes: number;
  readonly seed: number;
  readonly atOnce: number;
}

const program = new Command('fuzz:wire')
  .description(
    'Connections of strangers and of guests, whose messages are mutated: lengths and counts that lie, strings without their ' +
      'end, messages in another order, cut at any byte, half-closed, floods. Nobody else may notice, nothing may be left behind.',
  )
  .option('--minutes <count>', 'how long', wholeNumber(1), 5)
  .option('--seed <number>', 'the first attack has this number, each further one the next', wholeNumber(0), 1)
  .option('--at-once <count>', 'attacks at one time', wholeNumber(1), 16)
  .addHelpText('after', '\nnpm run fuzz:wire -- --minutes 30 --seed 1\n');
program.parse();

const { minutes, seed, atOnce } = program.opts<Options>();
const result = await runStrangers({ seed, durationMs: minutes * 60_000, atOnce }, (line) => {
  process.stderr.write(`${line}\n`);
});
const lines = [
  ...[...result.attacks].map(([kind, times]) => `${kind}: ${times}`),
  ...[...result.errors]
    .toSorted(([, left], [, right]) => right - left)
    .map(([code, times]) => `heard ${code}: ${times}`),
  `an honest client: ${result.bystander.queries} queries, the slowest ${result.bystander.slowestMs} ms`,
  `memory in MB: ${result.residentMb.join(' ')}`,
  `handles: ${result.handles.join(' ')}`,
  `sessions left on servers: ${result.serverSessions}`,
  ...result.breaches.map((breach) => `BREACH: ${breach}`),
  `${[...result.attacks.values()].reduce((sum, times) => sum + times, 0)} attacks, ${result.breaches.length} breaches`,
];
process.stdout.write(`${lines.join('\n')}\n`);
process.exitCode = result.breaches.length === 0 ? 0 : 1;
