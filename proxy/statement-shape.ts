/** What a statement takes and gives, as the home shard infers it: types of parameters, columns of the result. */

import { readErrorResponse, readParameterDescription } from '../wire/backend.js';
import { encodeDescribe, encodeParse, syncFrame } from '../wire/encode-frontend.js';
import { backendType } from '../wire/frame.js';
import type { PgError } from '../base/errors.js';
import { Exchange } from '../router/backend/exchange.js';
import type { StatementShape } from '../router/execute/context.js';
import type { ExecutionContext } from '../router/execute/context.js';

/** Asks a server. Errors: what it has against the statement. */
export async function inferShape(
  scope: Pick<ExecutionContext, 'transaction' | 'topology'>,
  sql: Buffer,
  parameterTypes: readonly number[],
): Promise<StatementShape> {
  const connection = await scope.transaction.enter(scope.topology.home, false);
  connection.prepared.delete('');
  const exchange = new Exchange(connection);
  exchange.send([encodeParse('', sql, parameterTypes), encodeDescribe('statement', ''), syncFrame], 1);
  let types: readonly number[] = [];
  let rowDescription: Buffer | undefined;
  let failure: PgError | undefined;
  while (connection.outstandingReady > 0) {
    const item = await exchange.next();
    if (item.kind === 'rows') continue;
    switch (item.type) {
      case backendType.parameterDescription:
        types = readParameterDescription(item.frame);
        break;
      case backendType.rowDescription:
        rowDescription = Buffer.from(item.frame);
        break;
      case backendType.errorResponse:
        failure = readErrorResponse(item.frame);
        break;
      default:
    }
  }
  exchange.release();
  if (failure !== undefined) throw failure;
  return { parameterTypes: types, rowDescription };
}
