/** INSERT … SELECT over shards: PostgreSQL makes the rows in a session of their own, and they are split to their owners. */

import { PgError } from '../../base/errors.js';
import type { Plan } from '../../planner/plan.js';
import { formatTag } from '../../wire/command-tag.js';
import { copyDoneFrame } from '../../wire/encode-frontend.js';
import { openCombineSession, RESULT_TABLE } from './combine-session.js';
import { noParameters, type BoundStatement, type ExecutionContext } from './context.js';
import { copyIn } from './copy-from.js';
import { deliverTag } from './deliver.js';
import { inTransaction } from './in-transaction.js';
import { ShardRows, type ShardQuery } from './shard-rows.js';
import { TupleFrames } from './tuple-frames.js';

type InsertSelectPlan = Extract<Plan, { readonly kind: 'insert select' }>;

const BINARY = 1;

export async function executeInsertSelect(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: InsertSelectPlan,
): Promise<void> {
  const count = await inTransaction(context, async () => await insertRows(context, statement, plan));
  await deliverTag(context.output, formatTag('INSERT', count));
}

async function insertRows(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: InsertSelectPlan,
): Promise<number> {
  const session = await openCombineSession(context, statement, plan, plan.definition);
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
    const columns = plan.columns.join(', ');
    const rows = start({
      sql: `SELECT ${columns} FROM ${RESULT_TABLE}`,
      parameters: noParameters,
      resultFormats: [BINARY],
    });
    return await store(context, plan, columns, rows);
  } finally {
    await session.end();
  }
}

async function store(
  context: ExecutionContext,
  plan: InsertSelectPlan,
  columns: string,
  rows: ShardRows,
): Promise<number> {
  const frames = copyMessages(rows);
  const target = {
    relation: plan.relation,
    columns: plan.columns,
    key: plan.key,
    target: plan.target,
    format: { kind: 'binary', delimiter: '', nullText: '', header: 'no', quote: '', escape: '' },
  } as const;
  try {
    return await copyIn(context, target, `COPY ${plan.relation} (${columns}) FROM STDIN (FORMAT binary)`, {
      ready: async () => {
        await Promise.resolve();
      },
      next: async () => (await frames.next()).value ?? copyDoneFrame,
    });
  } catch (error) {
    // That COPY carried the rows is our own affair.
    if (!(error instanceof PgError) || error.fields.where?.startsWith('COPY ') !== true) throw error;
    const { where: _where, ...fields } = error.fields;
    throw new PgError(error.sqlstate, error.message, fields);
  }
}

/** The rows as CopyData messages. */
async function* copyMessages(rows: ShardRows): AsyncGenerator<Buffer, undefined> {
  const frames = new TupleFrames();
  for (let run = await rows.next(); run !== undefined; run = await rows.next()) yield* frames.add(run);
  yield* frames.end();
  return undefined;
}
