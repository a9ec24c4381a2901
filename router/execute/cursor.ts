/**
 * A portal whose rows the client fetches in pieces: by Execute with a maximum number of rows (protocol), or by FETCH and
 * MOVE as a cursor. Its rows are read from the shards as they are wanted; what was passed is remembered as far as going
 * back is promised.
 */

import { assert } from '../../base/assert.js';
import { PgError, sqlstate } from '../../base/errors.js';
import { portalSuspended } from '../../wire/encode-backend.js';
import type { Plan } from '../../planner/plan/plan.js';
import type { FetchDirection } from '../../planner/plan/session-plan.js';
import type { RowRun } from '../backend/row-run.js';
import { Portal } from '../merge/portal.js';
import { openCombine } from './combine.js';
import type { BoundStatement, ExecutionContext } from './context.js';
import { send } from './context.js';
import { convertRows } from './convert-rows.js';
import { CursorScan, onlyForward, type IndexedRows } from './cursor-scan.js';
import { deliverTag } from './deliver.js';
import { describeInFormats, expandFormats } from './describe.js';
import { openScatter, type Gathered } from './gather.js';
import { asScatter } from './open-rows.js';
import { RowHistory } from './row-history.js';
import { SpilledBlocks } from './spilled-blocks.js';

/** Rows that a shard sends at first; later batches are of a size in bytes. */
const FIRST_BATCH_ROWS = 64;

/** How far back a cursor can go: nowhere, as far as memory remembers, or to its first row. */
type Memory = 'none' | 'some' | 'all';

interface CursorOpening {
  /** As the client knows it. */
  readonly name: string;
  /** The name of the shards' portals; unnamed where they need not outlive the statement. */
  readonly portal: string;
  /** Rows that are wanted at once; 0 when nothing is executed yet (DECLARE). */
  readonly maximumRows: number;
  readonly memory: Memory;
}

export class Cursor implements IndexedRows {
  readonly #name: string;
  /** The formats of the rows as they are kept, as in Bind. */
  readonly #formats: readonly number[];
  readonly #gathered: Gathered;
  readonly #portal: Portal;
  readonly #scan: CursorScan;
  readonly #spill: SpilledBlocks;
  #history: RowHistory | undefined;
  /** Rows read from the stream. */
  #read = 0;
  /** All rows have been read, and the shards' portals are closed. */
  #closed = false;
  #failed = false;
  /** Where rows go now. */
  #deliver: (run: RowRun) => Promise<void> = async () => await Promise.resolve();

  private constructor(
    context: ExecutionContext,
    gathered: Gathered,
    formats: readonly number[],
    opening: CursorOpening,
  ) {
    const { name, memory } = opening;
    this.#name = name;
    this.#gathered = gathered;
    this.#formats = formats;
    this.#portal = new Portal(gathered.rows);
    this.#scan = new CursorScan(this, memory !== 'none');
    this.#spill = new SpilledBlocks(context);
    this.#history = memory === 'none' ? undefined : new RowHistory(0, memory === 'all' ? this.#spill : undefined);
  }

  /** True for plans whose rows can be fetched in pieces; others give all their rows at once. */
  static canOpen(plan: Plan): boolean {
    if (plan.changesTemporary === true) return false;
    return plan.kind === 'scatter' || plan.kind === 'pass' || plan.kind === 'combine';
  }

  /** Starts the statement. Inside a transaction the shards' connections are free between fetches. */
  static async open(
    context: ExecutionContext,
    statement: BoundStatement,
    plan: Plan,
    opening: CursorOpening,
  ): Promise<Cursor> {
    const { portal, maximumRows } = opening;
    const { resultFormats } = statement;
    if (plan.kind === 'combine') {
      return new Cursor(context, await openCombine(context, statement, plan), resultFormats, opening);
    }
    assert(plan.kind === 'scatter' || plan.kind === 'pass', `a cursor over a plan of kind ${plan.kind}`);
    const batchRows = portal === '' ? Math.max(maximumRows, FIRST_BATCH_ROWS) : FIRST_BATCH_ROWS;
    const demand = { portal, batchRows, bindOnly: maximumRows === 0 };
    return new Cursor(context, await openScatter(context, statement, asScatter(plan), demand), resultFormats, opening);
  }

  /** RowDescription in these formats. */
  describe(formats: readonly number[]): Buffer | undefined {
    const { description } = this.#gathered;
    return description === undefined ? undefined : describeInFormats(description, formats);
  }

  get scrolls(): boolean {
    return this.#scan.scrolls;
  }

  /** It is known on which shard each row was read, because rows are locked as they are wanted. */
  get knowsPlace(): boolean {
    return this.#gathered.locked !== undefined;
  }

  /** Where the row stands that UPDATE and DELETE … WHERE CURRENT OF mean; undefined where it stands on none. */
  standing(): { readonly shard: number; readonly portal: string } | undefined {
    return this.#scan.onRow && !this.#closed ? this.#gathered.locked?.standing() : undefined;
  }

  /** Execute: up to `maximumRows` rows (0: all), then PortalSuspended or CommandComplete. True: it is finished. */
  async fetch(context: ExecutionContext, maximumRows: number, formats = this.#formats): Promise<boolean> {
    const count = maximumRows === 0 ? Number.POSITIVE_INFINITY : maximumRows;
    const rows = await this.run(context, { direction: 'forward', count }, formats);
    if (rows === count) {
      await send(context.output, portalSuspended);
      return false;
    }
    await this.#closeStream();
    await deliverTag(context.output, this.#gathered.tag(rows));
    return true;
  }

  /** FETCH in some formats, or MOVE (undefined). The number of rows for the command tag. */
  async run(context: ExecutionContext, to: FetchDirection, formats: readonly number[] | undefined): Promise<number> {
    this.#deliver = this.#deliverTo(context, formats);
    return await this.#guarded(async () => await this.#scan.run(to, formats === undefined));
  }

  /** The transaction is about to commit, and the cursor stays: the rest of its rows is read now. */
  async hold(): Promise<void> {
    await this.#guarded(async () => {
      this.#history ??= new RowHistory(this.#read, this.#spill);
      this.#history.keepAll(this.#spill);
      this.#deliver = async () => await Promise.resolve();
      while ((await this.#pull(Number.POSITIVE_INFINITY)) !== undefined);
      await this.#closeStream();
    });
  }

  /** The transaction has ended, and the shards' portals with it; what outlives that is given up. Never throws. */
  async forget(): Promise<void> {
    this.#closed = true;
    this.#portal.stop();
    await this.#gathered.forget();
    await this.#spill.end();
  }

  /** Closes the shards' portals. */
  async close(): Promise<void> {
    await this.#closeStream();
    await this.#spill.end();
  }

  async forward(from: number, count: number, silent: boolean): Promise<number> {
    let rows = 0;
    if (this.#gathered.locked !== undefined) this.#gathered.locked.want(Math.min(count, MAXIMUM_LOCKED_ROWS));
    while (rows < count) {
      const index = from + rows;
      const run = index < this.#read ? await this.#remembered(index, count - rows) : await this.#pull(count - rows);
      if (run === undefined) break;
      rows += run.rows;
      if (!silent) await this.#deliver(run);
    }
    return rows;
  }

  async backward(from: number, count: number, silent: boolean): Promise<number> {
    let rows = 0;
    for (let index = from; index >= 0 && rows < count; index--) {
      const run = await this.#remembered(index, 1);
      rows += 1;
      if (!silent) await this.#deliver(run);
    }
    return rows;
  }

  async #remembered(index: number, rows: number): Promise<RowRun> {
    const run = await this.#history?.read(index, rows);
    if (run === undefined) throw onlyForward();
    return run;
  }

  /** The next run of the stream. */
  async #pull(rows: number): Promise<RowRun | undefined> {
    if (this.#closed) return undefined;
    const run = await this.#portal.next(rows);
    if (run === undefined) return undefined;
    this.#read += run.rows;
    await this.#history?.append(run);
    return run;
  }

  #deliverTo(context: ExecutionContext, formats: readonly number[] | undefined): (run: RowRun) => Promise<void> {
    const { description } = this.#gathered;
    const write = async (bytes: Buffer): Promise<void> => {
      await send(context.output, bytes);
    };
    if (formats === undefined || description === undefined || this.#sameFormats(formats)) {
      return async ({ bytes, start, end }) => {
        await write(bytes.subarray(start, end));
      };
    }
    const conversion = { description, from: this.#formats, to: formats };
    return async (run) => {
      await convertRows(context, run, conversion, write);
    };
  }

  #sameFormats(formats: readonly number[]): boolean {
    const width = Math.max(1, formats.length, this.#formats.length);
    const own = expandFormats(this.#formats, width);
    return expandFormats(formats, width).every((format, index) => format === own[index]);
  }

  async #closeStream(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#portal.stop();
    await this.#gathered.close();
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    if (this.#failed) throw new PgError(sqlstate.objectNotInPrerequisiteState, `portal "${this.#name}" cannot be run`);
    try {
      return await work();
    } catch (error) {
      this.#failed = true;
      await this.#gathered.abort();
      throw error;
    }
  }
}

/** Rows that are locked by one message to a shard. */
const MAXIMUM_LOCKED_ROWS = 1_000;
