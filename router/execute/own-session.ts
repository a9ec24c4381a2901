/**
 * Rung 5 in the client's own session on the home shard, for statements that take from sequences: so currval() and
 * lastval() tell of it, and it sees the transaction's own sequences. The rows come as array parameters, whatever their
 * number, for a transaction that made temporary tables could not be prepared any more.
 */

import { PgError, refuse, sqlstate } from '../../base/errors.js';
import { fill, noPieces } from '../../planner/parse/splice.js';
import type { Plan } from '../../planner/plan/plan.js';
import { formatTag } from '../../wire/command-tag.js';
import type { RowRun } from '../backend/row-run.js';
import type { RowStream } from '../merge/stream.js';
import { arrayRelation, encodeArrays, fitsArrays } from './array-parameters.js';
import { openSnapshot } from './combine-session.js';
import type { BoundParameters, BoundStatement, ExecutionContext } from './context.js';
import { describeInFormats, expandFormats } from './describe.js';
import type { Gathered } from './gather.js';
import { bindValues } from './route.js';
import { ShardRows } from './shard-rows.js';
import { Shipping, type ShippedRows } from './shipping.js';

type CombinePlan = Extract<Plan, { readonly kind: 'combine' }>;

const BINARY = 1;
/** What such a statement may read, and what it may answer: both are held here. */
const HELD_BYTES = 32 * 1024 * 1024;

/** Ships the rows, and runs the statement over them. */
export async function openInOwnSession(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: CombinePlan,
): Promise<Gathered> {
  const values = await bindValues(context, statement, plan.computed);
  const shape = await context.inferShape(statement);
  const parameters = { ...statement.parameters, types: shape.parameterTypes };
  const chosen = plan.shipments.flatMap((shipment, index) => (shipment.always ? [{ index, shipment }] : []));
  const places = new Map<number, string>();
  const arrays: Buffer[] = [];
  const { transaction } = context;
  const ownTransaction = openSnapshot(context, plan);
  let shipping: Shipping | undefined;
  try {
    shipping = await Shipping.start(context, chosen, statement, values, parameters);
    let left = HELD_BYTES;
    for (const relation of shipping.relations) {
      const first = parameters.values.length + arrays.length + 1;
      checkFits(relation, first);
      const runs = await holdAll(relation.rows, left, tooMuchToRead);
      left -= bytesOf(runs);
      places.set(relation.index, arrayRelation(relation.shipment, first));
      arrays.push(...encodeArrays(relation.shipment, runs));
      relation.report.carrier = 'array parameters';
    }
    await shipping.finish();
    if (ownTransaction) await transaction.commit();
  } catch (error) {
    await shipping?.abort();
    if (ownTransaction && transaction.isOpen) await transaction.rollback();
    throw error;
  }
  const sql = fill(plan.sql, {
    ...noPieces,
    slotText: (slot) => values.slotText(slot),
    computedText: (index) => values.computedText(index),
    relationText: (index) => places.get(index) ?? plan.shipments[index]?.relation ?? '',
  });
  const answer = ShardRows.send(
    await transaction.enter(context.topology.home, true),
    { sql, parameters: withArrays(parameters, arrays), resultFormats: statement.resultFormats },
    {
      portal: '',
      batchRows: 0,
      onNotice: (frame) => {
        context.onNotice(frame);
      },
    },
  );
  try {
    await answer.describe();
    // The connection is the session's own: it is free again before the client asks for anything else.
    const runs = await holdAll(answer, HELD_BYTES, tooMuchToAnswer);
    await answer.close();
    const nothing = async (): Promise<void> => {
      await Promise.resolve();
    };
    return {
      report: shipping.report,
      // The home shard knows the columns of the relations, which arrays are not.
      description:
        shape.rowDescription === undefined
          ? undefined
          : describeInFormats(shape.rowDescription, statement.resultFormats),
      rows: streamOf(runs),
      tag: (count) => formatTag('SELECT', count),
      close: nothing,
      abort: nothing,
      forget: nothing,
    };
  } catch (error) {
    await answer.abort();
    throw error;
  }
}

function checkFits({ shipment, binary }: ShippedRows, first: number): void {
  if (binary && fitsArrays(shipment, first)) return;
  throw refuse(
    'a statement on several shards that takes from a sequence and reads columns of arrays, domains over them or types of users',
    'Take the values in a statement of their own: SELECT nextval(…) FROM generate_series(…).',
  );
}

function withArrays({ formats, values, types }: BoundParameters, arrays: readonly Buffer[]): BoundParameters {
  if (arrays.length === 0) return { formats, values, types };
  return {
    formats: [...expandFormats(formats, values.length), ...arrays.map(() => BINARY)],
    values: [...values, ...arrays],
    types: [...types.slice(0, values.length), ...arrays.map(() => 0)],
  };
}

async function holdAll(rows: RowStream, maximumBytes: number, excess: () => PgError): Promise<readonly RowRun[]> {
  const runs: RowRun[] = [];
  let bytes = 0;
  for (let run = await rows.next(); run !== undefined; run = await rows.next()) {
    bytes += run.end - run.start;
    if (bytes > maximumBytes) throw excess();
    runs.push(run);
  }
  return runs;
}

function bytesOf(runs: readonly RowRun[]): number {
  return runs.reduce((sum, { start, end }) => sum + end - start, 0);
}

function tooMuchToRead(): PgError {
  return refuse(
    `a statement that takes from a sequence and reads more than ${HELD_BYTES / 1024 / 1024} MB of several shards`,
    'Copy the rows by INSERT … SELECT into a table with a serial or identity column, or take the values first.',
  );
}

function tooMuchToAnswer(): PgError {
  return new PgError(
    sqlstate.programLimitExceeded,
    `the answer of a statement that takes from a sequence is larger than ${HELD_BYTES / 1024 / 1024} MB`,
    { hint: 'Take fewer values at a time.' },
  );
}

function streamOf(runs: readonly RowRun[]): RowStream {
  const rest = [...runs];
  return {
    next: async () => await Promise.resolve(rest.shift()),
    stop: () => {
      rest.length = 0;
    },
  };
}
