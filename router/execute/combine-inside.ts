/**
 * Rung 5 on the transaction's own connection to the home shard, where no other session will do: the transaction has made
 * functions, operators or types, or the statement's functions read tables that it may have written to. The rows come into
 * temporary tables there, so the home shard can be no prepared participant afterwards (docs/decisions/0010).
 */

import type { Plan } from '../../planner/plan/plan.js';
import { queryRows } from '../backend/command.js';
import { Receiver, tableName, type CombineSession } from './combine-session.js';
import type { BoundStatement, ExecutionContext } from './context.js';
import { Finisher } from './finisher.js';
import { bindValues, renderSql, routeStatement } from './route.js';
import { ShardRows } from './shard-rows.js';
import { Shipping } from './shipping.js';

type CombinePlan = Extract<Plan, { readonly kind: 'combine' }>;

/** Whether a statement must be, and can be, finished inside the transaction. */
export async function combinesInside(context: ExecutionContext, plan: CombinePlan): Promise<boolean> {
  const { transaction, catalog, topology } = context;
  // Where snapshots are bound together on all shards, what is read and stored by one command on the home shard is not.
  if (!transaction.isOpen || transaction.bindsTogether || plan.session === 'own') return false;
  if (catalog.isUncommitted) return true;
  if (!plan.readsOutside) return false;
  const [row] = await queryRows(await transaction.enter(topology.home, false), 'SHOW transaction_read_only');
  return row?.['transaction_read_only'] === 'off';
}

/** As openCombineSession does, on the transaction's own connection, which is free again when the session has ended. */
export async function openInsideSession(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: CombinePlan,
): Promise<CombineSession> {
  const { transaction, topology } = context;
  const { home } = topology;
  const values = await bindValues(context, statement, plan.computed);
  const shape = await context.inferShape(statement);
  const parameters = { ...statement.parameters, types: shape.parameterTypes };
  const connection = await transaction.enter(home, true);
  context.noteTemporaryUse();
  // What is not sharded the connection reads in its place.
  const chosen = plan.shipments.flatMap((shipment, index) => (shipment.always ? [{ index, shipment }] : []));
  const finisher = Finisher.inside(context, connection);
  const shipping = await Shipping.start(context, chosen, statement, values, parameters, home);
  try {
    for (const { index, shipment } of chosen) {
      const name = tableName(index);
      await finisher.createTable(name, shipment);
      if (!(await routeStatement(context, shipment.routing, values)).includes(home)) continue;
      const sql = `INSERT INTO pg_temp.${name} ${String(renderSql(shipment.sql, statement, values))}`;
      const stored = ShardRows.send(connection, { sql, parameters, resultFormats: [] }, { portal: '', batchRows: 0 });
      while ((await stored.next()) !== undefined);
    }
    const receiver = new Receiver(finisher, plan, values, parameters, false);
    await receiver.receive(shipping.relations);
    await shipping.finish();
    return {
      connection,
      ...receiver.statement(),
      rowDescription: shape.rowDescription,
      report: shipping.report,
      shardsFree: Promise.resolve(),
      end: async () => {
        await finisher.end();
      },
    };
  } catch (error) {
    await shipping.abort();
    throw error;
  }
}
