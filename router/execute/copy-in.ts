/** The client's side of a COPY FROM STDIN: its rows are split to their owners, with the defaults that no shard may give. */

import { assert } from '../../base/assert.js';
import { PgError, sqlstate } from '../../base/errors.js';
import type { ShardId } from '../../catalog/topology.js';
import { encodeNoticeResponse } from '../../wire/encode-backend.js';
import { frontendType } from '../../wire/frame.js';
import { readCopyData, readCopyFail } from '../../wire/frontend.js';
import { readNoticeResponse } from '../../wire/report.js';
import { trailer } from '../copy/binary-format.js';
import { AddedFields, ValueRows } from '../copy/added-fields.js';
import { ClientLines } from '../copy/client-lines.js';
import { createSplitter } from '../copy/create-splitter.js';
import { ShardBuffers } from '../copy/shard-buffers.js';
import { SkippedRows } from '../copy/skipped-rows.js';
import type { CopySink, CopySplitter, KeyField } from '../copy/splitter.js';
import { WaitingRows, type WaitingRow } from '../copy/waiting-rows.js';
import type { RowRun } from '../merge/stream.js';
import { checkAscii, inClientsTerms, namedLine, refuseDefaultText } from './copy-errors.js';
import { CopyDefaults } from './copy-defaults.js';
import { CopyKeys } from './copy-keys.js';
import { CopyShards, type ShardError } from './copy-shards.js';
import type { CopyRows, CopyTarget } from './copy-target.js';
import { allShards, type ExecutionContext } from './context.js';

/** So much of a message is split before the shards are looked at again. */
const SLICE_BYTES = 256 * 1024;
/** Rows of so many bytes wait for their defaults, which are then asked for at once. */
const WAITING_BYTES = 1024 * 1024;

/** Splits rows to their owners, inside the open transaction, which may be nothing but this. Returns their number. */
export async function copyIn(
  context: ExecutionContext,
  target: CopyTarget,
  sql: string | Buffer,
  rows: CopyRows,
  isAlone = false,
): Promise<number> {
  const copy = new CopyIn(context, target, rows, sql, isAlone);
  try {
    return await copy.run();
  } finally {
    await copy.close();
  }
}

/** One COPY FROM STDIN in progress. */
class CopyIn {
  readonly #context: ExecutionContext;
  readonly #plan: CopyTarget;
  readonly #rows: CopyRows;
  readonly #shardIds: readonly ShardId[];
  readonly #shards: CopyShards;
  readonly #buffers: ShardBuffers;
  readonly #lines: ClientLines;
  readonly #keys: CopyKeys;
  readonly #skipped: SkippedRows | undefined;
  readonly #splitter: CopySplitter;
  /** Rows that wait for defaults. */
  readonly #waiting: WaitingRows;
  readonly #added: AddedFields;
  readonly #defaults: CopyDefaults;
  readonly #values: ValueRows;
  /** What every shard gets in front of the rows: the header. */
  #prefix: Buffer = Buffer.alloc(0);
  /** The header line as the client sent it. */
  #header: Buffer = Buffer.alloc(0);

  constructor(context: ExecutionContext, plan: CopyTarget, rows: CopyRows, sql: string | Buffer, isAlone: boolean) {
    this.#context = context;
    this.#plan = plan;
    this.#rows = rows;
    this.#shardIds = plan.target === 'home' ? [context.topology.home] : allShards(context.topology);
    this.#lines = new ClientLines(this.#shardIds);
    this.#shards = new CopyShards(context, sql, {
      translate: (shard, error) => this.#inClientsLines(shard, error),
      notice: (shard, frame) => {
        this.#notice(shard, frame);
      },
    });
    this.#buffers = new ShardBuffers(this.#shardIds, (shard, message) => {
      this.#shards.write(shard, message);
    });
    const { columns, format, relation, intake } = plan;
    const inData = plan.key.filter(({ index }) => index >= 0 && index < columns.length).map(({ index }) => index);
    this.#keys = new CopyKeys(context.shardMap, plan);
    this.#waiting = new WaitingRows(inData.length);
    this.#added = new AddedFields(format, intake?.defaultText);
    this.#defaults = new CopyDefaults(context, plan.defaults ?? [], { isBinary: format.kind === 'binary', isAlone });
    this.#values = new ValueRows((plan.defaults ?? []).length);
    this.#splitter = createSplitter({
      format,
      relation,
      columns,
      key: inData,
      serverVersion: context.catalog.serverVersion,
      ...(intake === undefined ? {} : { intake }),
      watched: plan.ownDefaults ?? [],
      complete: this.#computes,
    });
    this.#skipped =
      intake?.skips === undefined
        ? undefined
        : new SkippedRows(intake.skips, relation, (notice) => {
            context.onNotice(encodeNoticeResponse(notice));
          });
  }

  get #computes(): boolean {
    return (this.#plan.defaults ?? []).length > 0;
  }

  /** Whether one set of values serves all rows, which then need not wait. */
  get #computesOnce(): boolean {
    const { defaults = [], format } = this.#plan;
    return defaults.length > 0 && defaults.every(({ once }) => once) && format.kind !== 'binary';
  }

  /** Returns the number of rows. Errors: the client's CopyFail, malformed data, or the first that a shard reports. */
  async run(): Promise<number> {
    const { home } = this.#context.topology;
    // The home shard gives the defaults, so it gets its rows when these are known.
    const waits = this.#computes && !this.#computesOnce;
    const atOnce = waits ? this.#shardIds.filter((shard) => shard !== home) : this.#shardIds;
    const sink = waits ? this.#waitingSink() : this.#sink(await this.#suffix());
    const response = await this.#shards.start(atOnce);
    await this.#rows.ready(response ?? Buffer.alloc(0));
    try {
      await this.#readClient(sink);
      if (waits) await this.#completeLast();
      this.#buffers.flush();
    } catch (error) {
      // A row before may be one that its shard refuses, and its error is the first.
      if (waits && error instanceof PgError) await this.#completeBefore(error);
      this.#buffers.flush();
      const failure = await this.#shards.giveUp(error instanceof Error ? error.message : String(error));
      this.#skipped?.report(failure?.line ?? this.#splitter.line);
      throw failure?.error ?? error;
    }
    return await this.#finish();
  }

  async close(): Promise<void> {
    await this.#defaults.close();
  }

  async #finish(): Promise<number> {
    let failure: ShardError | undefined;
    try {
      const rows = await this.#shards.finish(this.#plan.target);
      const excess = this.#skipped?.excess();
      if (excess === undefined) {
        this.#skipped?.report(undefined);
        return rows;
      }
      failure = excess;
    } catch (error) {
      if (!(error instanceof PgError) || this.#skipped === undefined) throw error;
      const line = namedLine(error);
      const excess = this.#skipped.excess();
      failure = excess === undefined || excess.line > line ? { error, line } : excess;
    }
    this.#skipped?.report(failure.line);
    throw failure.error;
  }

  async #readClient(sink: CopySink): Promise<void> {
    const { relation } = this.#plan;
    for (;;) {
      const frame = await this.#rows.next();
      switch (frame[0]) {
        case frontendType.copyData: {
          const data = readCopyData(frame);
          for (let at = 0; at < data.length; at += SLICE_BYTES) {
            this.#splitter.push(data.subarray(at, at + SLICE_BYTES), sink);
            if (this.#waiting.bytes > WAITING_BYTES) await this.#completeFirst();
            await this.#shards.waitForSlow();
            this.#shards.checkRefusals();
          }
          break;
        }
        case frontendType.copyDone:
          this.#splitter.end(sink);
          return;
        case frontendType.copyFail:
          throw new PgError(sqlstate.queryCanceled, `COPY from stdin failed: ${readCopyFail(frame)}`, {
            where: `COPY ${relation}, line ${this.#splitter.line}`,
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

  /** What stands behind the fields of every row; undefined for nothing. */
  async #suffix(): Promise<Buffer | undefined> {
    if (!this.#computesOnce) return undefined;
    this.#values.start(await this.#defaults.askLast(1));
    const values = this.#nextValues();
    return values === undefined ? undefined : this.#added.behind(Buffer.alloc(0), values);
  }

  /** Rows go on at once. */
  #sink(suffix: Buffer | undefined): CopySink {
    const splitter = this.#splitter;
    const put = (shard: ShardId | undefined, bytes: Buffer, start: number, end: number): void => {
      if (shard === undefined) this.#buffers.broadcast(bytes, start, end);
      else this.#buffers.append(shard, bytes, start, end);
    };
    return {
      row: (bytes, start, end, fields, fieldsEnd) => {
        if (splitter.defaulted >= 0) this.#checkDefaulted();
        const owner = this.#owner(fields, splitter.line);
        this.#lines.note(owner, splitter.line);
        if (suffix === undefined) put(owner, bytes, start, end);
        else {
          put(owner, bytes, start, fieldsEnd);
          put(owner, suffix, 0, suffix.length);
          put(owner, bytes, fieldsEnd, end);
        }
      },
      broadcast: (bytes, start, end, fieldsEnd) => {
        this.#lines.note(undefined, splitter.line);
        if (suffix === undefined) this.#buffers.broadcast(bytes, start, end);
        else {
          const line = this.#longerHeader(bytes.subarray(start, end), fieldsEnd - start);
          this.#buffers.broadcast(line, 0, line.length);
        }
      },
    };
  }

  /** The header line with the names of the columns that are added. */
  #longerHeader(line: Buffer, fieldsEnd: number): Buffer {
    const { defaults = [] } = this.#plan;
    this.#header = Buffer.from(line.subarray(0, fieldsEnd));
    const names = defaults.map(({ name }) => ({ bytes: Buffer.from(name), start: 0, end: Buffer.byteLength(name) }));
    return Buffer.concat([this.#added.behind(this.#header, names), line.subarray(fieldsEnd)]);
  }

  /** Rows wait for their defaults; the header is remembered for the home shard, whose COPY begins anew each time. */
  #waitingSink(): CopySink {
    const splitter = this.#splitter;
    const isBinary = this.#plan.format.kind === 'binary';
    return {
      row: (bytes, start, end, fields, fieldsEnd) => {
        if (splitter.defaulted >= 0) this.#checkDefaulted();
        this.#waiting.add(bytes, start, end, fields, fieldsEnd, splitter.line);
      },
      broadcast: (bytes, start, end, fieldsEnd) => {
        // The trailer comes when all rows are on their way.
        if (isBinary && this.#prefix.length > 0) return;
        const given = Buffer.from(bytes.subarray(start, end));
        this.#prefix = isBinary ? given : this.#longerHeader(given, fieldsEnd - start);
        if (!isBinary) this.#lines.note(undefined, splitter.line);
        this.#broadcast(this.#prefix, 0, this.#prefix.length);
      },
    };
  }

  /** To all shards whose COPY is in progress. */
  #broadcast(bytes: Buffer, start: number, end: number): void {
    for (const shard of this.#shardIds) if (this.#shards.isOpen(shard)) this.#buffers.append(shard, bytes, start, end);
  }

  #checkDefaulted(): void {
    const { columns, ownDefaults = [], relation } = this.#plan;
    const column = this.#splitter.defaulted;
    // For a column without a default its server says so, whichever shard that is.
    if (!ownDefaults.includes(column)) return;
    throw refuseDefaultText(relation, columns[column] ?? '', this.#splitter.line);
  }

  /** Where a row goes; undefined for every shard. */
  #owner(fields: Parameters<CopySink['row']>[3], line: number): ShardId | undefined {
    if (this.#plan.target === 'reference') return undefined;
    if (this.#plan.target === 'home') return this.#context.topology.home;
    // A row that is to be skipped is skipped by any shard.
    return this.#skipped === undefined
      ? this.#keys.owner(fields, line)
      : (this.#keys.ownerIfValid(fields, line) ?? this.#context.topology.home);
  }

  /** Gives all waiting rows their defaults and sends them on. */
  async #complete(): Promise<void> {
    const { count } = this.#waiting;
    if (count === 0) return;
    await this.#endHome();
    await this.#sendOn(await this.#defaults.askLast(count), count);
    this.#waiting.clear();
  }

  /** The same where more rows come: one stays, so that the last block is never empty. */
  async #completeFirst(): Promise<void> {
    const count = this.#waiting.count - 1;
    if (count <= 0) return;
    if (!this.#defaults.helped) await this.#endHome();
    await this.#sendOn(await this.#defaults.ask(count), count);
    this.#waiting.dropBefore(count);
  }

  async #sendOn(runs: readonly RowRun[], count: number): Promise<void> {
    const { home } = this.#context.topology;
    this.#values.start(runs);
    const fields: (KeyField | null)[] = [];
    for (let index = 0; index < count; index += 1) {
      const row = this.#waiting.row(index);
      const values = this.#nextValues();
      assert(values !== undefined, 'there are values for each row');
      fields.length = 0;
      for (const field of row.key) fields.push(field);
      for (const field of values) fields.push(field);
      const owner = this.#owner(fields, row.line);
      if ((owner ?? home) === home && !this.#shards.isOpen(home)) await this.#startHome();
      this.#lines.note(owner, row.line);
      if (owner === undefined) for (const shard of this.#shardIds) this.#append(shard, row, values);
      else this.#append(owner, row, values);
    }
  }

  #append(shard: ShardId, { bytes, start, fieldsEnd, end }: WaitingRow, values: readonly (KeyField | null)[]): void {
    this.#added.write(this.#buffers.putter(shard), bytes, start, fieldsEnd, values);
    this.#buffers.append(shard, bytes, fieldsEnd, end);
  }

  #nextValues(): readonly (KeyField | null)[] | undefined {
    const { intake } = this.#plan;
    const values = this.#values.next();
    if (values !== undefined && intake !== undefined && intake.encoding !== 'utf8') checkAscii(values);
    return values;
  }

  /** Sends on the rows in front of the one that is wrong. */
  async #completeBefore(fault: PgError): Promise<void> {
    if (fault.sqlstate === sqlstate.queryCanceled) return;
    try {
      await this.#complete();
    } catch (error) {
      // The first error is the one that counts; a lost connection shows itself again.
      if (!(error instanceof PgError)) throw error;
    }
  }

  /** All rows are known. */
  async #completeLast(): Promise<void> {
    await this.#complete();
    if (this.#plan.format.kind === 'binary') this.#broadcast(trailer, 0, trailer.length);
  }

  async #startHome(): Promise<void> {
    const { home } = this.#context.topology;
    await this.#shards.startAgain(home);
    const prefix = this.#prefix;
    this.#lines.restart(home, prefix.length > 0 && this.#plan.format.kind !== 'binary' ? 1 : 0);
    this.#buffers.append(home, prefix, 0, prefix.length);
  }

  async #endHome(): Promise<void> {
    const { home } = this.#context.topology;
    if (!this.#shards.isOpen(home)) return;
    if (this.#plan.format.kind === 'binary') this.#buffers.append(home, trailer, 0, trailer.length);
    this.#buffers.flush();
    await this.#shards.end(home);
  }

  #notice(shard: ShardId, frame: Buffer): void {
    const skipped = this.#skipped;
    if (skipped !== undefined) {
      // What every shard skips is told once.
      const notice = readNoticeResponse(frame);
      const lineOf = (line: number): number | undefined =>
        this.#plan.target === 'reference' ? line : this.#lines.find(shard, line);
      const counts = this.#plan.target !== 'reference' || shard === this.#context.topology.home;
      if (!counts && /skipp(ing|ed)/.test(notice.message)) return;
      if (skipped.take(notice, lineOf)) return;
    }
    this.#context.onNotice(frame);
  }

  #inClientsLines(shard: ShardId, error: PgError): ShardError {
    const { relation, target, defaults = [], format } = this.#plan;
    const isSame = target === 'reference' && !this.#computes;
    return inClientsTerms(error, {
      relation,
      added: defaults.length,
      delimiter: format.delimiter,
      header: this.#header,
      lineOf: (line) => (isSame ? line : this.#lines.find(shard, line)),
    });
  }
}
