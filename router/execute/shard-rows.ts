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
import { runCommand } from '../backend/command.js';
import type { BackendConnection } from '../backend/connection.js';
import { Exchange } from '../backend/exchange.js';
import type { RowRun } from '../backend/row-run.js';
import { describeAsHome, typesForShard } from '../backend/shard-oids.js';
import type { LockingRows } from '../merge/locked-rows.js';
import type { BoundParameters } from './context.js';

export interface ShardQuery {
  readonly sql: string | Buffer;
  readonly parameters: BoundParameters;
  readonly resultFormats: readonly number[];
}

/** How the rows are asked for. */
export interface RowDemand {
  /** The portal's name; unnamed unless it is to outlive the statement. */
  readonly portal: string;
  /**
   * 0: all rows at once, on the unnamed portal; otherwise rows are fetched in batches through the portal, each of them
   * read to its end, so that the connection is free between batches (only inside a transaction block).
   */
  readonly batchRows: number;
  /** True: the portal is bound, and so has its snapshot, but nothing is executed before rows are asked for. */
  readonly bindOnly?: boolean;
  /** True: a named portal of this statement alone, to be closed when its rows have been read. */
  readonly closesPortal?: boolean;
}

/** What a batch should come to, and its bounds: rows are counted, but memory is meant. */
const BATCH_BYTES = 256 * 1024;
const MAXIMUM_BATCH_ROWS = 4_096;

/** How far the shard's answer was read. */
type Progress = 'described' | 'rows' | 'suspended' | 'complete';

export class ShardRows implements LockingRows {
  readonly connection: BackendConnection;
  readonly #demand: RowDemand;
  /** Rows of the next batch. */
  #batchRows: number;
  #fixed = false;
  /** Rows of the last batch that were not taken yet. */
  readonly #batch: RowRun[] = [];
  #exchange: Exchange | undefined;
  #progress: Progress = 'described';
  #stopped = false;
  /** The last call of next(), which a merge makes ahead of need: it may still wait when the answer is closed. */
  #reading: Promise<unknown> | undefined;
  /** The tag of CommandComplete, once it was read. */
  tag: string | undefined;
  /** RowDescription with the home shard's oids; undefined for a statement without a result. */
  description: Buffer | undefined;

  private constructor(connection: BackendConnection, demand: RowDemand, exchange: Exchange | undefined) {
    this.connection = connection;
    this.#demand = demand;
    this.#batchRows = demand.batchRows;
    this.#exchange = exchange;
  }

  /** Sends the statement. */
  static send(
    connection: BackendConnection,
    query: ShardQuery,
    options: RowDemand & { readonly onNotice?: (frame: Buffer) => void },
  ): ShardRows {
    const exchange = new Exchange(connection);
    exchange.onNotice = options.onNotice;
    connection.prepared.delete('');
    const execution = options.bindOnly === true ? [] : [encodeExecute(options.portal, options.batchRows)];
    exchange.send([...bindFrames(connection, query, options.portal), ...execution, syncFrame], 1);
    return new ShardRows(connection, options, exchange);
  }

  /** The rows of a portal that is bound already; nothing is executed yet. */
  static ofPortal(connection: BackendConnection, demand: RowDemand, description: Buffer | undefined): ShardRows {
    const rows = new ShardRows(connection, demand, undefined);
    rows.#progress = 'suspended';
    if (description !== undefined) rows.#noteDescription(description);
    return rows;
  }

  get portal(): string {
    return this.#demand.portal;
  }

  /** From now on each batch has exactly so many rows: what is not wanted yet is not locked. */
  fixBatch(rows: number): void {
    this.#batchRows = rows;
    this.#fixed = true;
  }

  /** Runs a transaction command between two batches. */
  async command(sql: string): Promise<void> {
    await runCommand(this.connection, sql);
  }

  /** Executes a portal that is only bound. */
  start(onNotice: (frame: Buffer) => void): void {
    const exchange = this.#resume();
    exchange.onNotice = onNotice;
  }

  /** Reads up to the description of the rows, if that was not done before. Errors: the shard's own. */
  async describe(): Promise<void> {
    if (this.#progress !== 'described') return;
    const exchange = present(this.#exchange, 'a shard was described after its end');
    for (;;) {
      const item = await exchange.next();
      if (item.kind === 'rows') continue;
      if (item.type === backendType.errorResponse) throw readErrorResponse(item.frame);
      if (item.type === backendType.rowDescription) {
        this.#noteDescription(Buffer.from(item.frame));
      }
      if (item.type === backendType.rowDescription || item.type === backendType.noData) break;
    }
    if (this.#demand.bindOnly === true) await this.#finish('suspended');
    else this.#progress = 'rows';
  }

  #noteDescription(description: Buffer): void {
    this.description = description;
    const oids = this.connection.oidMap();
    if (oids !== undefined) describeAsHome(description, oids);
  }

  async next(): Promise<RowRun | undefined> {
    const reading = this.#next();
    this.#reading = reading;
    return await reading;
  }

  async #next(): Promise<RowRun | undefined> {
    for (;;) {
      if (this.#stopped) return undefined;
      const kept = this.#batch.shift();
      if (kept !== undefined) return kept;
      if (this.#progress === 'complete') return undefined;
      if (this.#progress === 'suspended') this.#resume();
      const run = await this.#read();
      if (this.#demand.batchRows === 0) return run;
      if (run !== undefined) await this.#readBatch(run);
    }
  }

  /** Reads a batch to its end. */
  async #readBatch(first: RowRun): Promise<void> {
    let rows = 0;
    let bytes = 0;
    for (let run: RowRun | undefined = first; run !== undefined; run = await this.#read()) {
      this.#batch.push(run);
      rows += run.rows;
      bytes += run.end - run.start;
    }
    if (this.#fixed) return;
    const wanted = Math.ceil((BATCH_BYTES * rows) / Math.max(1, bytes));
    this.#batchRows = Math.min(Math.max(1, wanted), MAXIMUM_BATCH_ROWS);
  }

  /** The next run of this Execute; undefined at its end. */
  async #read(): Promise<RowRun | undefined> {
    for (;;) {
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
          return undefined;
        default:
      }
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#batch.length = 0;
  }

  /** Reads the answer to its end and gives the connection back; closes a portal that would keep its relations in use. */
  async close(): Promise<void> {
    this.stop();
    await this.#reading?.catch(() => undefined);
    if (this.#exchange === undefined && this.#isPortalOpen && !this.connection.closed) {
      this.#exchange = new Exchange(this.connection);
      this.#exchange.send([encodeClose('portal', this.#demand.portal), syncFrame], 1);
    }
    await this.#finish('complete');
  }

  /** A named portal stays when its rows have been read, but the one that closes itself. */
  get #isPortalOpen(): boolean {
    if (this.#progress !== 'complete') return this.#progress === 'suspended';
    const { portal, batchRows, closesPortal } = this.#demand;
    return portal !== '' && batchRows > 0 && closesPortal !== true;
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

  #resume(): Exchange {
    const exchange = new Exchange(this.connection);
    this.#exchange = exchange;
    const { portal, closesPortal } = this.#demand;
    const ending = closesPortal === true && this.#batchRows === 0 ? [encodeClose('portal', portal)] : [];
    exchange.send([encodeExecute(portal, this.#batchRows), ...ending, syncFrame], 1);
    this.#progress = 'rows';
    return exchange;
  }

  async #finish(progress: Progress): Promise<void> {
    const exchange = this.#exchange;
    this.#progress = progress;
    this.#exchange = undefined;
    await exchange?.finish();
  }
}

/** Parse, Bind and Describe of a portal. */
export function bindFrames(connection: BackendConnection, query: ShardQuery, portal: string): readonly Buffer[] {
  return [
    encodeParse('', query.sql, typesForShard(query.parameters.types, connection.oidMap())),
    encodeBind({
      portal,
      statement: '',
      parameterFormats: query.parameters.formats,
      parameters: query.parameters.values,
      resultFormats: query.resultFormats,
    }),
    encodeDescribe('portal', portal),
  ];
}
