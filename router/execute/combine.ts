/** Rung 5: a SELECT that is finished by PostgreSQL over shipped rows. */

import type { Plan } from '../../planner/plan/plan.js';
import { formatTag } from '../../wire/command-tag.js';
import { openCombineSession, type CombineSession } from './combine-session.js';
import type { BoundStatement, ExecutionContext } from './context.js';
import { describeInFormats } from './describe.js';
import type { Gathered } from './gather.js';
import { openInOwnSession } from './own-session.js';
import { ShardRows } from './shard-rows.js';

type CombinePlan = Extract<Plan, { readonly kind: 'combine' }>;

/** Ships the rows, unless they are in a session already, and starts the statement over them. */
export async function openCombine(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: CombinePlan,
  opened?: CombineSession,
): Promise<Gathered> {
  if (opened === undefined && plan.session === 'own') return await openInOwnSession(context, statement, plan);
  const session = opened ?? (await openCombineSession(context, statement, plan));
  const { connection, sql, parameters, rowDescription, report } = session;
  const { resultFormats } = statement;
  const rows = ShardRows.send(
    connection,
    { sql, parameters, resultFormats },
    {
      portal: '',
      batchRows: 0,
      onNotice: (frame) => {
        context.onNotice(frame);
      },
    },
  );
  // A portal that was read to its end is closed again later, when the connection may be another session's.
  let ended = false;
  const end = async (endRows: () => Promise<void>): Promise<void> => {
    if (ended) return;
    ended = true;
    try {
      await endRows();
    } finally {
      await session.end();
    }
  };
  const giveUp = async (): Promise<void> => {
    await end(async () => {
      await rows.abort();
    });
  };
  try {
    await session.shardsFree;
  } catch (error) {
    await giveUp();
    throw error;
  }
  return {
    report,
    description: rowDescription === undefined ? undefined : describeInFormats(rowDescription, resultFormats),
    rows,
    tag: (count) => formatTag('SELECT', count),
    close: async () => {
      await end(async () => {
        await rows.close();
      });
    },
    abort: giveUp,
    // The session is not the transaction's own and outlives it.
    forget: giveUp,
  };
}
