/** create_distributed_table, create_reference_table, undistribute_table: rows move to where the placement wants them. */

import { PgError, sqlstate } from '../../base/errors.js';
import type { Trigger } from '../../catalog/code.js';
import { forgetPartitionsSql, placeSql } from '../../catalog/pgring-schema.js';
import { qualifiedName, quoteIdentifier, type Placement, type Relation } from '../../catalog/schema.js';
import type { Plan } from '../../planner/plan/plan.js';
import { encodeDataRow, encodeRowDescription } from '../../wire/encode-backend.js';
import { runCommand } from '../backend/command.js';
import { ownedBy } from '../ring/sql-hash.js';
import { allShards, send, type BoundStatement, type ExecutionContext } from './context.js';
import { deliverTag } from './deliver.js';
import { inTransaction } from './in-transaction.js';
import { pipeRows } from './pipe-rows.js';

type PlaceTablePlan = Extract<Plan, { readonly kind: 'place table' }>;

const VOID_OID = 2278;
const VOID_BYTES = 4;

export async function executePlaceTable(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: PlaceTablePlan,
): Promise<void> {
  const relation = context.catalog.relation(plan.schema, plan.name);
  if (relation === undefined) {
    throw new PgError(sqlstate.undefinedTable, `relation "${plan.schema}.${plan.name}" does not exist`);
  }
  await inTransaction(context, async () => {
    await setTriggers(context, relation, () => 'DISABLE');
    await moveRows(context, relation, plan.placement);
    await setTriggers(context, relation, ({ enabled }) => enabling[enabled] ?? 'ENABLE');
    const statements = [forgetPartitionsSql(plan.schema, plan.name), placeSql(plan.schema, plan.name, plan.placement)];
    await Promise.all(
      allShards(context.topology).map(async (shard) => {
        const connection = await context.transaction.enter(shard, true);
        for (const sql of statements) await runCommand(connection, sql);
      }),
    );
  });
  await context.noteCatalogChange();
  await deliverVoid(context, statement, plan.column);
}

/** How a trigger that is enabled in a way of pg_trigger.tgenabled becomes so again. */
const enabling: Readonly<Record<string, string>> = { R: 'ENABLE REPLICA', A: 'ENABLE ALWAYS' };

/** Rows that only change their place are not inserted and deleted in the eyes of triggers. */
async function setTriggers(
  context: ExecutionContext,
  relation: Relation,
  wordsFor: (trigger: Trigger) => string,
): Promise<void> {
  const { triggers } = context.catalog.code.ofRelation(relation.oid);
  const changes = triggers.map((trigger) => `${wordsFor(trigger)} TRIGGER ${quoteIdentifier(trigger.name)}`);
  if (changes.length === 0) return;
  const { home } = context.topology;
  for (const shard of [home, ...allShards(context.topology).filter((other) => other !== home)]) {
    const connection = await context.transaction.enter(shard, true);
    await runCommand(connection, `ALTER TABLE ${qualifiedName(relation)} ${changes.join(', ')}`);
  }
}

/** The one row of a function that returns void. */
export async function deliverVoid(context: ExecutionContext, statement: BoundStatement, column: string): Promise<void> {
  if (statement.describe) {
    const field = {
      tableOid: 0,
      columnNumber: 0,
      typeOid: VOID_OID,
      typeSize: VOID_BYTES,
      typeModifier: -1,
      format: 0,
    };
    await send(context.output, encodeRowDescription([{ name: column, ...field }]));
  }
  await send(context.output, encodeDataRow(['']));
  await deliverTag(context.output, 'SELECT 1');
}

/**
 * Every row has one place before (its source) and one or more after; each moves straight from server to server. Rows of
 * partitions move with their table's; a tree of inheritance is not placed anew (planner/ddl/plan-placement.ts).
 */
async function moveRows(context: ExecutionContext, relation: Relation, target: Placement): Promise<void> {
  const table = qualifiedName(relation);
  const { home } = context.topology;
  const shards = [home, ...allShards(context.topology).filter((shard) => shard !== home)];
  for (const shard of shards) {
    await runCommand(await context.transaction.enter(shard, true), `LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
  }
  const others = shards.filter((shard) => shard !== home);
  if (relation.placement.kind === 'sharded') {
    for (const source of others) await pipeRows(context, relation, { source, target: home });
  }
  await Promise.all(
    others.map(async (shard) => {
      await runCommand(await context.transaction.enter(shard, true), `DELETE FROM ${table}`);
    }),
  );
  switch (target.kind) {
    case 'home':
      return;
    case 'reference':
      for (const shard of others) await pipeRows(context, relation, { source: home, target: shard });
      return;
    case 'sharded': {
      const columns = target.key.map((name) => {
        const column = relation.columns.find((candidate) => candidate.name === name);
        if (column === undefined) throw new PgError(sqlstate.undefinedColumn, `column "${name}" does not exist`);
        return { sql: quoteIdentifier(name), typeOid: column.baseTypeOid };
      });
      for (const shard of others) {
        const owned = ownedBy(context.shardMap.arcsOf(shard), columns);
        await pipeRows(context, relation, { source: home, target: shard, condition: owned });
        const connection = await context.transaction.enter(home, true);
        await runCommand(connection, `DELETE FROM ${table} WHERE ${owned}`);
      }
    }
  }
}
