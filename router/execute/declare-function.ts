/** create_distributed_function: what a function touches, recorded on every shard. */

import { declareSql } from '../../catalog/pgring-schema.js';
import type { Plan } from '../../planner/plan/plan.js';
import { runCommand } from '../backend/command.js';
import { allShards, type BoundStatement, type ExecutionContext } from './context.js';
import { inTransaction } from './in-transaction.js';
import { deliverVoid } from './place-table.js';

export async function executeDeclareFunction(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: Extract<Plan, { readonly kind: 'declare function' }>,
): Promise<void> {
  const sql = declareSql(plan.identity, plan.argument);
  await inTransaction(context, async () => {
    await Promise.all(
      allShards(context.topology).map(async (shard) => {
        await runCommand(await context.transaction.enter(shard, true), sql);
      }),
    );
  });
  await context.noteCatalogChange();
  await deliverVoid(context, statement, plan.column);
}
