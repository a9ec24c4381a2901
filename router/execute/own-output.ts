/** Answers of statements that are parts of another one: kept in memory, or passed on but for their command tags. */

import { PgError, sqlstate } from '../../base/errors.js';
import { backendType, FrameReader } from '../../wire/frame.js';
import type { ClientOutput } from '../backend/output.js';
import type { RowRun } from '../backend/row-run.js';
import { send, type ExecutionContext } from './context.js';

/** No frame of a server is longer (a field has at most 1 GB, MaxAllocSize). */
const MAXIMUM_FRAME_BYTES = 0x7fff_ffff;

/** The session, with its answers going elsewhere. */
export function withOutput(context: ExecutionContext, output: ClientOutput): ExecutionContext {
  return {
    output,
    get backends() {
      return context.backends;
    },
    get transaction() {
      return context.transaction;
    },
    get topology() {
      return context.topology;
    },
    get shardMap() {
      return context.shardMap;
    },
    get catalog() {
      return context.catalog;
    },
    database: context.database,
    user: context.user,
    activity: context.activity,
    combineBytes: context.combineBytes,
    combineRows: context.combineRows,
    onNotice: (frame) => {
      context.onNotice(frame);
    },
    noteCatalogChange: async () => {
      await context.noteCatalogChange();
    },
    noteTemporaryChange: async () => {
      await context.noteTemporaryChange();
    },
    noteTemporaryUse: () => {
      context.noteTemporaryUse();
    },
    releaseDatabase: async (name) => {
      await context.releaseDatabase(name);
    },
    planStatement: (sql, types) => context.planStatement(sql, types),
    noteTransactionEnd: async () => {
      await context.noteTransactionEnd();
    },
    describePins: () => context.describePins(),
    deallocate: (name) => {
      context.deallocate(name);
    },
    listOwn: async (view) => await context.listOwn(view),
    signal: async (processId, kind) => {
      await context.signal(processId, kind);
    },
    noteDiscard: async (sql) => {
      await context.noteDiscard(sql);
    },
    nextCopyMessage: async () => await context.nextCopyMessage(),
    noteSettingChange: async (name) => {
      await context.noteSettingChange(name);
    },
    inferShape: async (statement, connection) => await context.inferShape(statement, connection),
  };
}

/** Takes whole frames out of what is written; the bytes written may be used again by the writer. */
class FrameOutput implements ClientOutput {
  readonly #reader = new FrameReader(MAXIMUM_FRAME_BYTES);
  readonly #take: (frame: Buffer) => boolean;

  /** `take` is given each frame, and tells whether more may follow at once. */
  constructor(take: (frame: Buffer) => boolean) {
    this.#take = take;
  }

  write(bytes: Buffer): boolean {
    this.#reader.push(Buffer.from(bytes));
    let isFree = true;
    for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) {
      if (!this.#take(Buffer.from(frame))) isFree = false;
    }
    return isFree;
  }

  writeSoon(bytes: Buffer): boolean {
    return this.write(bytes);
  }

  async drained(): Promise<void> {
    await Promise.resolve();
  }

  onceDrained(callback: () => void): void {
    callback();
  }
}

/** What one statement may keep in memory. */
export class RowBudget {
  #bytes: number;
  #rows: number;

  constructor({ combineBytes, combineRows }: Pick<ExecutionContext, 'combineBytes' | 'combineRows'>) {
    this.#bytes = combineBytes;
    this.#rows = combineRows;
  }

  /** One row more. */
  spend(bytes: number): void {
    this.#bytes -= bytes;
    this.#rows -= 1;
    if (this.#bytes < 0) throw tooMuch('bytes of rows', 'limits.combine_bytes');
    if (this.#rows < 0) throw tooMuch('rows', 'limits.combine_rows');
  }
}

function tooMuch(what: string, setting: string): PgError {
  return new PgError(sqlstate.programLimitExceeded, `the statement needs more ${what} at once than are allowed`, {
    hint: `Restrict it, or raise ${setting} in the configuration.`,
  });
}

/** Keeps the rows. Throws when they are more than the budget, which several answers may share. */
export class CapturedAnswer extends FrameOutput {
  readonly runs: RowRun[];

  constructor(budget: RowBudget) {
    const runs: RowRun[] = [];
    super((frame) => {
      if (frame[0] !== backendType.dataRow) return true;
      budget.spend(frame.length);
      runs.push({ bytes: frame, start: 0, end: frame.length, rows: 1 });
      return true;
    });
    this.runs = runs;
  }
}

/** Passes everything on but the command tag, which waits until all is done. The rows are described when the first comes. */
export class AnswerWithoutTag implements ClientOutput {
  readonly #output: ClientOutput;
  readonly #frames: FrameOutput;
  #tag: Buffer | undefined;
  #description: Buffer | undefined;

  constructor(output: ClientOutput, description: Buffer | undefined) {
    this.#output = output;
    this.#description = description;
    this.#frames = new FrameOutput((frame) => {
      if (frame[0] === backendType.dataRow) this.#describe();
      if (frame[0] !== backendType.commandComplete) return output.writeSoon(frame);
      this.#tag = frame;
      return true;
    });
  }

  write(bytes: Buffer): boolean {
    return this.#frames.write(bytes);
  }

  writeSoon(bytes: Buffer): boolean {
    return this.#frames.write(bytes);
  }

  async drained(): Promise<void> {
    await this.#output.drained();
  }

  onceDrained(callback: () => void): void {
    this.#output.onceDrained(callback);
  }

  async sendTag(): Promise<void> {
    this.#describe();
    if (this.#tag !== undefined) await send(this.#output, this.#tag);
  }

  /** What has to be told before the rows was told: PostgreSQL carries out a write before it describes what it returns. */
  #describe(): void {
    if (this.#description !== undefined) this.#output.writeSoon(this.#description);
    this.#description = undefined;
  }
}
