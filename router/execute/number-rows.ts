/**
 * ALTER TABLE … ADD COLUMN of a serial or an identity: each server has numbered the rows that it has from the start. The
 * home shard's numbers stay. The other shards' rows take the numbers behind them, each shard's behind the one before; other
 * copies of a reference table take over those of the home shard. The type of a column is changed for that, which fires
 * no triggers, and is allowed for what is GENERATED ALWAYS.
 */

import { present } from '../../base/assert.js';
import { quoteIdentifier, quoteLiteral } from '../../catalog/schema.js';
import type { ShardId } from '../../catalog/topology.js';
import type { Numbering } from '../../planner/plan/plan.js';
import { runCommand } from '../backend/command.js';
import type { ExecutionContext } from './context.js';
import { queryHomeRow, queryRow } from './query-row.js';

/** Runs in the transaction of the ALTER TABLE, which has locked the table. */
export async function numberRows(
  context: ExecutionContext,
  { relation, columns, primaryKey }: Numbering,
  others: readonly ShardId[],
): Promise<void> {
  for (const column of columns) {
    if (primaryKey === undefined) await numberBehind(context, relation, column, others);
    else await takeOver(context, relation, column, primaryKey, others);
  }
}

async function numberBehind(
  context: ExecutionContext,
  relation: string,
  column: string,
  others: readonly ShardId[],
): Promise<void> {
  const table = quoteLiteral(relation);
  const [type, sequence, start, increment] = await texts(
    queryHomeRow(
      context,
      `SELECT pg_catalog.format_type(a.atttypid, a.atttypmod), s.seqrelid::pg_catalog.regclass, s.seqstart, s.seqincrement
         FROM pg_catalog.pg_attribute a, pg_catalog.pg_sequence s
        WHERE a.attrelid = ${table}::pg_catalog.regclass AND a.attname = ${quoteLiteral(column)}
          AND s.seqrelid = pg_catalog.pg_get_serial_sequence(${table}, ${quoteLiteral(column)})::pg_catalog.regclass`,
    ),
  );
  const count = async (shard: ShardId): Promise<bigint> => {
    const [found] = await texts(queryRow(context, shard, `SELECT pg_catalog.count(*) FROM ${relation}`));
    return BigInt(present(found, 'a count'));
  };
  const step = BigInt(present(increment, 'a sequence has an increment'));
  const own = await count(context.topology.home);
  let given = own;
  for (const shard of others) {
    const rows = await count(shard);
    if (rows > 0n && given > 0n) {
      const name = quoteIdentifier(column);
      const connection = await context.transaction.enter(shard, true);
      const shifted = `(${name} + (${given * step})::pg_catalog.int8)::${type ?? ''}`;
      await runCommand(connection, `ALTER TABLE ${relation} ALTER COLUMN ${name} TYPE ${type ?? ''} USING ${shifted}`);
    }
    given += rows;
  }
  if (given === own) return;
  const last = BigInt(present(start, 'a sequence has a start')) + step * (given - 1n);
  await queryHomeRow(
    context,
    `SELECT pg_catalog.setval(${quoteLiteral(sequence ?? '')}::pg_catalog.regclass, ${last})`,
  );
}

async function takeOver(
  context: ExecutionContext,
  relation: string,
  column: string,
  primaryKey: readonly string[],
  others: readonly ShardId[],
): Promise<void> {
  const name = quoteIdentifier(column);
  const row = `ROW(${primaryKey.map(quoteIdentifier).join(', ')})::pg_catalog.text`;
  const [numbers, type] = await texts(
    queryHomeRow(
      context,
      `SELECT pg_catalog.jsonb_object_agg(${row}, ${name}), pg_catalog.min(pg_catalog.pg_typeof(${name})::pg_catalog.text)
         FROM ${relation}`,
    ),
  );
  if (numbers === undefined) return;
  const own = `(${quoteLiteral(numbers)}::pg_catalog.jsonb ->> ${row})::${type ?? ''}`;
  for (const shard of others) {
    const connection = await context.transaction.enter(shard, true);
    await runCommand(connection, `ALTER TABLE ${relation} ALTER COLUMN ${name} TYPE ${type ?? ''} USING ${own}`);
  }
}

async function texts(row: Promise<readonly (Buffer | null)[]>): Promise<readonly (string | undefined)[]> {
  return (await row).map((value) => value?.toString('utf8'));
}
