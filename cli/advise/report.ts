/** Advice as a person reads it, and as a program does. */

import type { Placement } from '../../catalog/schema.js';
import type { Advice, TableAdvice } from './advice.js';
import { rulesText } from './rules.js';
import { shownName, shownPlacement } from './schema.js';

const MAX_REFUSED_STATEMENTS = 10;

export function reportText(advice: Advice): string {
  const { schema, groups, tables } = advice;
  const of = (kind: Placement['kind']): readonly TableAdvice[] =>
    tables.filter(({ placement }) => placement.kind === kind);
  const blocks = [
    `${schema.source}: ${plural(tables.length, 'table')}, for ${plural(advice.shards, 'shard')}\n`,
    ...groups.map((group) => {
      const title = group.length === 1 ? 'Sharded:' : 'Sharded, rows with the same key on the same shard:';
      return `${title}\n${rows(group)}`;
    }),
    section('Reference tables, a copy on every shard:', of('reference')),
    section('On the home shard:', of('home')),
    refusedText(tables),
    judgementText(advice),
    schema.remarks.length === 0 ? '' : `Not read:\n${schema.remarks.map((remark) => `  ${remark}\n`).join('')}`,
    `For pgring.yaml, before the tables are created:\n\n${rulesText(schema.tables, advice.choices)}`,
  ];
  return blocks.filter((block) => block !== '').join('\n');
}

function section(title: string, tables: readonly TableAdvice[]): string {
  return tables.length === 0 ? '' : `${title}\n${rows(tables)}`;
}

function rows(tables: readonly TableAdvice[]): string {
  const cells = tables.map((advice) => {
    const { table, placement, why } = advice;
    const by = placement.kind === 'sharded' ? `by ${placement.key.join(', ')}` : '';
    return [`${shownName(table)} ${by}`.trim(), countText(table.rows), why.join('; ')] as const;
  });
  const widths = [0, 1].map((column) => Math.max(...cells.map((cell) => (cell[column] ?? '').length)));
  return cells
    .map(([name, count, why]) =>
      `  ${name.padEnd(widths[0] ?? 0)}  ${count.padStart(widths[1] ?? 0)}  ${why}`.trimEnd(),
    )
    .join('\n')
    .concat('\n');
}

function countText(count: number | undefined): string {
  if (count === undefined) return '';
  return plural(Math.round(count), 'row');
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function refusedText(tables: readonly TableAdvice[]): string {
  const lines = tables.flatMap(({ table, refused }) =>
    refused.map(({ constraint, why }) => `  ${shownName(table)}: ${constraint}: ${why}\n`),
  );
  return lines.length === 0 ? '' : `Refused with these choices:\n${[...new Set(lines)].join('')}`;
}

function judgementText({ judgement }: Advice): string {
  const { triggers, functions, workload } = judgement;
  const parts: string[] = [];
  if (triggers.length > 0) {
    const lines = triggers.map(({ table, trigger, why, refused }) => {
      const what = refused === 'trigger' ? 'the trigger' : refused.join(', ');
      return `  ${shownName(table)}: ${what}, for its trigger ${trigger} ${why}\n`;
    });
    parts.push(`Refused because of triggers:\n${lines.join('')}`);
  }
  if (functions.length > 0) {
    const lines = functions.map(({ subject, why }) => `  ${subject}, ${why}\n`);
    parts.push(
      `Functions that pgring will not call as they are (see docs/functions.md for the ways out):\n${lines.join('')}`,
    );
  }
  if (workload !== undefined) {
    const { oneShard, severalShards, combined, refused } = workload;
    const refusedCalls = refused.reduce((total, { calls }) => total + calls, 0);
    const total = Math.max(1, oneShard + severalShards + combined + refusedCalls);
    const share = (calls: number): string => `${((calls * 100) / total).toFixed(1)} %`.padStart(8);
    const lines = [
      `${share(oneShard)} on one shard`,
      `${share(severalShards)} on several shards at once`,
      `${share(combined)} finished by PostgreSQL over rows of several shards`,
      `${share(refusedCalls)} refused`,
      ...refused.slice(0, MAX_REFUSED_STATEMENTS).map(({ subject, why }) => `           ${oneLine(subject)}: ${why}`),
    ];
    parts.push(`Calls of the statements that the server has counted:\n${lines.map((line) => `  ${line}\n`).join('')}`);
  }
  return parts.join('\n');
}

function oneLine(sql: string): string {
  const text = sql.replaceAll(/\s+/g, ' ');
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

/** One table with all that it could be. */
export function tableText({ table, placement, why, alternatives }: TableAdvice): string {
  const lines = [`${shownName(table)}: ${shownPlacement(placement)}`, ...why.map((reason) => `  ${reason}`)];
  for (const { placement: other, refused } of alternatives) {
    const name = `  ${shownPlacement(other)}`;
    if (refused.length === 0) lines.push(`${name}: allowed`);
    else
      lines.push(`${name} would break`, ...refused.map(({ constraint, why: cause }) => `    ${constraint}: ${cause}`));
  }
  return `${lines.join('\n')}\n`;
}

export function reportJson(advice: Advice): string {
  const { schema, shards, tables, groups, judgement } = advice;
  const nameOf = ({ table }: TableAdvice): string => `${table.schema}.${table.name}`;
  const document = {
    source: schema.source,
    shards,
    tables: tables.map((each) => ({
      schema: each.table.schema,
      name: each.table.name,
      rows: each.table.rows ?? null,
      partitions: each.table.members.map((member) => `${member.schema}.${member.name}`),
      placement: each.placement,
      why: each.why,
      refused: each.refused,
      alternatives: each.alternatives,
    })),
    groups: groups.map((group) => group.map(nameOf)),
    triggers: judgement.triggers.map(({ table, trigger, why, refused }) => ({
      table: `${table.schema}.${table.name}`,
      trigger,
      why,
      refused,
    })),
    functions: judgement.functions,
    workload: judgement.workload ?? null,
    remarks: schema.remarks,
    rules: rulesText(schema.tables, advice.choices),
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}
