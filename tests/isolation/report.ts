/** The results as a table, with the cause of each difference. */

import { markdownTable } from '../../bench/support/table.js';
import { causeOf } from './causes.js';
import type { SpecResult } from './run.js';

export function reportOf(results: readonly SpecResult[]): string {
  const columns = [
    { title: 'specification', align: 'left' },
    { title: 'permutations', align: 'right' },
    { title: 'run', align: 'right' },
    { title: 'agree', align: 'right' },
    { title: 'what differs first, and why', align: 'left' },
  ] as const;
  const sum = (count: (result: SpecResult) => number): number =>
    results.reduce((total, each) => total + count(each), 0);
  const rows = results.map(({ name, permutations, run, agree, differences }) => [
    `\`${name}\``,
    String(permutations),
    String(run),
    String(agree),
    [...differences].map(([what, { times }]) => `${times}: ${escape(causeOf(name, what))}`).join('; '),
  ]);
  const whole = results.filter(({ run, agree }) => run === agree).length;
  const totals =
    `${sum(({ agree }) => agree)} of ${sum(({ run }) => run)} permutations agree (${sum(({ permutations }) => permutations)} in all); ` +
    `${whole} of ${results.length} specifications agree wholly.`;
  return `${totals}\n\n${markdownTable(columns, rows)}`;
}

function escape(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
