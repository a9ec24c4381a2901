/**
 * INSERT … SELECT with ON CONFLICT or RETURNING: each shard inserts the rows that it owns, all in one statement, so that
 * PostgreSQL sees which of them meet the same row.
 */

import { present } from '../../base/assert.js';
import type { ShardId } from '../../catalog/topology.js';
import type { Insertion, Plan } from '../../planner/plan/plan.js';
import { readDataRow } from '../../wire/backend.js';
import { encodeDataRow } from '../../wire/encode-backend.js';
import type { RowRun } from '../backend/row-run.js';
import { frameEnd, type RowStream } from '../merge/stream.js';
import { arcExpression } from '../ring/sql-hash.js';
import { encodeArrays } from './array-parameters.js';
import { carriedColumns, queryOver } from './carried-columns.js';
import { allShards, type BoundStatement, type ExecutionContext } from './context.js';
import { expandFormats } from './describe.js';
import { RowBudget } from './own-output.js';
import { bindValues, renderSql } from './route.js';
import { runParts } from './write.js';

type InsertSelectPlan = Extract<Plan, { readonly kind: 'insert select' }>;

const BINARY = 1;
const TEXT = 0;

/** The rows for one shard, and where they stand among all. */
interface Share {
  readonly runs: RowRun[];
  readonly places: number[];
}

/** The session that holds the rows. */
interface RowSource {
  /** What stands in FROM. */
  readonly source: string;
  readonly read: (sql: string, resultFormats: readonly number[]) => RowStream;
}

/** Returns the number of rows that were inserted. */
export async function insertArrays(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: InsertSelectPlan,
  insertion: Insertion,
  { source, read }: RowSource,
): Promise<number> {
  const columns = carriedColumns(
    insertion.types.map((type, index) => ({ ...type, name: present(plan.columns[index], 'every type has a column') })),
  );
  const arc = plan.target === 'sharded' ? arcOf(plan) : '0';
  const formats = [TEXT, ...columns.map(({ binary }) => (binary ? BINARY : TEXT))];
  const rows = read(`SELECT ${arc}::pg_catalog.text, ${plan.columns.join(', ')} FROM ${source}`, formats);
  const shares = await shareRows(context, plan, rows);
  const values = await bindValues(context, statement, insertion.computed);
  const { formats: given, values: own } = statement.parameters;
  const { parameterTypes } = await context.inferShape(statement);
  const query = queryOver(columns, own.length + 1);
  const head = `INSERT INTO ${plan.relation}${insertion.alias} (${plan.columns.join(', ')}) OVERRIDING SYSTEM VALUE`;
  const sql = `${head} ${query} ${String(renderSql(insertion.tail, statement, values))}`;
  const parts = [...shares].map(([shard, { runs, places }]) => {
    const arrays = encodeArrays({ types: columns.map(({ carried }) => carried) }, runs);
    return {
      shard,
      sql,
      places,
      parameters: {
        formats: [...expandFormats(given, own.length), ...arrays.map(() => BINARY)],
        values: [...own, ...arrays],
        types: [...parameterTypes, ...arrays.map(() => 0)],
      },
    };
  });
  const isReference = plan.target === 'reference';
  return await runParts(context, statement, parts, { returning: insertion.returning, isReference });
}

function arcOf({ key, columns }: InsertSelectPlan): string {
  return arcExpression(key.map(({ index, typeOid }) => ({ sql: columns[index] ?? '', typeOid })));
}

/** Shares the rows out; without any the home shard gets none, and says what is wrong with the statement. */
async function shareRows(
  context: ExecutionContext,
  { target }: InsertSelectPlan,
  rows: RowStream,
): Promise<ReadonlyMap<ShardId, Share>> {
  const { topology, shardMap } = context;
  const budget = new RowBudget(context);
  const shares = new Map<ShardId, Share>();
  let place = 0;
  for (let run = await rows.next(); run !== undefined; run = await rows.next()) {
    for (let at = run.start; at < run.end; at = frameEnd(run.bytes, at)) {
      const [arc, ...values] = readDataRow(run.bytes, at);
      const bytes = encodeDataRow(values);
      budget.spend(bytes.length);
      const shard = target === 'sharded' ? shardMap.ownerOfArc(Number(String(arc))) : topology.home;
      const share = shares.get(shard) ?? { runs: [], places: [] };
      share.runs.push({ bytes, start: 0, end: bytes.length, rows: 1 });
      share.places.push(place);
      shares.set(shard, share);
      place += 1;
    }
  }
  const whole = shares.get(topology.home) ?? { runs: [], places: [] };
  if (target === 'reference') return new Map(allShards(topology).map((shard) => [shard, whole]));
  return shares.size > 0 ? shares : new Map([[topology.home, whole]]);
}
