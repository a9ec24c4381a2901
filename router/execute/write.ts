/** Writes on several shards: INSERT by owner, UPDATE and DELETE on all that may own a row. All commit or none. */

import { present } from '../../base/assert.js';
import type { ShardId } from '../../catalog/topology.js';
import type { OwningColumn, Plan, ValueSource } from '../../planner/plan/plan.js';
import { formatTag, readTagRows } from '../../wire/command-tag.js';
import type { RowRun } from '../backend/row-run.js';
import { concatenate } from '../merge/concatenate.js';
import { frameEnd, type RowStream } from '../merge/stream.js';
import { arcExpression } from '../ring/sql-hash.js';
import type { LocateResult } from '../ring/locate.js';
import { normaliseValues } from './compute.js';
import { allShards, send, type BoundParameters, type BoundStatement, type ExecutionContext } from './context.js';
import { deliverRows, deliverTag } from './deliver.js';
import { expandFormats } from './describe.js';
import { describedBy, startShards } from './gather.js';
import { locateOrHome } from './locate-now.js';
import { passTo } from './pass.js';
import { bindValues, parametersFor, renderSql, routeStatement } from './route.js';
import { ShardRows } from './shard-rows.js';
import type { StatementValues } from './values.js';
import { inTransaction } from './in-transaction.js';
import { executeMovingUpdate } from './move-rows.js';
import { executeReplicated } from './replicate.js';

type InsertPlan = Extract<Plan, { readonly kind: 'insert' }>;
type ModifyPlan = Extract<Plan, { readonly kind: 'modify' }>;

/** One shard's statement, and which of the client's rows are in it, in their order. */
interface InsertPart {
  readonly shard: ShardId;
  readonly sql: string;
  readonly places: readonly number[];
}

const wholeAnswer = { portal: '', batchRows: 0 } as const;

export async function executeInsert(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: InsertPlan,
): Promise<void> {
  // A server that reads the statement as it was written says what an assignment does not take.
  if (plan.castsKeys) await context.inferShape(statement);
  const values = await bindValues(context, statement, plan.computed);
  const parts = await splitByOwner(context, statement, plan, values);
  const parameters = await parametersFor(context, statement, []);
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) {
    await passTo(context, statement, only.shard, true, { sql: only.sql, parameters });
    return;
  }
  const { returning } = plan;
  const count = await inTransaction(
    context,
    async () =>
      await runParts(
        context,
        statement,
        parts.map((part) => ({ ...part, parameters })),
        { returning, isReference: plan.keyTypes === undefined },
      ),
  );
  await deliverTag(context.output, formatTag('INSERT', count));
}

/** Runs the parts of a statement at the same time, and hands on what they return. Returns the number of rows. */
export async function runParts(
  context: ExecutionContext,
  statement: BoundStatement,
  parts: readonly (InsertPart & { readonly parameters: BoundParameters })[],
  { returning, isReference }: { readonly returning: boolean; readonly isReference: boolean },
): Promise<number> {
  const connections = await Promise.all(parts.map(async (part) => await context.transaction.enter(part.shard, true)));
  const answers = parts.map(({ sql, parameters }, index) =>
    ShardRows.send(
      present(connections[index], 'a connection for each shard'),
      { sql, parameters, resultFormats: statement.resultFormats },
      {
        ...wholeAnswer,
        onNotice: (frame) => {
          context.onNotice(frame);
        },
      },
    ),
  );
  return await finishTogether(answers, async () => {
    const shards = parts.map((part) => part.shard);
    const description = await describeAll(context, statement, shards, answers, returning);
    return await (isReference
      ? deliverOne(context, answers, returning, description)
      : deliverInOrder(context, answers, parts, returning, description));
  });
}

export async function executeModify(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: ModifyPlan,
): Promise<void> {
  if (plan.moves !== undefined) {
    await executeMovingUpdate(context, statement, plan, plan.moves);
    return;
  }
  if (plan.replication !== undefined) {
    await executeReplicated(context, statement, plan, plan.replication);
    return;
  }
  const values = await bindValues(context, statement, plan.computed);
  const shards = await routeStatement(context, plan.routing, values);
  const parameters = await parametersFor(context, statement, plan.sql);
  if (plan.owned !== undefined) {
    await modifyOwned(context, statement, { ...plan, owned: plan.owned }, { shards, values, parameters });
    return;
  }
  const sql = renderSql(plan.sql, statement, values);
  const [only] = shards;
  if (shards.length === 1 && only !== undefined) {
    await passTo(context, statement, only, true, { sql, parameters });
    return;
  }
  const count = await inTransaction(context, async () => {
    const answers = await startShards(
      context,
      shards,
      true,
      { sql, parameters, resultFormats: statement.resultFormats },
      wholeAnswer,
    );
    return await finishTogether(answers, async () => {
      const description = await describeAll(context, statement, shards, answers, plan.returning);
      return plan.outcome === 'one'
        ? await deliverOne(context, answers, plan.returning, description)
        : await deliverSum(context, answers, plan.returning, description);
    });
  });
  await deliverTag(context.output, formatTag(plan.tag, count));
}

/** Each shard is told which arcs are its own. */
async function modifyOwned(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: ModifyPlan & { readonly owned: readonly OwningColumn[] },
  bound: {
    readonly shards: readonly ShardId[];
    readonly values: StatementValues;
    readonly parameters: BoundParameters;
  },
): Promise<void> {
  const { formats, values: own, types } = bound.parameters;
  const condition = `${arcExpression(plan.owned)} = ANY ($${own.length + 1}::pg_catalog.int4[])`;
  const sql = String(renderSql(plan.sql, statement, bound.values, undefined, condition));
  const parts = bound.shards.map((shard) => ({
    shard,
    sql,
    places: [],
    parameters: {
      formats: [...expandFormats(formats, own.length), 0],
      values: [...own, Buffer.from(`{${context.shardMap.arcsOf(shard).join(',')}}`)],
      types: [...types, 0],
    },
  }));
  const { returning } = plan;
  const count = await inTransaction(
    context,
    async () => await runParts(context, statement, parts, { returning, isReference: false }),
  );
  await deliverTag(context.output, formatTag(plan.tag, count));
}

function ownerOfRow(
  plan: InsertPlan,
  keyTypes: readonly number[],
  key: readonly ValueSource[],
  values: StatementValues,
  context: ExecutionContext,
): LocateResult {
  const { home } = context.topology;
  const routing = { kind: 'byRow', keyTypes, keyModifiers: plan.keyModifiers, key } as const;
  return locateOrHome(routing, values, context.shardMap, home);
}

/** Groups the rows of a VALUES list by the shard that owns them; a reference table's go to every shard. */
export async function splitByOwner(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: InsertPlan,
  values: StatementValues,
): Promise<readonly InsertPart[]> {
  const head = renderSql(plan.head, statement, values);
  const tail = renderSql(plan.tail, statement, values);
  const texts = plan.rows.map((row) => String(renderSql(row.sql, statement, values)));
  const everyPlace = texts.map((_text, place) => place);
  const { keyTypes } = plan;
  if (keyTypes === undefined) {
    const sql = `${head}${texts.join(', ')}${tail}`;
    return allShards(context.topology).map((shard) => ({ shard, sql, places: everyPlace }));
  }
  const places = new Map<ShardId, number[]>();
  for (const [place, row] of plan.rows.entries()) {
    let located = ownerOfRow(plan, keyTypes, row.key, values, context);
    while (located.kind === 'undecided') {
      await normaliseValues(context, located.sources, values);
      located = ownerOfRow(plan, keyTypes, row.key, values, context);
    }
    const shard = located.shards[0] ?? context.topology.home;
    const list = places.get(shard);
    if (list === undefined) places.set(shard, [place]);
    else list.push(place);
  }
  return [...places].map(([shard, list]) => ({
    shard,
    sql: `${head}${list.map((place) => texts[place]).join(', ')}${tail}`,
    places: list,
  }));
}

async function describeAll(
  context: ExecutionContext,
  statement: BoundStatement,
  shards: readonly ShardId[],
  answers: readonly ShardRows[],
  returning: boolean,
): Promise<Buffer | undefined> {
  await Promise.all(answers.map(async (answer) => await answer.describe()));
  const description = describedBy(context, shards, answers);
  return returning && statement.describe ? description : undefined;
}

/** Rows behind their description, which is sent when the first has come: PostgreSQL writes all before it tells of any. */
function behindDescription(context: ExecutionContext, description: Buffer | undefined, rows: RowStream): RowStream {
  let pending = description;
  return {
    next: async () => {
      const run = await rows.next();
      if (pending !== undefined) await send(context.output, pending);
      pending = undefined;
      return run;
    },
    stop: () => {
      rows.stop();
    },
  };
}

/** Rows of all shards as they come; the sum of the counts. */
async function deliverSum(
  context: ExecutionContext,
  answers: readonly ShardRows[],
  returning: boolean,
  description: Buffer | undefined,
): Promise<number> {
  if (returning) await deliverRows(context.output, behindDescription(context, description, concatenate(answers)));
  else await drainAll(answers);
  return answers.reduce((sum, answer) => sum + (readTagRows(answer.tag ?? '') ?? 0), 0);
}

/** Every shard did the same: the first one's rows and count. */
async function deliverOne(
  context: ExecutionContext,
  answers: readonly ShardRows[],
  returning: boolean,
  description: Buffer | undefined,
): Promise<number> {
  const [first, ...others] = answers;
  if (returning && first !== undefined) {
    await deliverRows(context.output, behindDescription(context, description, first));
  }
  await drainAll(returning ? others : answers);
  return readTagRows(first?.tag ?? '') ?? 0;
}

/**
 * RETURNING rows in the order of the VALUES list, as one server gives them. Where a shard left rows out (ON CONFLICT DO
 * NOTHING) its rows cannot be told apart, so the shards' rows follow one another.
 */
async function deliverInOrder(
  context: ExecutionContext,
  answers: readonly ShardRows[],
  parts: readonly InsertPart[],
  returning: boolean,
  description: Buffer | undefined,
): Promise<number> {
  if (!returning) return await deliverSum(context, answers, false, undefined);
  const runs = await Promise.all(answers.map(async (answer) => await collectRuns(answer)));
  if (description !== undefined) await send(context.output, description);
  const rows = runs.map((list) => list.flatMap((run) => [...splitRun(run)]));
  const complete = rows.every((list, index) => list.length === parts[index]?.places.length);
  const ordered = complete
    ? rows
        .flatMap((list, index) => list.map((row, at) => ({ row, place: parts[index]?.places[at] ?? 0 })))
        .sort((left, right) => left.place - right.place)
        .map(({ row }) => row)
    : rows.flat();
  await send(context.output, Buffer.concat(ordered));
  return answers.reduce((sum, answer) => sum + (readTagRows(answer.tag ?? '') ?? 0), 0);
}

async function collectRuns(answer: ShardRows): Promise<readonly RowRun[]> {
  const runs: RowRun[] = [];
  for (let run = await answer.next(); run !== undefined; run = await answer.next()) runs.push(run);
  return runs;
}

function* splitRun(run: RowRun): Generator<Buffer> {
  for (let position = run.start; position < run.end; position = frameEnd(run.bytes, position)) {
    yield run.bytes.subarray(position, frameEnd(run.bytes, position));
  }
}

async function drainAll(answers: readonly ShardRows[]): Promise<void> {
  await Promise.all(answers.map(async (answer) => await collectRuns(answer)));
}

/** Runs the work; when it fails, what the shards still do is cancelled, so that every connection is free again. */
async function finishTogether<T>(answers: readonly ShardRows[], work: () => Promise<T>): Promise<T> {
  try {
    const result = await work();
    await Promise.all(answers.map(async (answer) => await answer.close()));
    return result;
  } catch (error) {
    await Promise.all(answers.map(async (answer) => await answer.abort()));
    throw error;
  }
}
