/** Rows of a table from one shard straight to another. */

import type { PgError } from '../../base/errors.js';
import { qualifiedName, quoteIdentifier, type Relation } from '../../catalog/schema.js';
import type { ShardId } from '../../catalog/topology.js';
import { readErrorResponse } from '../../wire/backend.js';
import { copyDoneFrame, encodeCopyData, encodeQuery } from '../../wire/encode-frontend.js';
import { backendType } from '../../wire/frame.js';
import { readCopyData } from '../../wire/frontend.js';
import { Exchange } from '../backend/exchange.js';
import type { ExecutionContext } from './context.js';

interface Way {
  readonly source: ShardId;
  readonly target: ShardId;
  /** Of the rows that go; all where it is left out. */
  readonly condition?: string;
  /** A table with the same columns, quoted, where they do not go into the one of the same name. */
  readonly into?: string;
}

/** Copies the rows that satisfy the condition from one shard to another, as a stream. */
export async function pipeRows(
  context: ExecutionContext,
  relation: Relation,
  { source, target, condition = 'true', into = qualifiedName(relation) }: Way,
): Promise<void> {
  const table = qualifiedName(relation);
  const columns = relation.columns
    .filter((column) => column.generated === 'no')
    .map((column) => quoteIdentifier(column.name))
    .join(', ');
  const from = new Exchange(await context.transaction.enter(source, false));
  const to = new Exchange(await context.transaction.enter(target, true));
  to.send([encodeQuery(`COPY ${into} (${columns}) FROM STDIN`)], 1);
  from.send([encodeQuery(`COPY (SELECT ${columns} FROM ${table} WHERE ${condition}) TO STDOUT`)], 1);
  let failure: PgError | undefined;
  while (from.connection.outstandingReady > 0) {
    const item = await from.next();
    if (item.kind === 'rows') continue;
    if (item.type === backendType.errorResponse) failure ??= readErrorResponse(item.frame);
    if (item.type === backendType.copyData && failure === undefined) {
      if (!to.send([encodeCopyData(readCopyData(item.frame))], 0)) await to.connection.drained();
    }
  }
  from.release();
  to.send([copyDoneFrame], 0);
  failure ??= await to.finish();
  if (failure !== undefined) throw failure;
}
