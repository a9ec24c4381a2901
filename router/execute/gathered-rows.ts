/**
 * All rows of sharded tables within the reach of one statement on the home shard, for what only a server can fill: a
 * materialized view. The other shards' rows come into tables that inherit from those, so that a query of the table finds
 * them; nobody else sees these tables, which are dropped in the same transaction.
 */

import { randomBytes } from 'node:crypto';
import { PgError, sqlstate } from '../../base/errors.js';
import { qualifiedName } from '../../catalog/schema.js';
import { runCommand } from '../backend/command.js';
import { allShards, type ExecutionContext } from './context.js';
import { pipeRows } from './pipe-rows.js';

export interface TableName {
  readonly schema: string;
  readonly name: string;
}

/** Runs the work while the home shard has all rows of these tables, inside the open transaction. */
export async function withGatheredRows<T>(
  context: ExecutionContext,
  tables: readonly TableName[],
  work: () => Promise<T>,
): Promise<T> {
  const { home } = context.topology;
  const others = allShards(context.topology).filter((shard) => shard !== home);
  const connection = await context.transaction.enter(home, true);
  const children: string[] = [];
  for (const table of tables) {
    const relation = context.catalog.relation(table.schema, table.name);
    if (relation === undefined) {
      throw new PgError(sqlstate.undefinedTable, `relation "${table.schema}.${table.name}" does not exist`);
    }
    const child = qualifiedName({ schema: table.schema, name: `pgring_${randomBytes(8).toString('hex')}` });
    await runCommand(connection, `CREATE UNLOGGED TABLE ${child} () INHERITS (${qualifiedName(relation)})`);
    children.push(child);
    for (const source of others) await pipeRows(context, relation, { source, target: home, into: child });
    await runCommand(connection, `ANALYZE ${child}`);
  }
  const result = await work();
  for (const child of children) await runCommand(connection, `DROP TABLE ${child}`);
  return result;
}
