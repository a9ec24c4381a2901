/**
 * `npm run drivers -- --sources DIR`: the drivers' own test suites, which are not in this repository, on one PostgreSQL
 * and on pgring over four shards, test by test.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { format, resolveConfig } from 'prettier';
import { compareResults, type Comparison } from './compare.js';
import { reportOf } from './report.js';
import { checkoutOf, runSuite } from './run-suite.js';
import { openSides } from './sides.js';
import { suites } from './suites/all.js';
import type { Suite, TestResults } from './suites/suite.js';

interface Options {
  readonly sources: string;
  readonly only?: string;
  readonly report?: string;
  readonly results?: string;
}

const program = new Command('drivers')
  .description('Runs the test suites of PostgreSQL drivers on one PostgreSQL and on pgring, and compares each test.')
  .requiredOption('--sources <folder>', 'the drivers’ checkouts, each in a folder of its repository’s name')
  .option('--only <names>', `suites, separated by commas: ${suites.map(({ name }) => name).join(', ')}`)
  .option('--report <file>', 'write the tables to this file, between its marks')
  .option('--results <file>', 'keep results in this file, and take those of suites that are not run from it');
program.parse();

const options = program.opts<Options>();
const sources = resolve(options.sources);
const wanted = options.only?.split(',');
const chosen = suites.filter(({ name }) => wanted?.includes(name) ?? true);
const missing = chosen.filter((suite) => !existsSync(checkoutOf(suite, sources)));
for (const suite of missing) {
  process.stderr.write(
    `${suite.name}: not in ${sources}. git clone --depth 1 https://github.com/${suite.repository}, and in it: ${suite.install}\n`,
  );
}
const kept = new Map<string, Comparison>();
if (options.results !== undefined && existsSync(options.results)) {
  for (const each of JSON.parse(readFileSync(options.results, 'utf8')) as Comparison[]) kept.set(each.suite, each);
}
const sides = await openSides();
try {
  for (const suite of chosen.filter((each) => !missing.includes(each))) {
    const [one, pgring] = sides.both;
    const expected = await timed(suite, one.name, async () => await runSuite(suite, one, sources));
    const given = await timed(suite, pgring.name, async () => await runSuite(suite, pgring, sources));
    const comparison = {
      suite: suite.name,
      version: versionOf(checkoutOf(suite, sources)),
      leftOut: suite.leftOut,
      ...compareResults(suite.name, expected, given),
    };
    kept.set(suite.name, comparison);
    for (const { test, message, cause } of comparison.differences) {
      process.stderr.write(`  ${cause === undefined ? 'UNEXPLAINED ' : ''}${test}: ${message.slice(0, 300)}\n`);
    }
    if (options.results !== undefined) writeFileSync(options.results, JSON.stringify([...kept.values()]));
  }
} finally {
  await sides.close();
}
const ordered = suites.flatMap(({ name }) => kept.get(name) ?? []);
process.stdout.write(`${reportOf(ordered)}\n`);
if (options.report !== undefined) await writeReport(options.report, reportOf(ordered));

async function timed(suite: Suite, side: string, run: () => Promise<TestResults>): Promise<TestResults> {
  const startedMs = Date.now();
  const results = await run();
  const passed = [...results.values()].filter(({ kind }) => kind === 'passed').length;
  const seconds = Math.round((Date.now() - startedMs) / 1000);
  process.stderr.write(`${suite.name} on ${side}: ${passed} of ${results.size} pass (${seconds} s)\n`);
  return results;
}

/** The commit, where the checkout tells it: in a file VERSION, or by git. */
function versionOf(folder: string): string {
  const file = join(folder, 'VERSION');
  if (existsSync(file)) return readFileSync(file, 'utf8').trim();
  return execFileSync('git', ['log', '-1', '--format=%h of %cs'], { cwd: folder, encoding: 'utf8' }).trim();
}

async function writeReport(file: string, report: string): Promise<void> {
  const page = readFileSync(file, 'utf8');
  const [open, close] = ['<!-- drivers -->', '<!-- /drivers -->'];
  const text = `${page.slice(0, page.indexOf(open) + open.length)}\n\n${report}\n\n${page.slice(page.indexOf(close))}`;
  const style = await resolveConfig(resolve(file));
  writeFileSync(file, await format(text, { ...style, parser: 'markdown' }));
}
