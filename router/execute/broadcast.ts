/**
 * A combined statement with one small relation: that relation's rows go to all shards, as array parameters, and the
 * statement is gathered from there. How small it is, its own rows tell: at most as many as fit are asked for.
 */

import { present } from '../../base/assert.js';
import { mayHoldOids } from '../../catalog/oid-map.js';
import type { Broadcast, Plan, ScatterPlan, Shipment, SqlPiece } from '../../planner/plan/plan.js';
import type { RowRun } from '../merge/stream.js';
import { beginReadingOnly } from '../transaction/transaction-state.js';
import { arrayRelation, encodeArrays, fitsArrays } from './array-parameters.js';
import { ARRAY_ROWS, holdFew } from './combine-session.js';
import type { BoundStatement, ExecutionContext } from './context.js';
import { describeInFormats, expandFormats } from './describe.js';
import { Finisher } from './finisher.js';
import { openScatter, type Gathered } from './gather.js';
import { relationBytes } from './relation-bytes.js';
import { bindValues, renderSql } from './route.js';
import { Shipping } from './shipping.js';

type CombinePlan = Extract<Plan, { readonly kind: 'combine' }>;

const BINARY = 1;
const wholeAnswer = { portal: '', batchRows: 0 } as const;
/** A relation that was too large is not asked again for so many executions of the plan. */
const PATIENCE = 100;
/** Less than that is brought together as fast as it is read where it lies. */
const LARGE_BYTES = 256 * 1024;

/** What was learned of a plan's relations: executions to go before one is asked again. */
const tooLarge = new WeakMap<Broadcast, number>();
/** Whether PostgreSQL takes the shards' SQL with array parameters in the relation's place. */
const takesArrays = new WeakMap<Broadcast, boolean>();
/** The shards' SQL with its array parameters, which depends on nothing but the plan. */
const scatters = new WeakMap<Broadcast, ScatterPlan>();

/** Undefined where no relation is small enough, or none is large; nothing is open then. */
export async function openBroadcast(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: CombinePlan,
): Promise<Gathered | undefined> {
  for (const broadcast of await inOrderOfSize(context, plan)) {
    const wait = tooLarge.get(broadcast) ?? 0;
    if (wait > 0) {
      tooLarge.set(broadcast, wait - 1);
      continue;
    }
    const gathered = await tryBroadcast(context, statement, plan, broadcast);
    if (gathered !== undefined) return gathered;
    tooLarge.set(broadcast, PATIENCE);
  }
  return undefined;
}

/** What to try: the smallest relation first, and only where what stays on the shards is large. */
async function inOrderOfSize(context: ExecutionContext, plan: CombinePlan): Promise<readonly Broadcast[]> {
  const { broadcasts = [], shipments } = plan;
  if (broadcasts.length === 0) return [];
  const sharded = shipments.flatMap(({ relation, always }, index) =>
    always && relation !== undefined ? [{ relation, index }] : [],
  );
  const bytes = await relationBytes(
    context,
    plan,
    sharded.map(({ relation }) => relation),
  );
  const sizes = new Map(sharded.map(({ index }, place) => [index, bytes[place] ?? 0]));
  const total = bytes.reduce((sum, each) => sum + each, 0);
  const sizeOf = ({ shipment }: Broadcast): number => sizes.get(shipment) ?? 0;
  return broadcasts
    .filter((broadcast) => total - sizeOf(broadcast) >= LARGE_BYTES)
    .toSorted((left, right) => sizeOf(left) - sizeOf(right));
}

async function tryBroadcast(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: CombinePlan,
  broadcast: Broadcast,
): Promise<Gathered | undefined> {
  const { transaction } = context;
  const { rowDescription, parameterTypes } = await context.inferShape(statement);
  const typed = { ...statement, parameters: { ...statement.parameters, types: parameterTypes } };
  if (!(await accepted(context, typed, plan, broadcast))) return undefined;
  // The small relation and the rest are read one after the other.
  const ownTransaction = !transaction.isOpen;
  if (ownTransaction) transaction.begin('implicit', beginReadingOnly);
  const leave = async (how: 'commit' | 'rollback'): Promise<void> => {
    if (ownTransaction && transaction.isOpen) await transaction[how]();
  };
  try {
    const arrays = await readSmall(context, typed, plan, broadcast);
    if (arrays === undefined) {
      await leave('rollback');
      return undefined;
    }
    const gathered = await openScatter(
      context,
      withArrays(typed, arrays),
      scatterOf(statement, plan, broadcast),
      wholeAnswer,
    );
    return {
      ...gathered,
      description:
        rowDescription === undefined ? undefined : describeInFormats(rowDescription, statement.resultFormats),
      close: async () => {
        await gathered.close();
        await leave('commit');
      },
      abort: async () => {
        await gathered.abort();
        await leave('rollback');
      },
      forget: async () => {
        await gathered.forget();
      },
    };
  } catch (error) {
    await leave('rollback');
    throw error;
  }
}

/** The relation's arrays; undefined when it has too many rows for them. */
async function readSmall(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: CombinePlan,
  broadcast: Broadcast,
): Promise<readonly Buffer[] | undefined> {
  const shipment = shipmentOf(plan, broadcast);
  const values = await bindValues(context, statement, plan.computed);
  const limited = { ...shipment, sql: [...shipment.sql, ` LIMIT ${ARRAY_ROWS + 1}`] };
  const chosen = [{ index: broadcast.shipment, shipment: limited }];
  const shipping = await Shipping.start(context, chosen, statement, values, statement.parameters);
  try {
    const runs: RowRun[] = [];
    let small = true;
    for (const { binary, rows } of shipping.relations) {
      const held = await holdFew(rows);
      runs.push(...held.runs);
      small &&= binary && held.complete;
      if (!held.complete) while ((await rows.next()) !== undefined);
    }
    await shipping.finish();
    return small ? encodeArrays(shipment, runs) : undefined;
  } catch (error) {
    await shipping.abort();
    throw error;
  }
}

async function accepted(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: CombinePlan,
  broadcast: Broadcast,
): Promise<boolean> {
  const known = takesArrays.get(broadcast);
  if (known !== undefined) return known;
  const { values, types } = statement.parameters;
  const shipment = shipmentOf(plan, broadcast);
  // An array's binary form names its elements' type by an oid, which all shards must know as the same.
  let takes = fitsArrays(shipment, values.length + 1) && shipment.types.every(({ typeOid }) => !mayHoldOids(typeOid));
  if (takes) {
    const finisher = await Finisher.open(context);
    try {
      const bound = await bindValues(context, statement, broadcast.scatter.computed);
      const sql = renderSql(scatterOf(statement, plan, broadcast).sql, statement, bound, 1n).toString('utf8');
      takes = await finisher.accepts(sql, types.slice(0, values.length));
    } finally {
      await finisher.end();
    }
  }
  takesArrays.set(broadcast, takes);
  return takes;
}

function withArrays(statement: BoundStatement, arrays: readonly Buffer[]): BoundStatement {
  const { formats, values, types } = statement.parameters;
  return {
    ...statement,
    parameters: {
      formats: [...expandFormats(formats, values.length), ...arrays.map(() => BINARY)],
      values: [...values, ...arrays],
      types,
    },
  };
}

function scatterOf(statement: BoundStatement, plan: CombinePlan, broadcast: Broadcast): ScatterPlan {
  const known = scatters.get(broadcast);
  if (known !== undefined) return known;
  const { scatter } = broadcast;
  const relation = arrayRelation(shipmentOf(plan, broadcast), statement.parameters.values.length + 1);
  const sql = (scatter.sql === 'client' ? [] : scatter.sql).map((piece): SqlPiece =>
    typeof piece !== 'string' && piece.kind === 'relation' ? relation : piece,
  );
  const made: ScatterPlan = { ...scatter, sql };
  scatters.set(broadcast, made);
  return made;
}

function shipmentOf(plan: CombinePlan, { shipment }: Broadcast): Shipment {
  return present(plan.shipments[shipment], 'a broadcast is of a shipment');
}
