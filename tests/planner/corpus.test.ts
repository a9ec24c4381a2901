/**
 * Statements of real tools and drivers: whatever their tables are here, each is planned or refused, never an exception.
 * Their relations do not exist in the fixture, so a second pass resolves every unknown name to a sharded table.
 */

import { readdirSync, readFileSync } from 'node:fs';

import { PgError } from '../../base/errors.js';
import type { CatalogSnapshot, Relation } from '../../catalog/schema.js';
import { describePlan } from '../../planner/plan/explain-text.js';
import { loadParser, parseStatements, type ParsedStatement } from '../../planner/parse/parser.js';
import { normalize } from '../../planner/parse/tokenizer.js';
import { planReusable } from '../../planner/plan-statement.js';
import { catalog } from './fixture/catalog.js';
import { plan } from './fixture/plan.js';

const folder = new URL('../../../tests/corpus/', import.meta.url);

function readCorpus(): string[] {
  const files = readdirSync(folder).filter((name) => name.endsWith('.jsonl'));
  return files.flatMap((name) =>
    readFileSync(new URL(name, folder), 'utf8')
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { sql: string }).sql),
  );
}

const students = catalog.relation('public', 'students') as Relation;

/** Every relation exists and is sharded by id. */
const everywhere: CatalogSnapshot = {
  ...catalog,
  relation: (schema, name) =>
    catalog.relation(schema, name) ?? (schema === 'public' ? { ...students, oid: 900_000, name } : undefined),
};

/** The statements of a text; none of one that the grammar rejects, as some of the corpus are for it. */
function parsed(sql: string): ParsedStatement[] {
  try {
    return parseStatements(sql);
  } catch (error) {
    if (error instanceof PgError) return [];
    throw error;
  }
}

beforeAll(loadParser);

describe('the corpus', () => {
  const statements = readCorpus();

  it('is planned over the fixture without an exception', () => {
    for (const sql of statements) expect(describePlan(plan(sql).plan).length).toBeGreaterThan(0);
  });

  it('is planned with every table sharded without an exception or an internal error', () => {
    for (const sql of statements) {
      const buffer = Buffer.from(sql);
      for (const statement of parsed(sql)) {
        const { plan: found } = planReusable({
          statement,
          sql: buffer,
          slots: normalize(buffer, statement.start, statement.end)?.slots,
          context: {
            catalog: everywhere,
            searchPath: ['public'],
            parameterTypes: [],
            rules: { ruleFor: () => undefined },
          },
        });
        if (found.kind === 'refuse') expect([sql, found.error.sqlstate]).not.toEqual([sql, 'XX000']);
      }
    }
  });
});
