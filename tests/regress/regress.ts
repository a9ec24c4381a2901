/**
 * `npm run regress -- --postgres DIR [--report FILE] [--details FILE] [files…]`: PostgreSQL's own regression tests through
 * pgring. DIR is a checkout of PostgreSQL, or its folder src/test/regress.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { format, resolveConfig } from 'prettier';
import { loadParser } from '../../planner/parse/parser.js';
import { writeReport } from './report.js';
import { runFile, type FileResult } from './run-file.js';
import { RegressCluster } from './sides.js';

/** What the files below need, in the order of parallel_schedule. */
const setup = ['test_setup', 'create_misc', 'create_index', 'create_aggregate'];

const selectFiles = [
  'select',
  'select_distinct',
  'select_having',
  'select_implicit',
  'join',
  'aggregates',
  'groupingsets',
  'subselect',
  'window',
  'with',
  'union',
  'limit',
  'portals',
  'case',
  'arrays',
  'rangefuncs',
  'tsrf',
  'json',
  'jsonb',
];

/** Not about SELECT: what a transaction is, and what a client prepares. */
const transactionFiles = ['transactions', 'prepared_xacts'];

const writeFiles = [
  'insert',
  'insert_conflict',
  'update',
  'delete',
  'merge',
  'returning',
  'generated_stored',
  'identity',
  'triggers',
];

const { values, positionals } = parseArgs({
  options: { postgres: { type: 'string' }, report: { type: 'string' }, details: { type: 'string' } },
  allowPositionals: true,
});

function regressFolder(): string {
  const given = values.postgres ?? process.env['POSTGRES_SOURCE'];
  if (given === undefined) throw new Error('--postgres DIR: where PostgreSQL is checked out');
  const inside = join(given, 'src/test/regress');
  const folder = resolve(existsSync(inside) ? inside : given);
  if (!existsSync(join(folder, 'parallel_schedule'))) throw new Error(`${folder} has no parallel_schedule`);
  return folder;
}

function versionOf(folder: string): string {
  const configure = join(folder, '../../../configure');
  const version = existsSync(configure)
    ? /PACKAGE_VERSION='([^']*)'/.exec(readFileSync(configure, 'utf8'))?.[1]
    : undefined;
  return `the files of PostgreSQL ${version ?? 'of an unknown version'}`;
}

function details({ file, outcomes }: FileResult): string {
  return outcomes
    .map(({ line, sql, verdict }) => {
      const more = verdict.kind === 'different' ? verdict.text : 'reason' in verdict ? verdict.reason : '';
      const whole =
        verdict.kind === 'different' || verdict.kind === 'refused' ? sql : sql.slice(0, 60).replaceAll('\n', ' ');
      return `== ${file}:${line} ${verdict.kind.toUpperCase()} ${whole}\n${more}`.trim();
    })
    .join('\n');
}

function say({ file, outcomes }: FileResult, startedMs: number): void {
  const kinds = new Map<string, number>();
  for (const { verdict } of outcomes) kinds.set(verdict.kind, (kinds.get(verdict.kind) ?? 0) + 1);
  const counts = [...kinds].map(([kind, count]) => `${count} ${kind}`).join(', ');
  process.stdout.write(
    `${file}: ${outcomes.length} statements: ${counts} (${Math.round((Date.now() - startedMs) / 1000)} s)\n`,
  );
}

const folder = regressFolder();
await loadParser();
const cluster = await RegressCluster.start();
try {
  const results: FileResult[] = [];
  const run = async (sides: Awaited<ReturnType<RegressCluster['empty']>>, file: string): Promise<void> => {
    const startedMs = Date.now();
    const result = await runFile(sides, folder, file);
    results.push(result);
    say(result, startedMs);
    if (values.details !== undefined) writeFileSync(values.details, `${results.map(details).join('\n\n')}\n`);
  };
  const empty = await cluster.empty();
  for (const file of setup) await run(empty, file);
  await cluster.keepAsTemplate();
  const all = [...selectFiles, ...writeFiles, ...transactionFiles];
  for (const file of positionals.length === 0 ? all : positionals) await run(await cluster.fresh(), file);
  if (values.report !== undefined) {
    const style = await resolveConfig(resolve(values.report));
    const report = writeReport(versionOf(folder), results);
    writeFileSync(values.report, await format(report, { ...style, parser: 'markdown' }));
  }
} finally {
  await cluster.close();
}
