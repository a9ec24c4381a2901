/** Makes on other servers a table that exists on one. */

import { present } from '../base/assert.js';
import { refuse } from '../base/errors.js';
import { definitionSql, obstaclesSql } from './describe-table-sql.js';
import type { RunQuery } from './load.js';

/** What is not copied, by the column of obstaclesSql that tells it. */
const obstacles: readonly (readonly [column: string, construct: string])[] = [
  ['typed', 'distributing a typed table (CREATE TABLE … OF)'],
  ['inherits', 'distributing a table with partitions, parents or children'],
  ['triggers', 'distributing a table with triggers'],
  ['rules', 'distributing a table with rules'],
  ['policies', 'distributing a table with row security'],
];

/**
 * The statements that make the table on another server of the same database: columns, constraints, indexes, extended
 * statistics, storage parameters, comments, owner and grants. Types, functions, roles and referenced tables must exist
 * there. Names are qualified, so the search path does not matter. Throws 0A000 for a table that has more than that,
 * and the server's 42P01 when there is no such table.
 */
export async function createTableSql(query: RunQuery, schema: string, name: string): Promise<readonly string[]> {
  const table = present((await query(obstaclesSql(schema, name)))[0], `${schema}.${name} is a relation`);
  if (table['persistence'] === 't') {
    throw refuse('distributing a temporary table', 'Only permanent tables are shared by the shards.');
  }
  if (table['kind'] !== 'r' && table['kind'] !== 'p') {
    throw refuse(`distributing ${schema}.${name}`, 'Only ordinary and partitioned tables can be distributed.');
  }
  for (const [column, construct] of obstacles) {
    if (table[column] !== 't') continue;
    throw refuse(
      construct,
      `Create ${schema}.${name} through pgring, which places it at once, and copy its rows: INSERT INTO … SELECT, or COPY.`,
    );
  }
  const rows = await query(definitionSql(schema, name));
  return rows.map((row) => present(row['sql'], `step ${row['step']} of ${schema}.${name} is printed`));
}
