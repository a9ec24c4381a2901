/**
 * UPDATE of a shard key. Each shard carries the statement out, and tells beside its RETURNING rows where each row lies
 * and to which arc it belongs now; the rows that belong to another shard are then deleted here and stored there, in the
 * same transaction. So PostgreSQL has checked and computed all that it does for an UPDATE, and the new owner checks its
 * unique constraints.
 */

import { present } from '../../base/assert.js';
import type { ShardId } from '../../catalog/topology.js';
import type { RowMoves } from '../../planner/plan/moved-rows.js';
import type { Plan } from '../../planner/plan/plan.js';
import { readDataRow, readRowDescription } from '../../wire/backend.js';
import { formatTag, readTagRows } from '../../wire/command-tag.js';
import { encodeDataRow } from '../../wire/encode-backend.js';
import { frameEnd, type RowRun, type RowStream } from '../merge/stream.js';
import { arcExpression } from '../ring/sql-hash.js';
import { noParameters, send, type BoundStatement, type ExecutionContext } from './context.js';
import { deliverTag } from './deliver.js';
import { describeInFormats } from './describe.js';
import { describedBy, startShards } from './gather.js';
import { inTransaction } from './in-transaction.js';
import { bindValues, parametersFor, renderSql, routeStatement } from './route.js';
import { ShardRows } from './shard-rows.js';
import { storeRows } from './store-rows.js';

type ModifyPlan = Extract<Plan, { readonly kind: 'modify' }>;

/** The table that holds the row (a partition), its ctid there, and its arc; all as text, which is alike in binary. */
const HIDDEN = 3;
const BINARY = 1;
const TEXT = 0;

/** Rows of one DELETE: its SQL names each of them, and they are held until the shard's connection is free again. */
const BATCH_ROWS = 1_000;

const wholeAnswer = { portal: '', batchRows: 0 } as const;

/** Rows to be moved away from a shard: their ctids by the table, as the shard writes its name. */
type Strays = Map<string, string[]>;

export async function executeMovingUpdate(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: ModifyPlan,
  moves: RowMoves,
): Promise<void> {
  const values = await bindValues(context, statement, plan.computed);
  const shards = await routeStatement(context, plan.routing, values);
  const own = String(renderSql(plan.sql, statement, values));
  const sql = `${own}${plan.returning ? ', ' : ' RETURNING '}${hiddenColumns(moves)}`;
  const parameters = await parametersFor(context, statement, plan.sql);
  const formats = statement.resultFormats;
  const resultFormats = formats.length > 1 ? [...formats, TEXT, TEXT, TEXT] : formats;
  const count = await inTransaction(context, async () => {
    const answers = await startShards(context, shards, true, { sql, parameters, resultFormats }, wholeAnswer);
    let strays: readonly Strays[];
    try {
      await Promise.all(answers.map(async (answer) => await answer.describe()));
      const description = describedBy(context, shards, answers);
      if (plan.returning && statement.describe && description !== undefined) {
        const visible = readRowDescription(description).length - HIDDEN;
        await send(context.output, describeInFormats(description, formats, visible));
      }
      strays = await Promise.all(
        answers.map(async (answer, index) => await deliverVisible(context, answer, shards[index], plan.returning)),
      );
      await Promise.all(answers.map(async (answer) => await answer.close()));
    } catch (error) {
      await Promise.all(answers.map(async (answer) => await answer.abort()));
      throw error;
    }
    for (const [index, shard] of shards.entries()) {
      await moveAway(context, shard, moves, present(strays[index], 'each shard has told of its rows'));
    }
    return answers.reduce((sum, answer) => sum + (readTagRows(answer.tag ?? '') ?? 0), 0);
  });
  await deliverTag(context.output, formatTag(plan.tag, count));
}

function hiddenColumns({ alias, columns, key }: RowMoves): string {
  const keys = key.map(({ index, typeOid }) => ({ sql: `${alias}.${columns[index] ?? ''}`, typeOid }));
  return [
    `${alias}.tableoid::pg_catalog.regclass::pg_catalog.text`,
    `${alias}.ctid::pg_catalog.text`,
    `${arcExpression(keys)}::pg_catalog.text`,
  ].join(', ');
}

/** Hands the client its part of each row; returns the rows that the shard does not own any more. */
async function deliverVisible(
  context: ExecutionContext,
  answer: ShardRows,
  shard: ShardId | undefined,
  returning: boolean,
): Promise<Strays> {
  const strays: Strays = new Map();
  for (let run = await answer.next(); run !== undefined; run = await answer.next()) {
    const visible: Buffer[] = [];
    for (let position = run.start; position < run.end; position = frameEnd(run.bytes, position)) {
      const row = readDataRow(run.bytes.subarray(position, frameEnd(run.bytes, position)));
      const [table, ctid, arc] = row.slice(-HIDDEN).map(String);
      if (context.shardMap.ownerOfArc(Number(arc)) !== shard) {
        const list = strays.get(table ?? '');
        if (list === undefined) strays.set(table ?? '', [ctid ?? '']);
        else list.push(ctid ?? '');
      }
      if (returning) visible.push(encodeDataRow(row.slice(0, -HIDDEN)));
    }
    if (visible.length > 0) await send(context.output, Buffer.concat(visible));
  }
  return strays;
}

async function moveAway(context: ExecutionContext, shard: ShardId, moves: RowMoves, strays: Strays): Promise<void> {
  const { relation, columns, key } = moves;
  const list = columns.join(', ');
  for (const [table, ctids] of strays) {
    for (let from = 0; from < ctids.length; from += BATCH_ROWS) {
      const batch = ctids.slice(from, from + BATCH_ROWS).map((ctid) => `"${ctid}"`);
      const sql = `DELETE FROM ONLY ${table} WHERE ctid = ANY ('{${batch.join(',')}}'::pg_catalog.tid[]) RETURNING ${list}`;
      const rows = ShardRows.send(
        await context.transaction.enter(shard, true),
        { sql, parameters: noParameters, resultFormats: [BINARY] },
        wholeAnswer,
      );
      await storeRows(
        context,
        { relation, columns, key, target: 'sharded', format: 'binary', columnList: ` (${list})` },
        await collect(rows),
      );
    }
  }
}

/** All rows at once, so that the connection is free for others. */
async function collect(rows: ShardRows): Promise<RowStream> {
  const runs: RowRun[] = [];
  try {
    for (let run = await rows.next(); run !== undefined; run = await rows.next()) runs.push(run);
    await rows.close();
  } catch (error) {
    await rows.abort();
    throw error;
  }
  return {
    next: async () => await Promise.resolve(runs.shift()),
    stop: () => {
      runs.length = 0;
    },
  };
}
