/** COPY … TO STDOUT over several shards: one stream, with one header and one trailer. */

import { refuse, type PgError } from '../../base/errors.js';
import { plainHeader, trailer } from '../copy/binary-format.js';
import { present } from '../../base/assert.js';
import type { ShardId } from '../../catalog/topology.js';
import type { Plan } from '../../planner/plan/plan.js';
import { readErrorResponse } from '../../wire/backend.js';
import { formatTag, readTagRows } from '../../wire/command-tag.js';
import { readCommandComplete } from '../../wire/backend.js';
import { copyDone, encodeCopyData } from '../../wire/encode-backend.js';
import { encodeQuery } from '../../wire/encode-frontend.js';
import { backendType } from '../../wire/frame.js';
import { readCopyData } from '../../wire/frontend.js';
import { Exchange } from '../backend/exchange.js';
import { beginReading } from '../transaction/transaction-state.js';
import { send, type BoundStatement, type ExecutionContext } from './context.js';
import { deliverTag } from './deliver.js';
import { inTransaction } from './in-transaction.js';
import { passTo } from './pass.js';
import { bindValues, renderSql, routeStatement } from './route.js';

type CopyToPlan = Extract<Plan, { readonly kind: 'copyTo' }>;

/** Of the binary format. */

export async function executeCopyTo(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: CopyToPlan,
): Promise<void> {
  const values = await bindValues(context, statement, plan.computed);
  const shards = await routeStatement(context, plan.routing, values);
  const sql = renderSql(plan.sql, statement, values);
  const writes = plan.access === 'write';
  const [only] = shards;
  if (shards.length === 1 && only !== undefined) {
    await passTo(context, statement, only, writes, { sql, parameters: statement.parameters });
    return;
  }
  const copyAll = async (): Promise<number> => await copyFromShards(context, plan, shards, sql);
  const rows =
    writes || context.transaction.needsReading
      ? await inTransaction(context, copyAll, writes ? undefined : { begin: beginReading, shards })
      : await copyAll();
  await deliverTag(context.output, formatTag('COPY', rows));
}

/** One shard after the other is read, all of them at work at once. */
async function copyFromShards(
  context: ExecutionContext,
  plan: CopyToPlan,
  shards: readonly ShardId[],
  sql: string | Buffer,
): Promise<number> {
  const writes = plan.access === 'write';
  const connections = await Promise.all(shards.map(async (shard) => await context.transaction.enter(shard, writes)));
  if (!writes && context.transaction.bindsTogether) {
    throw refuse(
      "COPY TO over several shards in a READ COMMITTED transaction with pgring.cross_shard_reads = 'atomic'",
      'BEGIN ISOLATION LEVEL REPEATABLE READ, or run it outside of a transaction block.',
    );
  }
  const isBinary = plan.format.kind === 'binary';
  if (isBinary && plan.holdsOids && connections.some((connection) => connection.oidMap() !== undefined)) {
    throw refuse('COPY TO in binary of values that may hold oids, over several shards', 'Use the text or CSV format.');
  }
  const exchanges = connections.map((connection) => new Exchange(connection));
  for (const exchange of exchanges) exchange.send([encodeQuery(sql)], 1);
  const pass = isBinary ? new BinaryParts() : new LineParts(plan.format.header !== 'no');
  let rows = 0;
  let failure: PgError | undefined;
  for (const [index, exchange] of exchanges.entries()) {
    pass.begin();
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
        case backendType.copyData: {
          const message = pass.take(item.frame);
          if (message !== undefined && failure === undefined) await send(context.output, message);
          break;
        }
        case backendType.commandComplete:
          rows += present(readTagRows(readCommandComplete(item.frame)), 'COPY counts its rows');
          break;
        default:
      }
    }
    exchange.release();
  }
  if (failure !== undefined) throw failure;
  const rest = pass.end();
  if (rest !== undefined) await send(context.output, rest);
  await send(context.output, copyDone);
  return rows;
}

/** What of each shard's messages is part of the whole. */
interface Parts {
  /** The next shard's messages follow. */
  begin(): void;
  take(frame: Buffer): Buffer | undefined;
  end(): Buffer | undefined;
}

/** Lines, of which the first shard's first may be the header of all. */
class LineParts implements Parts {
  readonly #hasHeader: boolean;
  #shards = 0;
  #skips = false;

  constructor(hasHeader: boolean) {
    this.#hasHeader = hasHeader;
  }

  begin(): void {
    this.#skips = this.#hasHeader && this.#shards > 0;
    this.#shards += 1;
  }

  take(frame: Buffer): Buffer | undefined {
    if (!this.#skips) return frame;
    this.#skips = false;
    return undefined;
  }

  end(): undefined {
    return undefined;
  }
}

/** Tuples, one a message; a file's header comes with the first of them, and its trailer by itself. */
class BinaryParts implements Parts {
  #header: Buffer | undefined;
  #first = true;

  begin(): void {
    this.#first = true;
  }

  take(frame: Buffer): Buffer | undefined {
    let data = readCopyData(frame);
    if (this.#first) {
      this.#header ??= Buffer.from(data.subarray(0, plainHeader.length));
      data = data.subarray(plainHeader.length);
      this.#first = false;
    }
    return data.equals(trailer) ? undefined : this.#message(data);
  }

  end(): Buffer {
    return this.#message(trailer);
  }

  #message(data: Buffer): Buffer {
    const message = encodeCopyData(Buffer.concat([this.#header ?? nothing, data]));
    this.#header = nothing;
    return message;
  }
}

const nothing = Buffer.alloc(0);
