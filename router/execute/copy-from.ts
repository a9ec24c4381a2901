/** COPY … FROM STDIN over several shards: each row goes to its owner as it comes; all of it commits or nothing does. */

import { formatTag } from '../../wire/command-tag.js';
import { copyIn } from './copy-in.js';
import type { CopyFromPlan, CopyRows } from './copy-target.js';
import { checkCopy } from './copy-shards.js';
import { send, type BoundStatement, type ExecutionContext } from './context.js';
import { deliverTag } from './deliver.js';
import { inTransaction } from './in-transaction.js';
import { bindValues, renderSql } from './route.js';

export async function executeCopyFrom(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: CopyFromPlan,
): Promise<void> {
  const isAlone = !context.transaction.isOpen;
  const rows = await inTransaction(context, async () => {
    const values = await bindValues(context, statement, plan.computed);
    const own = renderSql(plan.sql, statement, values);
    const { shardSql } = plan;
    // The home shard says what is wrong with the client's own words, and what data it expects.
    const response = shardSql === undefined ? undefined : await checkCopy(context, own);
    const client: CopyRows = {
      ready: async (first) => {
        await send(context.output, response ?? first);
      },
      next: async () => await context.nextCopyMessage(),
    };
    const sent = shardSql === undefined ? own : renderSql(shardSql, statement, values);
    return await copyIn(context, plan, sent, client, isAlone);
  });
  await deliverTag(context.output, formatTag('COPY', rows));
}
