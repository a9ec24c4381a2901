/**
 * `npm run isolation -- --postgres DIR`: PostgreSQL's isolation tests, whose files are not in this repository, on one
 * PostgreSQL and on pgring with the tables where CREATE TABLE puts them, so that the sessions meet on several shards.
 */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { wholeNumber } from '../support/command-line.js';
import { reportOf } from './report.js';
import { runSpec, type SpecResult } from './run.js';
import { openSides } from './sides.js';
import { parseSpec } from './spec.js';

interface Options {
  readonly postgres: string;
  readonly most: number;
  readonly only?: string;
  readonly report?: string;
  readonly verbose: boolean;
}

const program = new Command('isolation')
  .description('Runs PostgreSQL’s isolation tests on one PostgreSQL and on pgring, and compares what each step gives.')
  .requiredOption('--postgres <folder>', 'PostgreSQL’s sources, with src/test/isolation')
  .option('--most <count>', 'permutations of a specification, evenly chosen', wholeNumber(1), 1_000_000)
  .option('--only <names>', 'specifications, separated by commas')
  .option('--report <file>', 'write the table to this file, between its marks')
  .option('--verbose', 'tell of each permutation that differs', false);
program.parse();

const options = program.opts<Options>();
const folder = join(options.postgres, 'src/test/isolation/specs');
const wanted = options.only?.split(',');
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.spec'))
  .map((file) => file.slice(0, -'.spec'.length))
  .filter((name) => wanted?.includes(name) ?? true)
  .toSorted();
const sides = await openSides();
const results: SpecResult[] = [];
try {
  for (const name of names) {
    const spec = parseSpec(readFileSync(join(folder, `${name}.spec`), 'utf8'));
    const result = await runSpec(sides, name, spec, options.most, (permutation, difference) => {
      if (!options.verbose) return;
      const steps = permutation.map(({ step }) => step.name).join(' ');
      process.stderr.write(`  ${steps}: ${difference.what} at ${difference.step ?? 'the setup'}\n`);
    });
    results.push(result);
    const causes = [...result.differences].map(([what, { times, step }]) => `${times} ${what} (${step ?? 'setup'})`);
    if (options.report !== undefined) writeReport(options.report, reportOf(results));
    process.stderr.write(`${[`${name}: ${result.agree} of ${result.run}`, ...causes].join('; ')}\n`);
  }
} finally {
  await sides.close();
}
process.stdout.write(`${reportOf(results)}\n`);

/** After each specification, so that a run that is ended early has told what it found. */
function writeReport(file: string, report: string): void {
  const page = readFileSync(file, 'utf8');
  const [open, close] = ['<!-- isolation -->', '<!-- /isolation -->'];
  writeFileSync(
    file,
    `${page.slice(0, page.indexOf(open) + open.length)}\n\n${report}\n\n${page.slice(page.indexOf(close))}`,
  );
}
