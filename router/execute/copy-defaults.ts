/**
 * Defaults of the rows of a COPY, asked for in blocks of as many as there are rows. Where they are numbers of sequences, and the
 * statement is all of its transaction, a helping session takes them, so that the home shard stores its rows meanwhile; the last
 * block is the client's own session's, which tells what it took last (currval(), lastval()). Inside of a transaction the
 * sequences may be its own, or locked by it.
 */

import type { CopyDefault } from '../../planner/plan/plan.js';
import type { BackendConnection } from '../backend/connection.js';
import type { RowRun } from '../backend/row-run.js';
import type { ExecutionContext } from './context.js';
import { queryHomeRuns, queryRuns } from './query-row.js';
import { withOwnProcess } from './own-process.js';

export class CopyDefaults {
  readonly #context: ExecutionContext;
  readonly #items: string;
  readonly #format: 0 | 1;
  /** Whether a helping session may take all but the last. */
  readonly helped: boolean;
  #helper: BackendConnection | undefined;

  constructor(
    context: ExecutionContext,
    defaults: readonly CopyDefault[],
    { isBinary, isAlone }: { readonly isBinary: boolean; readonly isAlone: boolean },
  ) {
    this.#context = context;
    const texts = defaults.map(({ sql }) => withOwnProcess(sql, context.activity.processId));
    this.#items = texts.map((sql) => (isBinary ? sql : `(${sql})::pg_catalog.text`)).join(', ');
    this.#format = isBinary ? 1 : 0;
    this.helped = isAlone && defaults.length > 0 && defaults.every(({ counts }) => counts);
  }

  /** Those of the last rows, in the client's own session. */
  async askLast(count: number): Promise<readonly RowRun[]> {
    return await queryHomeRuns(this.#context, this.#sql(count), this.#format);
  }

  /** Those of rows that others follow. */
  async ask(count: number): Promise<readonly RowRun[]> {
    if (!this.helped) return await this.askLast(count);
    const { backends, topology } = this.#context;
    // Its commit flushes the log, so that no number comes again after a crash.
    this.#helper ??= await backends.borrow(topology.home);
    return await queryRuns(this.#helper, this.#sql(count), this.#format);
  }

  async close(): Promise<void> {
    const helper = this.#helper;
    this.#helper = undefined;
    if (helper !== undefined) await this.#context.backends.giveBack(helper);
  }

  #sql(count: number): string {
    return `SELECT ${this.#items} FROM pg_catalog.generate_series(1, ${count})`;
  }
}
