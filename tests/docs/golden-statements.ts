/** The statements of tests/planner/golden with their plans, as documents quote them. */

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../support/repo.js';

const folder = join(repositoryRoot, 'tests/planner/golden');
const planPrefix = '  > ';

export interface GoldenStatement {
  readonly sql: string;
  /** The plan's first line and its placement, or the refusal without its SQLSTATE. */
  readonly outcome: string;
  readonly hint: string | undefined;
  /** `refused` is a limit of pgring (0A000); `wrong` fails on one server, too. */
  readonly kind: 'works' | 'refused' | 'wrong';
}

export interface GoldenFile {
  readonly title: string;
  readonly statements: readonly GoldenStatement[];
}

/** Every golden file, by name. */
export function readGoldenFiles(): readonly GoldenFile[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.txt'))
    .sort()
    .map((name) => parseGoldenFile(readFileSync(join(folder, name), 'utf8')));
}

/** A file begins with a comment, its title; blocks of a statement and its plan follow (tests/planner/golden.test.ts). */
export function parseGoldenFile(text: string): GoldenFile {
  const blocks = text.trim().split(/\n\s*\n/);
  const title = /^# (.+?)\.?$/m.exec(blocks[0] ?? '')?.[1] ?? '';
  return { title, statements: blocks.flatMap((block) => parseBlock(block) ?? []) };
}

function parseBlock(block: string): GoldenStatement | undefined {
  const lines = block.split('\n');
  const sql = lines.filter((line) => !line.startsWith('#') && !line.startsWith(planPrefix)).join(' ');
  const plan = lines.filter((line) => line.startsWith(planPrefix)).map((line) => line.slice(planPrefix.length));
  const [first, second] = plan;
  if (sql === '' || first === undefined) return undefined;
  const refusal = /^Refused: (\w{5}) (.*)$/.exec(first);
  if (refusal === null) {
    const placement = plan.find((line) => line.startsWith('Placement: '));
    const outcome = placement === undefined ? first : `${first}. ${placement}`;
    return { sql, outcome, hint: undefined, kind: 'works' };
  }
  const hint = second?.startsWith('Hint: ') === true ? second.slice('Hint: '.length) : undefined;
  return {
    sql,
    outcome: (refusal[2] ?? '').replace(/ is not supported by pgring yet$/, ''),
    hint,
    kind: refusal[1] === '0A000' ? 'refused' : 'wrong',
  };
}
