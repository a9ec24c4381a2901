/** The 22 queries of the specification (2.4) with its validation parameters, from queries/. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../../tests/support/repo.js';

export interface TpchQuery {
  readonly number: number;
  /** Query 15 makes a view first and drops it afterwards. */
  readonly before: readonly string[];
  readonly sql: string;
  readonly after: readonly string[];
}

export const queryCount = 22;

/** Reads a query; the scale factor is a parameter of query 11. */
export function readQuery(number: number, scale: number): TpchQuery {
  const file = join(repositoryRoot, 'bench/tpch/queries', `q${String(number).padStart(2, '0')}.sql`);
  const text = readFileSync(file, 'utf8').replaceAll(':fraction', (0.0001 / scale).toFixed(10));
  const statements = text
    .split(';')
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
  const at = statements.findIndex((statement) => statement.startsWith('select'));
  const sql = statements[at];
  if (sql === undefined) throw new Error(`${file} has no query`);
  return { number, before: statements.slice(0, at), sql, after: statements.slice(at + 1) };
}
