/** Rung 5: a SELECT that is finished by PostgreSQL over shipped rows. */

import type { Plan } from '../../planner/plan.js';
import { formatTag } from '../../wire/command-tag.js';
import { endCombineSession, openCombineSession } from './combine-session.js';
import type { BoundStatement, ExecutionContext } from './context.js';
import { describeInFormats } from './describe.js';
import type { Gathered } from './gather.js';
import { ShardRows } from './shard-rows.js';

type CombinePlan = Extract<Plan, { readonly kind: 'combine' }>;

/** Ships the rows and starts the statement over them. */
export async function openCombine(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: CombinePlan,
): Promise<Gathered> {
  const { connection, sql, parameters, rowDescription } = await openCombineSession(context, statement, plan);
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
  return {
    description: rowDescription === undefined ? undefined : describeInFormats(rowDescription, resultFormats),
    rows,
    tag: (count) => formatTag('SELECT', count),
    close: async () => {
      await rows.close();
      await endCombineSession(context, connection);
    },
    abort: async () => {
      await rows.abort();
      await endCombineSession(context, connection);
    },
  };
}
