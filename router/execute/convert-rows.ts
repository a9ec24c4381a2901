/** Rows in other formats than they were read in: a server reads each value and writes it again. */

import { readDataRow, readErrorResponse, readRowDescription } from '../../wire/backend.js';
import { encodeBind, encodeExecute, encodeParse, syncFrame } from '../../wire/encode-frontend.js';
import { backendType } from '../../wire/frame.js';
import { Exchange } from '../backend/exchange.js';
import type { RowRun } from '../backend/row-run.js';
import { typesForShard } from '../backend/shard-oids.js';
import { frameEnd } from '../merge/stream.js';
import type { ExecutionContext } from './context.js';

/** Rows that are converted by one message. */
const PIPELINED_ROWS = 200;

interface Conversion {
  /** RowDescription of the rows. */
  readonly description: Buffer;
  readonly from: readonly number[];
  readonly to: readonly number[];
}

/** Calls back with the converted rows, in their order. */
export async function convertRows(
  context: ExecutionContext,
  run: RowRun,
  { description, from, to }: Conversion,
  deliver: (bytes: Buffer) => Promise<void>,
): Promise<void> {
  const types = readRowDescription(description).map((field) => field.typeOid);
  const list = types.map((_type, index) => `$${index + 1}`).join(', ');
  const connection = await context.transaction.enter(context.topology.home, false);
  let row = run.start;
  while (row < run.end) {
    connection.prepared.delete('');
    const messages = [encodeParse('', `SELECT ${list}`, typesForShard(types, connection.oidMap()))];
    for (let count = 0; count < PIPELINED_ROWS && row < run.end; count++) {
      const parameters = readDataRow(run.bytes, row);
      messages.push(encodeBind({ portal: '', statement: '', parameterFormats: from, parameters, resultFormats: to }));
      messages.push(encodeExecute('', 0));
      row = frameEnd(run.bytes, row);
    }
    const exchange = new Exchange(connection);
    exchange.send([...messages, syncFrame], 1);
    while (connection.outstandingReady > 0) {
      const item = await exchange.next();
      if (item.kind === 'rows') await deliver(item.run.bytes.subarray(item.run.start, item.run.end));
      else if (item.type === backendType.errorResponse) {
        const error = readErrorResponse(item.frame);
        await exchange.finish();
        throw error;
      }
    }
    exchange.release();
  }
}
