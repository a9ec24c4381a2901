/** COPY … FROM STDIN over several shards: each row goes to its owner as it comes; all of it commits or nothing does. */

import { present } from '../../base/assert.js';
import { PgError, sqlstate } from '../../base/errors.js';
import type { ShardId } from '../../catalog/topology.js';
import type { Plan } from '../../planner/plan/plan.js';
import { readErrorResponse } from '../../wire/backend.js';
import { formatTag } from '../../wire/command-tag.js';
import { copyDoneFrame, encodeCopyFail, encodeQuery } from '../../wire/encode-frontend.js';
import { backendType, frontendType } from '../../wire/frame.js';
import { readCopyData, readCopyFail } from '../../wire/frontend.js';
import { readCommandComplete } from '../../wire/backend.js';
import { readTagRows } from '../../wire/command-tag.js';
import { Exchange } from '../backend/exchange.js';
import { ClientLines } from '../copy/client-lines.js';
import { columnContext, lineContext } from '../copy/errors.js';
import { createSplitter } from '../copy/create-splitter.js';
import { ShardBuffers } from '../copy/shard-buffers.js';
import type { CopySink, CopySplitter, KeyField } from '../copy/splitter.js';
import type { BoundValue } from '../ring/bound-value.js';
import { newHash } from '../ring/hash-bytes.js';
import { hashRow } from '../ring/locate.js';
import { allShards, send, type BoundStatement, type ExecutionContext } from './context.js';
import { deliverTag } from './deliver.js';
import { inTransaction } from './in-transaction.js';
import { bindValues, renderSql } from './route.js';

type CopyFromPlan = Extract<Plan, { readonly kind: 'copyFrom' }>;

/** Where copied rows go. */
export type CopyTarget = Pick<CopyFromPlan, 'format' | 'key' | 'relation' | 'columns'> & {
  readonly target: CopyFromPlan['target'] | 'home';
};

/** Who gives the rows. */
interface CopyRows {
  /** The shards are ready: what the first of them said. */
  ready(response: Buffer): Promise<void>;
  /** The next CopyData, CopyDone or CopyFail. */
  next(): Promise<Buffer>;
}

const nullValue: BoundValue = { kind: 'null' };

export async function executeCopyFrom(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: CopyFromPlan,
): Promise<void> {
  const sql = renderSql(plan.sql, statement, await bindValues(context, statement, []));
  const client: CopyRows = {
    ready: async (response) => {
      await send(context.output, response);
    },
    next: async () => await context.nextCopyMessage(),
  };
  const rows = await inTransaction(context, async () => await copyIn(context, plan, sql, client));
  await deliverTag(context.output, formatTag('COPY', rows));
}

/** Splits rows to their owners, inside the open transaction. Returns their number. */
export async function copyIn(
  context: ExecutionContext,
  target: CopyTarget,
  sql: string | Buffer,
  rows: CopyRows,
): Promise<number> {
  return await new CopyIn(context, target, rows).run(sql);
}

/** One COPY FROM STDIN in progress. */
class CopyIn {
  readonly #context: ExecutionContext;
  readonly #plan: CopyTarget;
  readonly #rows: CopyRows;
  readonly #shards: readonly ShardId[];
  readonly #exchanges = new Map<ShardId, Exchange>();
  readonly #buffers: ShardBuffers;
  readonly #lines: ClientLines;
  /** Shards that do not take data as fast as it comes. */
  readonly #slow = new Set<Exchange>();

  constructor(context: ExecutionContext, plan: CopyTarget, rows: CopyRows) {
    this.#context = context;
    this.#plan = plan;
    this.#rows = rows;
    this.#shards = plan.target === 'home' ? [context.topology.home] : allShards(context.topology);
    this.#lines = new ClientLines(this.#shards);
    this.#buffers = new ShardBuffers(this.#shards, (shard, message) => {
      this.#write(shard, message);
    });
  }

  /** Returns the number of rows. Errors: the client's CopyFail, malformed data, or the first that a shard reports. */
  async run(sql: string | Buffer): Promise<number> {
    await this.#start(sql);
    try {
      await this.#readClient();
    } catch (error) {
      // A row before may be one that its shard refuses, and its error is the first.
      this.#buffers.flush();
      throw (await this.#giveUp(error instanceof Error ? error.message : String(error))) ?? error;
    }
    return await this.#finish();
  }

  /** Starts COPY on every shard; the client is asked for data when all are ready for it. */
  async #start(sql: string | Buffer): Promise<void> {
    const { transaction } = this.#context;
    for (const shard of this.#shards) {
      this.#exchanges.set(shard, new Exchange(await transaction.enter(shard, true)));
    }
    for (const exchange of this.#exchanges.values()) exchange.send([encodeQuery(sql)], 1);
    let response: Buffer | undefined;
    let failure: PgError | undefined;
    for (const exchange of this.#exchanges.values()) {
      const item = await exchange.next();
      if (item.kind === 'message' && item.type === backendType.copyInResponse) response = Buffer.from(item.frame);
      else if (item.kind === 'message' && item.type === backendType.errorResponse)
        failure ??= readErrorResponse(item.frame);
    }
    if (failure !== undefined) {
      await this.#giveUp('another shard refused');
      throw failure;
    }
    await this.#rows.ready(present(response, 'CopyInResponse'));
  }

  async #readClient(): Promise<void> {
    const { relation, columns, key, format, target } = this.#plan;
    const splitter = createSplitter({
      format,
      relation,
      columns,
      key: key.map(({ index }) => index),
      serverVersion: this.#context.catalog.serverVersion,
    });
    const sink = target === 'sharded' ? this.#routingSink(splitter) : this.#broadcastSink();
    for (;;) {
      const frame = await this.#rows.next();
      switch (frame[0]) {
        case frontendType.copyData:
          splitter.push(readCopyData(frame), sink);
          await this.#waitForSlow();
          this.#checkRefusals();
          break;
        case frontendType.copyDone:
          splitter.end(sink);
          this.#buffers.flush();
          return;
        case frontendType.copyFail:
          throw new PgError(sqlstate.queryCanceled, `COPY from stdin failed: ${readCopyFail(frame)}`, {
            where: `COPY ${relation}, line ${splitter.line}`,
          });
        case frontendType.flush:
        case frontendType.sync:
          break;
        default:
          throw new PgError(
            sqlstate.protocolViolation,
            `unexpected message type 0x${frame[0]?.toString(16)} during COPY from stdin`,
          );
      }
    }
  }

  #broadcastSink(): CopySink {
    const toAll = (bytes: Buffer, start: number, end: number): void => {
      this.#buffers.broadcast(bytes, start, end);
    };
    return { row: toAll, broadcast: toAll };
  }

  #routingSink(splitter: CopySplitter): CopySink {
    const { key, format, relation, columns } = this.#plan;
    const types = key.map(({ typeOid }) => typeOid);
    const modifiers = key.map(({ typeModifier }) => typeModifier);
    const kind = format.kind === 'binary' ? 'binary' : 'text';
    const hash = newHash();
    const map = this.#context.shardMap;
    const valueOf = (field: KeyField | null, index: number): BoundValue =>
      field === null
        ? nullValue
        : { kind, bytes: field.bytes.subarray(field.start, field.end), typeOid: types[index] ?? 0 };
    return {
      row: (bytes, start, end, fields) => {
        hash.high = 0;
        hash.low = 0;
        let undecided: readonly number[];
        try {
          undecided = hashRow(types, fields.map(valueOf), hash, modifiers);
        } catch (error) {
          throw inColumn(error, fields, (index) => columns[key[index]?.index ?? 0] ?? '', relation, splitter.line);
        }
        if (undecided.length > 0) {
          const field = fields[undecided[0] ?? 0];
          const text = field?.bytes.toString('utf8', field.start, field.end) ?? '';
          throw new PgError(sqlstate.featureNotSupported, `the shard of key "${text}" cannot be told from its text`, {
            hint: 'Write the value in its canonical form: an ISO date, a timestamp with a numeric offset.',
            where: `COPY ${relation}`,
          });
        }
        const owner = map.ownerOfHash(hash.high);
        this.#lines.note(owner, splitter.line);
        this.#buffers.append(owner, bytes, start, end);
      },
      broadcast: (bytes, start, end) => {
        this.#lines.note(undefined, splitter.line);
        this.#buffers.broadcast(bytes, start, end);
      },
    };
  }

  #write(shard: ShardId, message: Buffer): void {
    const exchange = present(this.#exchanges.get(shard), 'a shard of this COPY');
    if (!exchange.send([message], 0)) this.#slow.add(exchange);
  }

  async #waitForSlow(): Promise<void> {
    for (const exchange of this.#slow) {
      this.#slow.delete(exchange);
      await exchange.connection.drained();
    }
  }

  /** A shard that has refused a row says so before the end; nothing more needs to be read then. */
  #checkRefusals(): void {
    for (const [shard, exchange] of this.#exchanges) {
      const item = exchange.poll();
      if (item?.kind === 'message' && item.type === backendType.errorResponse) {
        throw this.#inClientsLines(shard, readErrorResponse(item.frame)).error;
      }
    }
  }

  /** The error with the client's line in its context in place of the shard's, or with none where that is not known. */
  #inClientsLines(shard: ShardId, error: PgError): { readonly error: PgError; readonly line: number } {
    const { where } = error.fields;
    const shardLine = /^COPY .*?, line (\d+)/m.exec(where ?? '')?.[1];
    if (where === undefined || shardLine === undefined) return { error, line: Infinity };
    if (this.#plan.target === 'reference') return { error, line: Number(shardLine) };
    const line = this.#lines.find(shard, Number(shardLine));
    const place = line === undefined ? '' : `, line ${line}`;
    const moved = where.replace(/^(COPY .*?), line \d+/m, (_all, before: string) => `${before}${place}`);
    return {
      error: new PgError(error.sqlstate, error.message, { ...error.fields, where: moved }),
      line: line ?? Infinity,
    };
  }

  /** Of what shards have against their rows, what one server would have met first. */
  #firstError(answers: readonly (readonly [ShardId, unknown])[]): PgError | undefined {
    const errors = answers.flatMap(([shard, answer]) =>
      answer instanceof PgError ? [this.#inClientsLines(shard, answer)] : [],
    );
    return errors.sort((left, right) => (left.line === right.line ? 0 : left.line - right.line))[0]?.error;
  }

  async #finish(): Promise<number> {
    for (const exchange of this.#exchanges.values()) exchange.send([copyDoneFrame], 0);
    // Every answer is read to its end, also when one of the servers is lost.
    const answers = await Promise.all(
      [...this.#exchanges].map(async ([shard, exchange]) => [shard, await readOutcome(exchange)] as const),
    );
    const failure = this.#firstError(answers);
    if (failure !== undefined) throw failure;
    const numbers = answers.map(([, count]) => count).filter((count) => typeof count === 'number');
    return this.#plan.target === 'reference' ? (numbers[0] ?? 0) : numbers.reduce((sum, count) => sum + count, 0);
  }

  /** Ends COPY on every shard without its rows. Returns what a shard has against the rows it got. */
  async #giveUp(reason: string): Promise<PgError | undefined> {
    const answers = await Promise.all(
      [...this.#exchanges].map(async ([shard, exchange]) => {
        if (exchange.connection.closed) return [shard, undefined] as const;
        if (exchange.connection.outstandingReady > 0) exchange.send([encodeCopyFail(reason)], 0);
        return [shard, await exchange.finish()] as const;
      }),
    );
    return this.#firstError(answers.filter(([, error]) => error?.sqlstate !== sqlstate.queryCanceled));
  }
}

/** The error of a key's text with the place that PostgreSQL would name (CopyFromErrorCallback, copyfrom.c). */
function inColumn(
  error: unknown,
  fields: readonly (KeyField | null)[],
  columnName: (index: number) => string,
  relation: string,
  line: number,
): unknown {
  if (!(error instanceof PgError) || error.fields.where !== undefined) return error;
  const index = fields.findIndex((field) => error.message.includes(`"${textOf(field)}"`));
  const field = fields[index];
  const where =
    field === undefined || field === null
      ? lineContext(relation, line)
      : columnContext(relation, line, columnName(index), field);
  return new PgError(error.sqlstate, error.message, { ...error.fields, where });
}

function textOf(field: KeyField | null): string {
  return field === null ? '' : field.bytes.toString('utf8', field.start, field.end);
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
