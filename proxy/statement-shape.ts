/** What a statement takes and gives, as the home shard infers it: types of parameters, columns of the result. */

import { readErrorResponse, readParameterDescription } from '../wire/backend.js';
import { encodeDescribe, encodeParse, syncFrame } from '../wire/encode-frontend.js';
import { backendType } from '../wire/frame.js';
import { PgError, sqlstate } from '../base/errors.js';
import type { BackendConnection } from '../router/backend/connection.js';
import { describeAsHome, describesTypes, typesForShard } from '../router/backend/shard-oids.js';
import { Exchange } from '../router/backend/exchange.js';
import type { ExecutionContext, StatementShape } from '../router/execute/context.js';

type DescribingScope = Pick<ExecutionContext, 'transaction' | 'topology'>;

/** Asks a server, by `asked` where that is given. Errors: what it has against the statement. */
export async function inferShape(
  scope: DescribingScope,
  sql: Buffer,
  parameterTypes: readonly number[],
  asked?: BackendConnection,
): Promise<StatementShape> {
  const connection = asked ?? (await describingConnection(scope));
  const sentTypes = typesForShard(parameterTypes, connection.oidMap());
  connection.prepared.delete('');
  const exchange = new Exchange(connection);
  exchange.send([encodeParse('', sql, sentTypes), encodeDescribe('statement', ''), syncFrame], 1);
  return await readShape(connection, exchange);
}

/** What a server answers to Describe of a statement, up to its last ReadyForQuery. Errors: the server's. */
export async function readShape(connection: BackendConnection, exchange: Exchange): Promise<StatementShape> {
  const oids = connection.oidMap();
  let parameterTypes: readonly number[] = [];
  let rowDescription: Buffer | undefined;
  let failure: PgError | undefined;
  while (connection.outstandingReady > 0) {
    const item = await exchange.next();
    if (item.kind === 'rows') continue;
    if (oids !== undefined && describesTypes(item.type)) describeAsHome(item.frame, oids);
    if (item.type === backendType.parameterDescription) parameterTypes = readParameterDescription(item.frame);
    if (item.type === backendType.rowDescription) rowDescription = Buffer.from(item.frame);
    if (item.type === backendType.errorResponse) failure = readErrorResponse(item.frame);
  }
  exchange.release();
  if (failure !== undefined) throw failure;
  return { parameterTypes, rowDescription };
}

/** The home shard; while that is down, any other: what they say of a statement is the same but for oids. */
export async function describingConnection(scope: DescribingScope): Promise<BackendConnection> {
  const { home, shards } = scope.topology;
  try {
    return await scope.transaction.enter(home, false);
  } catch (error) {
    if (!isOutage(error) || scope.transaction.isFailed) throw error;
    for (const shard of shards) {
      if (shard.id === home) continue;
      try {
        return await scope.transaction.enter(shard.id, false);
      } catch (failure) {
        if (!isOutage(failure)) throw failure;
      }
    }
    throw error;
  }
}

function isOutage(error: unknown): boolean {
  return error instanceof PgError && error.sqlstate === sqlstate.connectionFailure;
}
