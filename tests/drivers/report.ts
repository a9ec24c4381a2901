/** docs/drivers.md, between its marks: a table of the suites, and under it each difference with its cause. */

import { markdownTable } from '../../bench/support/table.js';
import type { Comparison, Counts, Difference } from './compare.js';

const columns = [
  { title: 'suite', align: 'left' },
  { title: 'version', align: 'left' },
  { title: 'tests', align: 'right' },
  { title: 'pass on PostgreSQL', align: 'right' },
  { title: 'pass on pgring', align: 'right' },
  { title: 'differ', align: 'right' },
  { title: 'not run', align: 'left' },
] as const;

export function reportOf(comparisons: readonly Comparison[]): string {
  const rows = comparisons.map(({ suite, version, one, pgring, differences, leftOut = '' }) => [
    suite,
    version,
    String(total(one)),
    String(one.passed),
    String(pgring.passed),
    String(differences.length),
    leftOut,
  ]);
  const parts = comparisons.filter(({ differences }) => differences.length > 0).map(differencesOf);
  return [markdownTable(columns, rows), ...parts].join('\n\n');
}

function total({ passed, failed, skipped }: Counts): number {
  return passed + failed + skipped;
}

const NAMED_TESTS = 4;

function differencesOf({ suite, differences }: Comparison): string {
  const byCause = new Map<string, Difference[]>();
  for (const each of differences) {
    const cause = each.cause ?? `**Not yet explained**: ${shorten(each.message)}`;
    byCause.set(cause, [...(byCause.get(cause) ?? []), each]);
  }
  const rows = [...byCause]
    .toSorted(([, left], [, right]) => right.length - left.length)
    .map(([cause, tests]) => [String(tests.length), escape(cause), escape(namesOf(tests))]);
  const titles = [
    { title: 'tests', align: 'right' },
    { title: 'cause', align: 'left' },
    { title: 'which', align: 'left' },
  ] as const;
  return `### ${suite}\n\n${markdownTable(titles, rows)}`;
}

function namesOf(tests: readonly Difference[]): string {
  const names = tests.slice(0, NAMED_TESTS).map(({ test }) => `\`${test}\``);
  return `${names.join(', ')}${tests.length > NAMED_TESTS ? ', …' : ''}`;
}

const MESSAGE_CHARACTERS = 200;

function shorten(message: string): string {
  return message.length > MESSAGE_CHARACTERS ? `${message.slice(0, MESSAGE_CHARACTERS)}…` : message;
}

function escape(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ').replaceAll('<', '&lt;');
}
