/** Rung 2: one shard runs the statement; its answer goes to the client as it is. */

import { present } from '../../base/assert.js';
import type { ShardId } from '../../catalog/topology.js';
import type { Plan } from '../../planner/plan/plan.js';
import {
  encodeBind,
  encodeDescribe,
  encodeExecute,
  encodeParse,
  encodeQuery,
  syncFrame,
} from '../../wire/encode-frontend.js';
import type { BackendConnection } from '../backend/connection.js';
import { Exchange } from '../backend/exchange.js';
import { typesForShard } from '../backend/shard-oids.js';
import type { BoundParameters, BoundStatement, ExecutionContext } from './context.js';
import { deliverExchange } from './deliver.js';
import { bindValues, parametersFor, renderSql, routeStatement } from './route.js';

type PassPlan = Extract<Plan, { readonly kind: 'pass' }>;

export async function executePass(context: ExecutionContext, statement: BoundStatement, plan: PassPlan): Promise<void> {
  const values = await bindValues(context, statement, plan.computed);
  const shards = await routeStatement(context, plan.routing, values);
  const shard = present(shards[0], 'a statement for one shard without a shard');
  const sql = renderSql(plan.sql, statement, values);
  const parameters = await parametersFor(context, statement, plan.sql);
  await passTo(context, statement, shard, plan.access === 'write', { sql, parameters });
}

/** Runs SQL on one shard and passes its answer on, by the protocol that the statement came by. */
export async function passTo(
  context: ExecutionContext,
  statement: BoundStatement,
  shard: ShardId,
  wrote: boolean,
  query: { readonly sql: string | Buffer; readonly parameters: BoundParameters },
): Promise<void> {
  await passOn(context, await context.transaction.enter(shard, wrote), statement, query);
}

/** Runs SQL on one connection and passes its answer on. `formatsHold`: it could have others in the simple protocol. */
export async function passOn(
  context: ExecutionContext,
  connection: BackendConnection,
  statement: BoundStatement,
  query: {
    readonly sql: string | Buffer;
    readonly parameters: BoundParameters;
    readonly formatsHold?: boolean;
    readonly describeAs?: (description: Buffer) => Buffer;
  },
): Promise<void> {
  const exchange = new Exchange(connection);
  exchange.onNotice = (frame) => {
    context.onNotice(frame);
  };
  const simple =
    query.parameters.values.length === 0 && statement.resultFormats.length === 0 && query.formatsHold !== true;
  exchange.send(simple ? [encodeQuery(query.sql)] : extendedFrames(connection, query, statement.resultFormats), 1);
  await deliverExchange(context, exchange, statement.describe, query.describeAs);
}

function extendedFrames(
  connection: BackendConnection,
  query: { readonly sql: string | Buffer; readonly parameters: BoundParameters },
  resultFormats: readonly number[],
): readonly Buffer[] {
  connection.prepared.delete('');
  const { formats, values, types } = query.parameters;
  return [
    encodeParse('', query.sql, typesForShard(types, connection.oidMap())),
    encodeBind({ portal: '', statement: '', parameterFormats: formats, parameters: values, resultFormats }),
    encodeDescribe('portal', ''),
    encodeExecute('', 0),
    syncFrame,
  ];
}
