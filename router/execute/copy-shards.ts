/** The servers' side of a COPY FROM STDIN: each runs the same COPY, and is given its part of the rows. */

import { present } from '../../base/assert.js';
import { PgError, sqlstate } from '../../base/errors.js';
import type { ShardId } from '../../catalog/topology.js';
import { readCommandComplete, readErrorResponse } from '../../wire/backend.js';
import { readTagRows } from '../../wire/command-tag.js';
import { copyDoneFrame, encodeCopyFail, encodeQuery } from '../../wire/encode-frontend.js';
import { backendType } from '../../wire/frame.js';
import { runCommand } from '../backend/command.js';
import { Exchange } from '../backend/exchange.js';
import type { ExecutionContext } from './context.js';

/** An error of a shard, and the client's line that it is about; Infinity where that is not known. */
export interface ShardError {
  readonly error: PgError;
  readonly line: number;
}

interface Observer {
  /** The error in the client's terms. */
  readonly translate: (shard: ShardId, error: PgError) => ShardError;
  /** Takes a NoticeResponse. */
  readonly notice: (shard: ShardId, frame: Buffer) => void;
}

export class CopyShards {
  readonly #context: ExecutionContext;
  readonly #sql: string | Buffer;
  readonly #observer: Observer;
  readonly #exchanges = new Map<ShardId, Exchange>();
  /** Shards that do not take data as fast as it comes. */
  readonly #slow = new Set<Exchange>();
  /** Rows of COPYs that were ended. */
  readonly #rows = new Map<ShardId, number>();
  /** What shards had against them. */
  readonly #failures: ShardError[] = [];

  constructor(context: ExecutionContext, sql: string | Buffer, observer: Observer) {
    this.#context = context;
    this.#sql = sql;
    this.#observer = observer;
  }

  /** Starts COPY on every shard; returns what the first of them said when all are ready for data. */
  async start(shards: readonly ShardId[]): Promise<Buffer | undefined> {
    const { transaction } = this.#context;
    for (const shard of shards) this.#open(shard, new Exchange(await transaction.enter(shard, true)));
    for (const exchange of this.#exchanges.values()) exchange.send([encodeQuery(this.#sql)], 1);
    let response: Buffer | undefined;
    let failure: PgError | undefined;
    for (const exchange of this.#exchanges.values()) {
      const item = await exchange.next();
      if (item.kind === 'message' && item.type === backendType.copyInResponse) response = Buffer.from(item.frame);
      else if (item.kind === 'message' && item.type === backendType.errorResponse)
        failure ??= readErrorResponse(item.frame);
    }
    if (failure !== undefined) {
      await this.giveUp('another shard refused');
      throw failure;
    }
    return response;
  }

  isOpen(shard: ShardId): boolean {
    return this.#exchanges.has(shard);
  }

  /** Starts COPY on one more shard, which takes it: others or it have before. */
  async startAgain(shard: ShardId): Promise<void> {
    const exchange = new Exchange(await this.#context.transaction.enter(shard, true));
    this.#open(shard, exchange);
    exchange.send([encodeQuery(this.#sql)], 1);
  }

  /** Ends COPY on a shard with what it was given, so that its connection is free. Errors: what it has against that. */
  async end(shard: ShardId): Promise<void> {
    const exchange = this.#exchanges.get(shard);
    if (exchange === undefined) return;
    exchange.send([copyDoneFrame], 0);
    const outcome = await readOutcome(exchange);
    this.#slow.delete(exchange);
    this.#exchanges.delete(shard);
    this.#note(shard, outcome);
    const [failure] = this.#failures;
    if (failure !== undefined) throw failure.error;
  }

  write(shard: ShardId, message: Buffer): void {
    const exchange = present(this.#exchanges.get(shard), 'a shard of this COPY');
    if (!exchange.send([message], 0)) this.#slow.add(exchange);
  }

  async waitForSlow(): Promise<void> {
    for (const exchange of this.#slow) {
      this.#slow.delete(exchange);
      await exchange.connection.drained();
    }
  }

  /** A shard that has refused a row says so before the end; nothing more needs to be read then. */
  checkRefusals(): void {
    for (const [shard, exchange] of this.#exchanges) {
      const item = exchange.poll();
      if (item?.kind === 'message' && item.type === backendType.errorResponse) {
        const failure = this.#observer.translate(shard, readErrorResponse(item.frame));
        this.#failures.push(failure);
        throw failure.error;
      }
    }
  }

  /** Ends COPY everywhere. `rows`: those of all shards, or of each where all got the same. */
  async finish(target: 'sharded' | 'reference' | 'home'): Promise<number> {
    for (const exchange of this.#exchanges.values()) exchange.send([copyDoneFrame], 0);
    // Every answer is read to its end, also when one of the servers is lost.
    const answers = await Promise.all(
      [...this.#exchanges].map(async ([shard, exchange]) => [shard, await readOutcome(exchange)] as const),
    );
    for (const [shard, outcome] of answers) this.#note(shard, outcome);
    const failure = this.#firstFailure();
    if (failure !== undefined) throw failure.error;
    const numbers = [...this.#rows.values()];
    return target === 'reference' ? Math.max(0, ...numbers) : numbers.reduce((sum, count) => sum + count, 0);
  }

  /**
   * Ends COPY on every shard, whose rows go with the transaction. Returns what a shard has against those it got: when one
   * has refused a row, the others look at theirs to the last, for an earlier one may be among them.
   */
  async giveUp(reason: string): Promise<ShardError | undefined> {
    const end = this.#failures.length > 0 ? copyDoneFrame : encodeCopyFail(reason);
    const answers = await Promise.all(
      [...this.#exchanges].map(async ([shard, exchange]) => {
        if (exchange.connection.closed) return [shard, undefined] as const;
        if (exchange.connection.outstandingReady > 0) exchange.send([end], 0);
        return [shard, await exchange.finish()] as const;
      }),
    );
    for (const [shard, error] of answers) {
      if (error !== undefined && error.sqlstate !== sqlstate.queryCanceled) this.#note(shard, error);
    }
    return this.#firstFailure();
  }

  #open(shard: ShardId, exchange: Exchange): void {
    exchange.onNotice = (frame) => {
      this.#observer.notice(shard, frame);
    };
    this.#exchanges.set(shard, exchange);
  }

  #note(shard: ShardId, outcome: number | PgError): void {
    if (outcome instanceof PgError) this.#failures.push(this.#observer.translate(shard, outcome));
    else this.#rows.set(shard, (this.#rows.get(shard) ?? 0) + outcome);
  }

  /** Of what shards have against their rows, what one server would have met first. */
  #firstFailure(): ShardError | undefined {
    return this.#failures.toSorted((left, right) => {
      const [one, other] = metAt(left) === metAt(right) ? [left.line, right.line] : [metAt(left), metAt(right)];
      return one === other ? 0 : one - other;
    })[0];
  }
}

/** MAX_BUFFERED_TUPLES in copyfrom.c. */
const BUFFERED_ROWS = 1_000;
/** unique_violation and exclusion_violation. */
const foundInIndexes: ReadonlySet<string> = new Set(['23505', '23P01']);

/** At which line one server meets the error: it stores many rows at once, and looks into indexes only then. */
function metAt({ error, line }: ShardError): number {
  return foundInIndexes.has(error.sqlstate) ? Math.ceil(line / BUFFERED_ROWS) * BUFFERED_ROWS + 0.5 : line;
}

/** Begins a COPY on the home shard and takes it back; what it expects. Errors: what it has against the statement. */
export async function checkCopy(context: ExecutionContext, sql: string | Buffer): Promise<Buffer> {
  const connection = await context.transaction.enter(context.topology.home, true);
  await runCommand(connection, 'SAVEPOINT pgring_copy');
  const exchange = new Exchange(connection);
  exchange.send([encodeQuery(sql)], 1);
  const item = await exchange.next();
  const kind = item.kind === 'message' ? item.type : undefined;
  const frame = item.kind === 'message' ? Buffer.from(item.frame) : Buffer.alloc(0);
  if (kind === backendType.copyInResponse) exchange.send([encodeCopyFail('only a look')], 0);
  const failure = await exchange.finish();
  if (kind === backendType.errorResponse) throw readErrorResponse(frame);
  if (kind !== backendType.copyInResponse) {
    throw failure ?? new PgError(sqlstate.internalError, 'COPY FROM STDIN that asks for no data');
  }
  await runCommand(connection, 'ROLLBACK TO pgring_copy; RELEASE pgring_copy');
  return frame;
}

async function readOutcome(exchange: Exchange): Promise<number | PgError> {
  let outcome: number | PgError = 0;
  try {
    while (exchange.connection.outstandingReady > 0) {
      const item = await exchange.next();
      if (item.kind === 'rows') continue;
      if (item.type === backendType.errorResponse) outcome = readErrorResponse(item.frame);
      if (item.type === backendType.commandComplete) outcome = readTagRows(readCommandComplete(item.frame)) ?? 0;
    }
  } catch (error) {
    if (error instanceof PgError) return error;
    throw error;
  }
  exchange.release();
  return outcome;
}
