/** A portal whose rows the client fetches in pieces (protocol: Execute with a maximum number of rows). */

import { portalSuspended } from '../../wire/encode-backend.js';
import type { Plan } from '../../planner/plan.js';
import { Portal } from '../merge/portal.js';
import { openCombine } from './combine.js';
import type { BoundStatement, ExecutionContext } from './context.js';
import { send } from './context.js';
import { deliverTag } from './deliver.js';
import { openScatter, type Gathered } from './gather.js';
import { asScatter } from './open-rows.js';

/** Rows that a shard sends at a time: at least so many, so that small fetches do not each cost a round trip a shard. */
const MINIMUM_BATCH_ROWS = 256;

export class Cursor {
  readonly #gathered: Gathered;
  readonly #portal: Portal;

  private constructor(gathered: Gathered) {
    this.#gathered = gathered;
    this.#portal = new Portal(gathered.rows);
  }

  /** True for plans whose rows can be fetched in pieces; others give all their rows at once. */
  static canOpen(plan: Plan): boolean {
    return plan.kind === 'scatter' || plan.kind === 'pass' || plan.kind === 'combine';
  }

  /** Starts the statement. Inside a transaction the shards' connections are free between fetches. */
  static async open(
    context: ExecutionContext,
    statement: BoundStatement,
    plan: Plan,
    fetch: { readonly portal: string; readonly maximumRows: number },
  ): Promise<Cursor> {
    if (plan.kind === 'combine') return new Cursor(await openCombine(context, statement, plan));
    if (plan.kind !== 'scatter' && plan.kind !== 'pass') throw new Error(`a cursor over a plan of kind ${plan.kind}`);
    const batchRows = Math.max(fetch.maximumRows, MINIMUM_BATCH_ROWS);
    return new Cursor(await openScatter(context, statement, asScatter(plan), { portal: fetch.portal, batchRows }));
  }

  /** Gives up to `maximumRows` rows (0: all), then PortalSuspended or CommandComplete. True: the cursor is finished. */
  async fetch(context: ExecutionContext, maximumRows: number): Promise<boolean> {
    let left = maximumRows === 0 ? Number.POSITIVE_INFINITY : maximumRows;
    let rows = 0;
    try {
      while (left > 0) {
        const run = await this.#portal.next(left);
        if (run === undefined) {
          await this.close();
          await deliverTag(context.output, this.#gathered.tag(rows));
          return true;
        }
        rows += run.rows;
        left -= run.rows;
        await send(context.output, run.bytes.subarray(run.start, run.end));
      }
    } catch (error) {
      await this.#gathered.abort();
      throw error;
    }
    await send(context.output, portalSuspended);
    return false;
  }

  /** The transaction has ended, and the shards' portals with it; what outlives that is given up. Never throws. */
  async forget(): Promise<void> {
    this.#portal.stop();
    await this.#gathered.forget();
  }

  /** Closes the shards' portals. */
  async close(): Promise<void> {
    this.#portal.stop();
    await this.#gathered.close();
  }
}
