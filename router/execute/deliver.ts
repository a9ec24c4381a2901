/** Hands answers to the client. */

import type { PgError } from '../../base/errors.js';
import { readErrorResponse } from '../../wire/backend.js';
import { encodeCommandComplete } from '../../wire/encode-backend.js';
import { backendType, frontendType } from '../../wire/frame.js';
import type { ClientOutput } from '../backend/output.js';
import type { Exchange } from '../backend/exchange.js';
import { describeAsHome } from '../backend/shard-oids.js';
import type { RowStream } from '../merge/stream.js';
import { send, type ExecutionContext } from './context.js';

/** Writes all rows; returns how many. */
export async function deliverRows(output: ClientOutput, rows: RowStream): Promise<number> {
  let count = 0;
  for (let run = await rows.next(); run !== undefined; run = await rows.next()) {
    count += run.rows;
    await send(output, run.bytes.subarray(run.start, run.end));
  }
  return count;
}

/** Writes CommandComplete. */
export async function deliverTag(output: ClientOutput, tag: string): Promise<void> {
  await send(output, encodeCommandComplete(tag));
}

/**
 * Passes the frames of an exchange to the client up to ReadyForQuery, which is kept back, as are the completions of
 * messages that pgring itself sent. Throws the server's error, after the exchange has ended. `describeAs`: what is told
 * instead of the server's RowDescription.
 */
export async function deliverExchange(
  context: Pick<ExecutionContext, 'output' | 'nextCopyMessage'>,
  exchange: Exchange,
  describe: boolean,
  describeAs?: (description: Buffer) => Buffer,
): Promise<void> {
  const { output } = context;
  let failure: PgError | undefined;
  while (exchange.connection.outstandingReady > 0) {
    const item = await exchange.next();
    if (item.kind === 'rows') {
      await send(output, item.run.bytes.subarray(item.run.start, item.run.end));
      continue;
    }
    switch (item.type) {
      case backendType.errorResponse:
        failure ??= readErrorResponse(item.frame);
        break;
      case backendType.readyForQuery:
      case backendType.parseComplete:
      case backendType.bindComplete:
      case backendType.closeComplete:
      case backendType.noData:
        break;
      case backendType.copyInResponse:
        await send(output, item.frame);
        await forwardCopy(context, exchange);
        break;
      case backendType.rowDescription:
        if (describe) {
          const oids = exchange.connection.oidMap();
          if (oids !== undefined) describeAsHome(item.frame, oids);
          await send(output, describeAs?.(item.frame) ?? item.frame);
        }
        break;
      default:
        await send(output, item.frame);
    }
  }
  exchange.release();
  if (failure !== undefined) throw failure;
}

/** Passes the client's copy messages to the server until the client ends them or the server has refused a row. */
async function forwardCopy(context: Pick<ExecutionContext, 'nextCopyMessage'>, exchange: Exchange): Promise<void> {
  for (;;) {
    const frame = await context.nextCopyMessage();
    const type = frame[0];
    if (type === frontendType.sync || type === frontendType.flush) continue;
    if (!exchange.send([frame], 0)) await exchange.connection.drained();
    if (type !== frontendType.copyData) return;
  }
}
