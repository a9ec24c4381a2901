/** INSERT … SELECT over shards: PostgreSQL makes the rows in a session of their own, and they are split to their owners. */

import type { Plan } from '../../planner/plan/plan.js';
import { formatTag } from '../../wire/command-tag.js';
import { openCombineSession, RESULT_TABLE } from './combine-session.js';
import { noParameters, send, type BoundStatement, type ExecutionContext } from './context.js';
import { deliverTag } from './deliver.js';
import { describeInFormats } from './describe.js';
import { insertArrays } from './insert-arrays.js';
import { inTransaction } from './in-transaction.js';
import { ShardRows, type ShardQuery } from './shard-rows.js';
import { storeRows } from './store-rows.js';

type InsertSelectPlan = Extract<Plan, { readonly kind: 'insert select' }>;

const BINARY = 1;

export async function executeInsertSelect(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: InsertSelectPlan,
): Promise<void> {
  const { rowDescription } = plan.insertion === undefined ? {} : await context.inferShape(statement);
  if (rowDescription !== undefined && statement.describe) {
    await send(context.output, describeInFormats(rowDescription, statement.resultFormats));
  }
  await deliverTag(context.output, formatTag('INSERT', await insertSelect(context, statement, plan)));
}

/** Returns the number of rows that were stored. */
export async function insertSelect(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: InsertSelectPlan,
): Promise<number> {
  return await inTransaction(context, async () => await insertRows(context, statement, plan));
}

async function insertRows(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: InsertSelectPlan,
): Promise<number> {
  const session = await openCombineSession(context, statement, plan, { definition: plan.definition });
  const { connection, sql, parameters } = session;
  const start = (query: ShardQuery): ShardRows =>
    ShardRows.send(connection, query, {
      portal: '',
      batchRows: 0,
      onNotice: (frame) => {
        context.onNotice(frame);
      },
    });
  try {
    const made = start({ sql, parameters, resultFormats: [] });
    while ((await made.next()) !== undefined);
    const { insertion } = plan;
    if (insertion !== undefined) {
      return await insertArrays(context, { ...statement, describe: false }, plan, insertion, (sql, resultFormats) =>
        start({ sql, parameters: noParameters, resultFormats }),
      );
    }
    const columns = plan.columns.join(', ');
    const rows = start({
      sql: `SELECT ${columns} FROM ${RESULT_TABLE}`,
      parameters: noParameters,
      resultFormats: [BINARY],
    });
    const { relation, key, target } = plan;
    const format = 'binary';
    return await storeRows(
      context,
      { relation, columns: plan.columns, key, target, format, columnList: ` (${columns})` },
      rows,
    );
  } finally {
    await session.end();
  }
}
