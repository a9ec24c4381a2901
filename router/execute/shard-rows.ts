/** One shard's part of an answer: a statement sent by the extended protocol, its rows pulled as runs. */

import { present } from '../../base/assert.js';
import { PgError } from '../../base/errors.js';
import { readCommandComplete, readErrorResponse } from '../../wire/backend.js';
import {
  encodeBind,
  encodeClose,
  encodeDescribe,
  encodeExecute,
  encodeParse,
  syncFrame,
} from '../../wire/encode-frontend.js';
import { backendType } from '../../wire/frame.js';
import type { BackendConnection } from '../backend/connection.js';
import { Exchange } from '../backend/exchange.js';
import type { RowRun } from '../backend/row-run.js';
import { describeAsHome, typesForShard } from '../backend/shard-oids.js';
import type { RowStream } from '../merge/stream.js';
import type { BoundParameters } from './context.js';

export interface ShardQuery {
  readonly sql: string | Buffer;
  readonly parameters: BoundParameters;
  readonly resultFormats: readonly number[];
}

/** How far the shard's answer was read. */
type Progress = 'described' | 'rows' | 'suspended' | 'complete';

export class ShardRows implements RowStream {
  readonly connection: BackendConnection;
  readonly #portal: string;
  readonly #batchRows: number;
  #exchange: Exchange | undefined;
  #progress: Progress = 'described';
  #stopped = false;
  /** The last call of next(), which a merge makes ahead of need: it may still wait when the answer is closed. */
  #reading: Promise<unknown> | undefined;
  /** The tag of CommandComplete, once it was read. */
  tag: string | undefined;
  /** RowDescription with the home shard's oids; undefined for a statement without a result. */
  description: Buffer | undefined;

  private constructor(connection: BackendConnection, portal: string, batchRows: number, exchange: Exchange) {
    this.connection = connection;
    this.#portal = portal;
    this.#batchRows = batchRows;
    this.#exchange = exchange;
  }

  /**
   * Sends the statement. `batchRows` 0: all rows at once, on the unnamed portal; otherwise rows are fetched in batches
   * through a portal of that name, and the connection is free between batches (only inside a transaction block).
   */
  static send(
    connection: BackendConnection,
    query: ShardQuery,
    options: { readonly portal: string; readonly batchRows: number; readonly onNotice?: (frame: Buffer) => void },
  ): ShardRows {
    const exchange = new Exchange(connection);
    exchange.onNotice = options.onNotice;
    connection.prepared.delete('');
    exchange.send(
      [
        encodeParse('', query.sql, typesForShard(query.parameters.types, connection.oidMap())),
        encodeBind({
          portal: options.portal,
          statement: '',
          parameterFormats: query.parameters.formats,
          parameters: query.parameters.values,
          resultFormats: query.resultFormats,
        }),
        encodeDescribe('portal', options.portal),
        encodeExecute(options.portal, options.batchRows),
        syncFrame,
      ],
      1,
    );
    return new ShardRows(connection, options.portal, options.batchRows, exchange);
  }

  /** Reads up to the description of the rows. Errors: the shard's own. */
  async describe(): Promise<void> {
    const exchange = present(this.#exchange, 'a shard was described after its end');
    for (;;) {
      const item = await exchange.next();
      if (item.kind === 'rows') continue;
      if (item.type === backendType.errorResponse) throw readErrorResponse(item.frame);
      if (item.type === backendType.rowDescription) {
        this.description = Buffer.from(item.frame);
        const oids = this.connection.oidMap();
        if (oids !== undefined) describeAsHome(this.description, oids);
      }
      if (item.type === backendType.rowDescription || item.type === backendType.noData) break;
    }
    this.#progress = 'rows';
  }

  async next(): Promise<RowRun | undefined> {
    const reading = this.#next();
    this.#reading = reading;
    return await reading;
  }

  async #next(): Promise<RowRun | undefined> {
    for (;;) {
      if (this.#stopped || this.#progress === 'complete') return undefined;
      if (this.#progress === 'suspended') this.#resume();
      const item = await present(this.#exchange, 'rows were read without an exchange').next();
      if (item.kind === 'rows') return item.run;
      switch (item.type) {
        case backendType.errorResponse:
          throw readErrorResponse(item.frame);
        case backendType.commandComplete:
          this.tag = readCommandComplete(item.frame);
          await this.#finish('complete');
          return undefined;
        case backendType.emptyQueryResponse:
          await this.#finish('complete');
          return undefined;
        case backendType.portalSuspended:
          await this.#finish('suspended');
          break;
        default:
      }
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Reads the answer to its end and gives the connection back; closes a portal that still has rows. */
  async close(): Promise<void> {
    this.stop();
    await this.#reading?.catch(() => undefined);
    if (this.#exchange === undefined && this.#progress === 'suspended' && !this.connection.closed) {
      this.#exchange = new Exchange(this.connection);
      this.#exchange.send([encodeClose('portal', this.#portal), syncFrame], 1);
    }
    await this.#finish('complete');
  }

  /** Cancels what still runs, then closes. For when the answer is not wanted any more; never throws. */
  async abort(): Promise<void> {
    this.stop();
    try {
      if (this.#exchange !== undefined && this.connection.outstandingReady > 0) await this.connection.cancel();
      await this.close();
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
      this.connection.destroy();
    }
  }

  #resume(): void {
    this.#exchange = new Exchange(this.connection);
    this.#exchange.send([encodeExecute(this.#portal, this.#batchRows), syncFrame], 1);
    this.#progress = 'rows';
  }

  async #finish(progress: Progress): Promise<void> {
    const exchange = this.#exchange;
    this.#progress = progress;
    this.#exchange = undefined;
    await exchange?.finish();
  }
}
