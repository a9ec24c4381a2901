/** PREPARE as SQL. Its statements share their names with those of Parse messages, as in PostgreSQL. */

import type { SessionPlan } from '../planner/plan/session-plan.js';
import {
  encodeBind,
  encodeClose,
  encodeDescribe,
  encodeExecute,
  encodeParse,
  syncFrame,
} from '../wire/encode-frontend.js';
import { Exchange } from '../router/backend/exchange.js';
import type { BoundStatement, StatementShape } from '../router/execute/context.js';
import { deliverTag } from '../router/execute/deliver.js';
import { planPrepared } from './plan-prepared.js';
import { inPreparedText, type PreparedStatement } from './prepared.js';
import { reasonToRefuse } from './refusal.js';
import type { SessionScope } from './session-scope.js';
import { noteShape } from './shape-of.js';
import { describingConnection, readShape } from './statement-shape.js';

export async function prepareBySql(
  scope: SessionScope,
  bound: BoundStatement,
  plan: Extract<SessionPlan, { readonly kind: 'prepare' }>,
): Promise<void> {
  const shape = await preparedShape(scope, bound.sql, plan.name);
  const { parameterTypes } = shape;
  const source = bound.source ?? bound.sql;
  const before = bound.sql.toString('utf8', 0, plan.start);
  const sql = Buffer.from(bound.sql.subarray(plan.start));
  const statement: PreparedStatement = {
    name: plan.name,
    sql,
    parameterTypes,
    parseFrame: encodeParse(plan.name, sql, parameterTypes),
    planned: undefined,
    plannedFor: '',
    shape,
    definition: undefined,
    origin: { fromSql: true, text: source.toString('utf8'), offset: Array.from(before).length, preparedAt: new Date() },
  };
  const planned = await scope.replanIfStale(planPrepared(scope, statement), statement.plannedFor, parameterTypes);
  if (planned.plan.kind === 'refuse') {
    throw inPreparedText(await reasonToRefuse(scope, sql, parameterTypes, planned.plan.error), statement);
  }
  scope.prepared.add(statement);
  noteShape(planned.plan, shape);
  await deliverTag(scope.output, 'PREPARE');
}

/** A server prepares it, tells what it takes and gives, and forgets it. Errors: what it has against the statement. */
async function preparedShape(scope: SessionScope, sql: Buffer, name: string): Promise<StatementShape> {
  const connection = await describingConnection(scope);
  connection.prepared.delete('');
  connection.prepared.delete(name);
  const exchange = new Exchange(connection);
  exchange.send(
    [
      encodeClose('statement', name),
      encodeParse('', sql, []),
      encodeBind({ portal: '', statement: '', parameterFormats: [], parameters: [], resultFormats: [] }),
      encodeExecute('', 0),
      encodeDescribe('statement', name),
      encodeClose('statement', name),
      syncFrame,
    ],
    1,
  );
  return await readShape(connection, exchange);
}
