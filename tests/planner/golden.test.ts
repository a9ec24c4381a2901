/**
 * Every statement of golden/*.txt has the plan that is written below it. UPDATE_GOLDEN=1 writes the plans as they are
 * now; read the difference before committing it. The list of what is refused in README.md comes from these files.
 */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

import { describePlan } from '../../planner/plan/explain-text.js';
import { loadParser } from '../../planner/parse/parser.js';
import { plan, type PlanSettings } from './fixture/plan.js';

const folder = new URL('../../../tests/planner/golden/', import.meta.url);
const PLAN_PREFIX = '  > ';

interface GoldenCase {
  readonly lines: readonly string[];
  readonly sql: string;
  readonly settings: PlanSettings;
  readonly expected: readonly string[];
}

function readCases(file: string): GoldenCase[] {
  const text = readFileSync(new URL(file, folder), 'utf8');
  return text
    .trim()
    .split(/\n\s*\n/)
    .map((block) => {
      const lines = block.split('\n');
      const types = lines.find((line) => line.startsWith('# types:'));
      const path = lines.find((line) => line.startsWith('# path:'));
      return {
        lines: lines.filter((line) => !line.startsWith(PLAN_PREFIX)),
        sql: lines.filter((line) => !line.startsWith(PLAN_PREFIX) && !line.startsWith('#')).join('\n'),
        settings: {
          ...(types === undefined ? {} : { parameterTypes: types.slice(8).trim().split(' ').map(Number) }),
          ...(path === undefined ? {} : { searchPath: path.slice(7).trim().split(' ') }),
        },
        expected: lines.filter((line) => line.startsWith(PLAN_PREFIX)).map((line) => line.slice(PLAN_PREFIX.length)),
      };
    });
}

beforeAll(loadParser);

for (const file of readdirSync(folder)
  .filter((name) => name.endsWith('.txt'))
  .sort()) {
  describe(file, () => {
    const cases = readCases(file);
    if (process.env['UPDATE_GOLDEN'] === '1') {
      it('is written anew', () => {
        const blocks = cases.map(({ lines, sql, settings }) =>
          sql === ''
            ? lines.join('\n')
            : [...lines, ...describePlan(plan(sql, settings).plan).map((line) => PLAN_PREFIX + line)].join('\n'),
        );
        writeFileSync(new URL(file, folder), `${blocks.join('\n\n')}\n`);
      });
      return;
    }
    for (const { sql, settings, expected } of cases) {
      if (sql === '') continue;
      it(sql.replaceAll(/\s+/g, ' '), () => {
        expect(describePlan(plan(sql, settings).plan)).toEqual(expected);
      });
    }
  });
}
