/** docs/regression.md, from the results of a run. */

import { knownCause } from './causes.js';
import type { FileResult, Outcome } from './run-file.js';

type Kind = Outcome['verdict']['kind'];

const columns: readonly (readonly [Kind, string])[] = [
  ['equal', 'equal'],
  ['multiset', 'equal in another free order'],
  ['explain', 'EXPLAIN'],
  ['skipped', 'skipped'],
  ['refused', 'refused'],
  ['consequence', 'follows a refusal'],
  ['different', 'different'],
];

export function writeReport(source: string, results: readonly FileResult[]): string {
  return [
    "# PostgreSQL's own regression tests through pgring",
    '',
    `Written by \`npm run regress -- --postgres DIR --report docs/regression.md\` (${source}). The files of`,
    '`src/test/regress/sql` run statement by statement through pgring over three shards, with the placements that',
    '`CREATE TABLE` gives by itself, and on one PostgreSQL of the same version; rows, their order, column names and types,',
    'tags, notices and errors (SQLSTATE, message, detail, hint, position) are compared. Each file starts from the state that',
    'the set-up files leave. Data that a server would read from its disk are sent by the client to both sides. The data',
    'and the statements are not in this repository.',
    '',
    '- **equal in another free order**: the same rows; the order differs where ORDER BY does not decide it.',
    "- **EXPLAIN**: both sides explain or both refuse; the plans' text is not compared.",
    '- **skipped**: needs `regress.so` (functions in C), which only a build of PostgreSQL has.',
    '- **refused**: by pgring with SQLSTATE 0A000 and a hint, listed below.',
    '- **follows a refusal**: the answer of a PostgreSQL that was spared the refused statements.',
    '- **different**: anything else, each listed below with its cause.',
    '',
    ...table(results),
    '',
    '## Refused',
    '',
    ...refusals(results),
    '',
    '## Different',
    '',
    ...differences(results),
    '',
  ].join('\n');
}

function count(outcomes: readonly Outcome[], kind: Kind): number {
  return outcomes.filter(({ verdict }) => verdict.kind === kind).length;
}

function table(results: readonly FileResult[]): readonly string[] {
  const row = (name: string, outcomes: readonly Outcome[]): string =>
    `| ${[name, outcomes.length, ...columns.map(([kind]) => count(outcomes, kind))].join(' | ')} |`;
  return [
    `| file | statements | ${columns.map(([, title]) => title).join(' | ')} |`,
    `| --- | --: | ${columns.map(() => '--:').join(' | ')} |`,
    ...results.map(({ file, outcomes }) => row(file, outcomes)),
    row(
      '**all**',
      results.flatMap(({ outcomes }) => outcomes),
    ),
  ];
}

/** The construct without the names that are in it. */
function construct(reason: string): string {
  return reason.replace(/ is not supported by pgring( yet)?$/, '').replaceAll(/"[^"]*"/g, '"…"');
}

function refusals(results: readonly FileResult[]): readonly string[] {
  const places = new Map<string, string[]>();
  for (const { file, outcomes } of results) {
    for (const { line, verdict } of outcomes) {
      if (verdict.kind !== 'refused') continue;
      const key = construct(verdict.reason);
      places.set(key, [...(places.get(key) ?? []), `${file}:${line}`]);
    }
  }
  const sorted = [...places].sort(([, left], [, right]) => right.length - left.length);
  return [
    '| count | construct | where |',
    '| --: | --- | --- |',
    ...sorted.map(([key, list]) => `| ${list.length} | ${key} | ${shorten(list)} |`),
  ];
}

function shorten(list: readonly string[]): string {
  const shown = 8;
  return `${list.slice(0, shown).join(', ')}${list.length > shown ? ', …' : ''}`;
}

function differences(results: readonly FileResult[]): readonly string[] {
  const places = new Map<string, string[]>();
  for (const { file, outcomes } of results) {
    for (const { line, sql, verdict } of outcomes) {
      if (verdict.kind !== 'different') continue;
      const cause = knownCause(file, sql) ?? '**A defect.**';
      places.set(cause, [...(places.get(cause) ?? []), `${file}:${line}`]);
    }
  }
  if (places.size === 0) return ['None.'];
  return [
    '| count | cause | where |',
    '| --: | --- | --- |',
    ...[...places].map(([cause, list]) => `| ${list.length} | ${cause} | ${list.join(', ')} |`),
  ];
}
