/** Writes docs/supported-sql.md from the golden plans. */

import type { Placement } from '../../catalog/schema.js';
import { catalog } from '../planner/fixture/catalog.js';
import { updateCommand } from './committed.js';
import type { GoldenFile, GoldenStatement } from './golden-statements.js';

/** The whole document. */
export function formatSupportedSql(files: readonly GoldenFile[]): string {
  const statements = files.flatMap((file) => file.statements);
  const count = (kind: GoldenStatement['kind']): number => statements.filter((each) => each.kind === kind).length;
  return [
    '# What works and what is refused',
    `This page is written by a test from the golden plans in [tests/planner/golden](../tests/planner/golden), so it ` +
      `cannot promise what the planner does not do. ${count('works')} statements that run and ` +
      `${count('refused')} that are refused. To write it anew: \`${updateCommand}\`.`,
    'A refusal is an error with SQLSTATE 0A000 that names the construct and a way out. Nothing is ever answered from ' +
      'only some of the rows.',
    'What has a meaning on one server only (sizes, `ctid`, process ids, samples, oids, statistics) is listed in ' +
      '[one-server.md](one-server.md).',
    'Above the statements stands the first line of their plan, as `EXPLAIN` shows it, without the values of one ' +
      'statement.',
    '## The tables of these examples',
    placements(),
    ...files.flatMap(formatFile),
  ]
    .join('\n\n')
    .concat('\n');
}

function placements(): string {
  const lines = [...catalog.relations()]
    .filter(({ schema }) => schema !== 'pg_catalog')
    .filter((relation) => relation.kind === 'table')
    .map((relation) => {
      const name = relation.schema === 'public' ? relation.name : `${relation.schema}.${relation.name}`;
      return `- \`${name}\`: ${describePlacement(relation.placement)}`;
    });
  return lines.join('\n');
}

function describePlacement(placement: Placement): string {
  if (placement.kind === 'sharded') return `sharded by ${placement.key.map((column) => `\`${column}\``).join(', ')}`;
  return placement.kind === 'reference' ? 'reference, a copy on every shard' : 'home, on one shard';
}

function formatFile({ title, statements }: GoldenFile): readonly string[] {
  const works = groupBy(
    statements.filter(({ kind }) => kind === 'works'),
    ({ outcome }) => `-- ${withoutValues(outcome)}`,
  );
  const refused = groupBy(
    statements.filter(({ kind }) => kind === 'refused'),
    ({ outcome, hint }) => `-- refused: ${outcome}${hint === undefined ? '' : `\n-- way out: ${hint}`}`,
  );
  return [
    `## ${title}`,
    ...(works.length === 0 ? [] : ['### Runs', codeBlock(works)]),
    ...(refused.length === 0 ? [] : ['### Is refused', codeBlock(refused)]),
  ];
}

/** A plan's line without what is of one statement only, so that statements of the same plan stand together. */
function withoutValues(outcome: string): string {
  return outcome
    .replaceAll(/\) = [^:;.]*/g, ')')
    .replaceAll(/(limit|offset) [^;]+/g, '$1')
    .replace(/rows merged by [^;]+; \d+ hidden/, 'rows merged in order')
    .replace(/combined to one: [^;]+/, 'combined to one')
    .replace(/^Insert of \d+ rows/, 'Insert')
    .replace(/^(COPY in, \w+), .*/, '$1')
    .replace(/^(COPY out of \w+ \w+), .*/, '$1')
    .replace(/^(Explain) .*/, '$1')
    .replace(/^Local: .*/, 'Session or transaction command');
}

/** One paragraph for each heading: the heading, then every statement under it. */
function groupBy(
  statements: readonly GoldenStatement[],
  heading: (statement: GoldenStatement) => string,
): readonly string[] {
  const groups = new Map<string, string[]>();
  for (const statement of statements) {
    const key = heading(statement);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [statement.sql]);
    else group.push(statement.sql);
  }
  return [...groups].map(([key, sqls]) => [key, ...sqls].join('\n'));
}

function codeBlock(paragraphs: readonly string[]): string {
  return `\`\`\`sql\n${paragraphs.join('\n\n')}\n\`\`\``;
}
