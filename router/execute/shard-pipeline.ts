/**
 * Several queries for one shard, sent at once under one Sync and answered one after the other. Their rows are pulled in
 * that order; what nobody has pulled yet waits on the server once the connection's own queue is full.
 */

import { assert, present } from '../../base/assert.js';
import { PgError } from '../../base/errors.js';
import { readErrorResponse, readRowDescription } from '../../wire/backend.js';
import {
  encodeBind,
  encodeClose,
  encodeDescribe,
  encodeExecute,
  encodeParse,
  syncFrame,
} from '../../wire/encode-frontend.js';
import { backendType } from '../../wire/frame.js';
import { Exchange } from '../backend/exchange.js';
import type { BackendConnection } from '../backend/connection.js';
import type { RowRun } from '../backend/row-run.js';
import { typesForShard } from '../backend/shard-oids.js';
import type { RowStream } from '../merge/stream.js';
import type { ImmediateEntry } from '../transaction/session-transaction.js';
import { nextReadingPortal } from './atomic-reading.js';
import type { ShardShipment } from './execution-report.js';
import type { ShardQuery } from './shard-rows.js';

/** A query of the pipeline, and where its rows are counted. */
export interface PipelinedQuery extends ShardQuery {
  readonly counts: ShardShipment;
  /** The types that the planner took its columns to have; undefined where they are a relation's own. */
  readonly types: readonly number[] | undefined;
}

export class ShardPipeline {
  readonly #exchange: Exchange;
  /** The rows of each query. A stream may be read when the one before it has ended. */
  readonly streams: readonly RowStream[];
  #beginning: boolean;
  /** The read that is under way, or the last one. */
  #reading: Promise<unknown> = Promise.resolve();

  /** `portals`: those that bindPortals has bound for the queries. */
  constructor(
    entry: ImmediateEntry,
    queries: readonly PipelinedQuery[],
    onNotice: (frame: Buffer) => void,
    portals?: readonly string[],
  ) {
    const { connection, begin } = entry;
    this.#exchange = new Exchange(connection);
    this.#exchange.onNotice = onNotice;
    this.#beginning = begin !== undefined;
    this.streams = queries.map((query) => new PipelinedRows(async () => await this.#read(query)));
    connection.prepared.delete('');
    const messages =
      portals?.flatMap((portal) => [encodeExecute(portal, 0), encodeClose('portal', portal)]) ??
      queries.flatMap((query) => [...bindMessages(connection, query, ''), encodeExecute('', 0)]);
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

  async #read(query: PipelinedQuery): Promise<RowRun | undefined> {
    const reading = this.#nextRows(query);
    this.#reading = reading;
    return await reading;
  }

  async #nextRows({ counts, types }: PipelinedQuery): Promise<RowRun | undefined> {
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
      else if (item.type === backendType.rowDescription) checkTypes(item.frame, types);
    }
  }
}

function bindMessages(
  connection: BackendConnection,
  { sql, parameters, resultFormats, types }: PipelinedQuery,
  portal: string,
): readonly Buffer[] {
  return [
    encodeParse('', sql, typesForShard(parameters.types, connection.oidMap())),
    encodeBind({ portal, parameterFormats: parameters.formats, parameters: parameters.values, resultFormats }),
    ...(types === undefined ? [] : [encodeDescribe('portal', portal)]),
  ];
}

/** What binds the queries to portals, to be executed by a ShardPipeline later. */
export function bindPortals(
  connection: BackendConnection,
  queries: readonly PipelinedQuery[],
): { readonly binding: readonly Buffer[]; readonly portals: readonly string[] } {
  const portals = queries.map(() => nextReadingPortal());
  const binding = queries.flatMap((query, index) => bindMessages(connection, query, portals[index] ?? ''));
  return { binding, portals };
}

/** Checks what the portals of bindPortals were described as. */
export function checkDescriptions(queries: readonly PipelinedQuery[], descriptions: readonly Buffer[]): void {
  const described = queries.filter(({ types }) => types !== undefined);
  for (const [index, { types }] of described.entries()) {
    checkTypes(present(descriptions[index], 'a query is described'), types);
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

/** From FirstNormalObjectId (access/transam.h) on, oids are of users' types; a domain is described as its base type. */
const FIRST_USER_OID = 16_384;

/** A query's result has the types that the planner took it to have: else its bytes would be read as something else. */
function checkTypes(description: Buffer, types: readonly number[] | undefined): void {
  if (types === undefined) return;
  readRowDescription(description).forEach(({ typeOid }, index) => {
    const expected = types[index] ?? 0;
    assert(
      expected >= FIRST_USER_OID || typeOid === expected,
      `column ${index + 1} of what is shipped is of type ${typeOid}, not ${expected}`,
    );
  });
}
