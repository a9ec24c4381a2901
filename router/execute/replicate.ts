/**
 * A write to a reference table that the home shard carries out alone: it tells what its rows are now, and the other copies
 * take over just these, found by their primary key, in the same transaction.
 */

import { present } from '../../base/assert.js';
import { PgError, sqlstate } from '../../base/errors.js';
import type { Plan } from '../../planner/plan/plan.js';
import type { Replication } from '../../planner/plan/replication.js';
import { readDataRow, readRowDescription } from '../../wire/backend.js';
import { formatTag, readTagRows } from '../../wire/command-tag.js';
import { encodeDataRow } from '../../wire/encode-backend.js';
import type { RowRun } from '../backend/row-run.js';
import { frameEnd, type RowStream } from '../merge/stream.js';
import { encodeArrays } from './array-parameters.js';
import { carriedColumns, queryOver } from './carried-columns.js';
import { allShards, send, type BoundStatement, type ExecutionContext } from './context.js';
import { deliverTag } from './deliver.js';
import { describeInFormats, expandFormats } from './describe.js';
import { inTransaction } from './in-transaction.js';
import { RowBudget } from './own-output.js';
import { bindValues, parametersFor, renderSql } from './route.js';
import { ShardRows } from './shard-rows.js';

type ModifyPlan = Extract<Plan, { readonly kind: 'modify' }>;
type Carried = ReturnType<typeof carriedColumns>;

const BINARY = 1;
const TEXT = 0;

const wholeAnswer = { portal: '', batchRows: 0 } as const;

const actions = ['DELETE', 'UPDATE', 'INSERT'] as const;
type Action = (typeof actions)[number];

/** What a row is told by beside RETURNING: the action, the key as it was, and the columns as they are. */
interface Told {
  readonly keys: Carried;
  readonly columns: Carried;
}

export async function executeReplicated(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: ModifyPlan,
  replication: Replication,
): Promise<void> {
  const { rowDescription } = await context.inferShape(statement);
  const told = toldOf(replication);
  const hidden = hiddenColumns(replication, told);
  const formats = hidden.map(({ binary }) => (binary ? BINARY : TEXT));
  const count = rowDescription === undefined ? 0 : readRowDescription(rowDescription).length;
  const values = await bindValues(context, statement, plan.computed);
  const own = String(renderSql(plan.sql, statement, values));
  const sql = `${own}${plan.returning ? ', ' : ' RETURNING '}${hidden.map((column) => column.sql).join(', ')}`;
  const parameters = await parametersFor(context, statement, plan.sql);
  const resultFormats = [...expandFormats(statement.resultFormats, count), ...formats];
  const rows = await inTransaction(context, async () => {
    const answer = ShardRows.send(
      await context.transaction.enter(context.topology.home, true),
      { sql, parameters, resultFormats },
      {
        ...wholeAnswer,
        onNotice: (frame) => {
          context.onNotice(frame);
        },
      },
    );
    const changes = new Map<Action, RowRun[]>();
    try {
      await answer.describe();
      if (rowDescription !== undefined && statement.describe) {
        await send(context.output, describeInFormats(rowDescription, statement.resultFormats));
      }
      await takeRows(context, answer, count, changes);
      await answer.close();
    } catch (error) {
      await answer.abort();
      throw error;
    }
    for (const action of actions) {
      const runs = changes.get(action);
      if (runs !== undefined) await changeCopies(context, replication, told, action, runs);
    }
    return readTagRows(answer.tag ?? '') ?? 0;
  });
  await deliverTag(context.output, formatTag(plan.tag, rows));
}

function toldOf({ columns, types, key }: Replication): Told {
  const carried = carriedColumns(
    types.map((type, index) => ({ ...type, name: present(columns[index], 'every type has a column') })),
  );
  const keys = key.map((index, place) => ({
    ...present(carried[index], 'the key is among the columns'),
    name: `pgring_key_${place}`,
  }));
  return { keys, columns: carried };
}

function hiddenColumns(
  { alias, columns, key, action, hasOldRows }: Replication,
  told: Told,
): readonly { readonly sql: string; readonly binary: boolean }[] {
  const before = hasOldRows ? 'old' : alias;
  const done = action === 'merge' ? 'merge_action()' : `'${action.toUpperCase()}'::pg_catalog.text`;
  return [
    { sql: done, binary: false },
    ...told.keys.map(({ binary }, index) => ({ sql: `${before}.${columns[key[index] ?? 0] ?? ''}`, binary })),
    ...told.columns.map(({ name, binary }) => ({ sql: `${alias}.${name}`, binary })),
  ];
}

/** Hands the client its part of each row, and keeps the rest. */
async function takeRows(
  context: ExecutionContext,
  rows: RowStream,
  visible: number,
  changes: Map<Action, RowRun[]>,
): Promise<void> {
  const budget = new RowBudget(context);
  for (let run = await rows.next(); run !== undefined; run = await rows.next()) {
    const shown: Buffer[] = [];
    for (let at = run.start; at < run.end; at = frameEnd(run.bytes, at)) {
      const row = readDataRow(run.bytes, at);
      if (visible > 0) shown.push(encodeDataRow(row.slice(0, visible)));
      const name = String(row[visible]);
      const action = present(
        actions.find((each) => each === name),
        'a row tells what was done to it',
      );
      const bytes = encodeDataRow(row.slice(visible + 1));
      budget.spend(bytes.length);
      const list = changes.get(action) ?? [];
      list.push({ bytes, start: 0, end: bytes.length, rows: 1 });
      changes.set(action, list);
    }
    if (shown.length > 0) await send(context.output, Buffer.concat(shown));
  }
}

async function changeCopies(
  context: ExecutionContext,
  replication: Replication,
  { keys, columns }: Told,
  action: Action,
  runs: readonly RowRun[],
): Promise<void> {
  const all = [...keys, ...columns];
  const arrays = encodeArrays({ types: all.map(({ carried }) => carried) }, runs);
  const parameters = { formats: [BINARY], values: arrays, types: arrays.map(() => 0) };
  const sql = copySql(replication, { keys, columns }, action, queryOver(all, 1));
  const others = allShards(context.topology).filter((shard) => shard !== context.topology.home);
  await Promise.all(
    others.map(async (shard) => {
      const connection = await context.transaction.enter(shard, true);
      const answer = ShardRows.send(connection, { sql, parameters, resultFormats: [] }, wholeAnswer);
      try {
        while ((await answer.next()) !== undefined);
        await answer.close();
      } catch (error) {
        await answer.abort();
        throw error;
      }
      if (readTagRows(answer.tag ?? '') !== runs.length) {
        throw new PgError(sqlstate.internalError, `the copies of ${replication.relation} differ`, {
          hint: 'Bring them together by hand: its rows are not the same on every shard.',
        });
      }
    }),
  );
}

function copySql(
  { relation, columns, key, fixed }: Replication,
  { keys }: Told,
  action: Action,
  query: string,
): string {
  const where = keys
    .map(({ name }, index) => `pgring_copy.${columns[key[index] ?? 0] ?? ''} = pgring_row.${name}`)
    .join(' AND ');
  switch (action) {
    case 'DELETE':
      return `DELETE FROM ${relation} AS pgring_copy USING (${query}) AS pgring_row WHERE ${where}`;
    case 'UPDATE': {
      const settable = columns.filter((_column, index) => !fixed.includes(index));
      const sets = settable.map((column) => `${column} = pgring_row.${column}`).join(', ');
      return `UPDATE ${relation} AS pgring_copy SET ${sets} FROM (${query}) AS pgring_row WHERE ${where}`;
    }
    case 'INSERT': {
      const list = columns.join(', ');
      return `INSERT INTO ${relation} (${list}) OVERRIDING SYSTEM VALUE SELECT ${list} FROM (${query}) AS pgring_row`;
    }
  }
}
