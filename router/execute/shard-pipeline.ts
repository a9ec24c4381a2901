/**
 * Several queries for one shard, sent at once under one Sync and answered one after the other. Their rows are pulled in
 * that order; what nobody has pulled yet waits on the server once the connection's own queue is full.
 */

import { readErrorResponse } from '../../wire/backend.js';
import { PgError } from '../../base/errors.js';
import { encodeBind, encodeExecute, encodeParse, syncFrame } from '../../wire/encode-frontend.js';
import { backendType } from '../../wire/frame.js';
import { Exchange } from '../backend/exchange.js';
import type { RowRun } from '../backend/row-run.js';
import { typesForShard } from '../backend/shard-oids.js';
import type { RowStream } from '../merge/stream.js';
import type { ImmediateEntry } from '../transaction/session-transaction.js';
import type { ShardShipment } from './execution-report.js';
import type { ShardQuery } from './shard-rows.js';

/** A query of the pipeline, and where its rows are counted. */
export interface PipelinedQuery extends ShardQuery {
  readonly counts: ShardShipment;
}

export class ShardPipeline {
  readonly #exchange: Exchange;
  /** The rows of each query. A stream may be read when the one before it has ended. */
  readonly streams: readonly RowStream[];
  #beginning: boolean;
  /** The read that is under way, or the last one. */
  #reading: Promise<unknown> = Promise.resolve();

  constructor(entry: ImmediateEntry, queries: readonly PipelinedQuery[], onNotice: (frame: Buffer) => void) {
    const { connection, begin } = entry;
    this.#exchange = new Exchange(connection);
    this.#exchange.onNotice = onNotice;
    this.#beginning = begin !== undefined;
    this.streams = queries.map(({ counts }) => new PipelinedRows(async () => await this.#read(counts)));
    connection.prepared.delete('');
    const oids = connection.oidMap();
    const messages = queries.flatMap(({ sql, parameters, resultFormats }) => [
      encodeParse('', sql, typesForShard(parameters.types, oids)),
      encodeBind({ parameterFormats: parameters.formats, parameters: parameters.values, resultFormats }),
      encodeExecute('', 0),
    ]);
    if (begin === undefined) this.#exchange.send([...messages, syncFrame], 1);
    else this.#exchange.send([begin, ...messages, syncFrame], 2);
  }

  /** Once all streams have ended: gives the connection back. */
  async finish(): Promise<void> {
    const error = await this.#exchange.finish();
    if (error !== undefined) throw error;
  }

  /** Cancels what still runs and gives the connection back; never throws. */
  async abort(): Promise<void> {
    const { connection } = this.#exchange;
    try {
      if (connection.outstandingReady > 0) await connection.cancel();
      // Whoever reads now is told of the end first: an exchange has one reader at a time.
      await this.#reading.catch(() => undefined);
      await this.#exchange.finish();
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
      connection.destroy();
    }
  }

  async #read(counts: ShardShipment): Promise<RowRun | undefined> {
    const reading = this.#nextRows(counts);
    this.#reading = reading;
    return await reading;
  }

  async #nextRows(counts: ShardShipment): Promise<RowRun | undefined> {
    for (;;) {
      const item = await this.#exchange.next();
      if (item.kind === 'rows') {
        counts.rows += item.run.rows;
        counts.bytes += item.run.end - item.run.start;
        return item.run;
      }
      if (item.type === backendType.errorResponse) throw readErrorResponse(item.frame);
      if (this.#beginning) this.#beginning = item.type !== backendType.readyForQuery;
      else if (item.type === backendType.commandComplete) return undefined;
    }
  }
}

class PipelinedRows implements RowStream {
  readonly #read: () => Promise<RowRun | undefined>;
  #ended = false;

  constructor(read: () => Promise<RowRun | undefined>) {
    this.#read = read;
  }

  async next(): Promise<RowRun | undefined> {
    if (this.#ended) return undefined;
    const run = await this.#read();
    this.#ended = run === undefined;
    return run;
  }

  stop(): void {
    this.#ended = true;
  }
}
