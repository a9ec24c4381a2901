/** INSERT … SELECT over shards: PostgreSQL makes the rows in a session of their own, and they are split to their owners. */

import { quoteIdentifier, quoteLiteral } from '../../catalog/schema.js';
import type { Plan } from '../../planner/plan/plan.js';
import { formatTag, readTagRows } from '../../wire/command-tag.js';
import { openCombineSession, RESULT_TABLE } from './combine-session.js';
import { noParameters, type BoundStatement, type ExecutionContext } from './context.js';
import { deliverTag } from './deliver.js';
import { describeInFormats } from './describe.js';
import { insertArrays } from './insert-arrays.js';
import { inTransaction } from './in-transaction.js';
import { AnswerWithoutTag, withOutput } from './own-output.js';
import { queryHomeRows } from './query-row.js';
import { ShardRows, type ShardQuery } from './shard-rows.js';
import { storeRows } from './store-rows.js';
import { withOwnProcess } from './own-process.js';

type InsertSelectPlan = Extract<Plan, { readonly kind: 'insert select' }>;

const BINARY = 1;

export async function executeInsertSelect(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: InsertSelectPlan,
): Promise<void> {
  const { rowDescription } = plan.insertion === undefined ? {} : await context.inferShape(statement);
  if (rowDescription === undefined || !statement.describe) {
    await deliverTag(context.output, formatTag('INSERT', await insertSelect(context, statement, plan)));
    return;
  }
  const output = new AnswerWithoutTag(context.output, describeInFormats(rowDescription, statement.resultFormats));
  const count = await insertSelect(withOutput(context, output), statement, plan);
  await output.sendTag();
  await deliverTag(context.output, formatTag('INSERT', count));
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
      const numbered = {
        ...plan,
        columns: [...plan.columns, ...plan.defaults.map(({ name }) => quoteIdentifier(name))],
      };
      const source = await numberedSource(context, plan, readTagRows(made.tag ?? '') ?? 0);
      return await insertArrays(context, { ...statement, describe: false }, numbered, insertion, {
        source,
        read: (sql, resultFormats) => start({ sql, parameters: noParameters, resultFormats }),
      });
    }
    const columns = plan.columns.join(', ');
    const rows = start({
      sql: `SELECT ${columns} FROM ${RESULT_TABLE}`,
      parameters: noParameters,
      resultFormats: [BINARY],
    });
    const { relation, key, target, defaults } = plan;
    const stored = [...plan.columns, ...defaults.map(({ name }) => quoteIdentifier(name))].join(', ');
    return await storeRows(
      context,
      { relation, columns: plan.columns, key, target, defaults, format: 'binary', columnList: ` (${stored})` },
      rows,
    );
  } finally {
    await session.end();
  }
}

/** The rows that were made, with the values that the client's own session gives for the columns that are left to it. */
async function numberedSource(
  context: ExecutionContext,
  { defaults }: InsertSelectPlan,
  rows: number,
): Promise<string> {
  if (defaults.length === 0) return RESULT_TABLE;
  const { processId } = context.activity;
  const items = defaults.map(({ sql }) => `(${withOwnProcess(sql, processId)})::pg_catalog.text`).join(', ');
  const values = await queryHomeRows(context, `SELECT ${items} FROM pg_catalog.generate_series(1, ${rows})`, 0);
  const columns = defaults.map(({ name, typeName }, index) => {
    const list = values.map((row) => quoteElement(row[index] ?? null)).join(',');
    const array = `${quoteLiteral(`{${list}}`)}::pg_catalog.text[]`;
    return `(${array})[pg_catalog.row_number() OVER ()]::${typeName} AS ${quoteIdentifier(name)}`;
  });
  return `(SELECT *, ${columns.join(', ')} FROM ${RESULT_TABLE}) AS numbered`;
}

/** An element of an array's text. */
function quoteElement(value: Buffer | null): string {
  return value === null ? 'NULL' : `"${value.toString('utf8').replaceAll(/["\\]/g, '\\$&')}"`;
}
