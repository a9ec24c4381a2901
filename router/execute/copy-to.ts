/** COPY … TO STDOUT over several shards: one stream, with one header and one trailer. */

import { refuse, type PgError } from '../../base/errors.js';
import { present } from '../../base/assert.js';
import type { Plan } from '../../planner/plan.js';
import { readErrorResponse } from '../../wire/backend.js';
import { formatTag, readTagRows } from '../../wire/command-tag.js';
import { readCommandComplete } from '../../wire/backend.js';
import { copyDone } from '../../wire/encode-backend.js';
import { encodeQuery } from '../../wire/encode-frontend.js';
import { backendType } from '../../wire/frame.js';
import { Exchange } from '../backend/exchange.js';
import { send, type BoundStatement, type ExecutionContext } from './context.js';
import { deliverTag } from './deliver.js';
import { passTo } from './pass.js';
import { bindValues, renderSql, routeStatement } from './route.js';

type CopyToPlan = Extract<Plan, { readonly kind: 'copyTo' }>;

export async function executeCopyTo(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: CopyToPlan,
): Promise<void> {
  const values = await bindValues(context, statement, []);
  const shards = await routeStatement(context, plan.routing, values);
  const sql = renderSql(plan.sql, statement, values);
  const [only] = shards;
  if (shards.length === 1 && only !== undefined) {
    await passTo(context, statement, only, false, { sql, parameters: statement.parameters });
    return;
  }
  if (plan.format.kind === 'binary')
    throw refuse('COPY TO in binary over several shards', 'Use the text or CSV format.');
  const exchanges = await Promise.all(
    shards.map(async (shard) => new Exchange(await context.transaction.enter(shard, false))),
  );
  for (const exchange of exchanges) exchange.send([encodeQuery(sql)], 1);
  let rows = 0;
  let failure: PgError | undefined;
  for (const [index, exchange] of exchanges.entries()) {
    let header = plan.format.header !== 'no' && index > 0;
    while (exchange.connection.outstandingReady > 0) {
      const item = await exchange.next();
      if (item.kind === 'rows') continue;
      switch (item.type) {
        case backendType.errorResponse:
          failure ??= readErrorResponse(item.frame);
          break;
        case backendType.copyOutResponse:
          if (index === 0) await send(context.output, item.frame);
          break;
        case backendType.copyData:
          if (!header && failure === undefined) await send(context.output, item.frame);
          header = false;
          break;
        case backendType.commandComplete:
          rows += present(readTagRows(readCommandComplete(item.frame)), 'COPY counts its rows');
          break;
        default:
      }
    }
    exchange.release();
  }
  if (failure !== undefined) throw failure;
  await send(context.output, copyDone);
  await deliverTag(context.output, formatTag('COPY', rows));
}
