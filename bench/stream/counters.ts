/** What the servers say that they have read of a table (pg_stat_user_tables), summed over the shards. */

import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';

export interface ReadCounters {
  readonly scans: number;
  readonly sequentialRows: number;
  readonly indexRows: number;
}

/** A server's backend writes its counters when it has been idle for ten seconds, or earlier when it is busy. */
const FLUSH_MS = 15_000;
const LOOK_MS = 250;

const SQL = `SELECT seq_scan + COALESCE(idx_scan, 0) AS scans, seq_tup_read AS sequential,
                    COALESCE((SELECT sum(idx_tup_read) FROM pg_stat_user_indexes i WHERE i.relid = t.relid), 0) AS indexed
             FROM pg_stat_user_tables t WHERE relname = $1`;

/** Clients of the shards themselves. */
export class CounterReader {
  readonly #clients: readonly Client[];
  readonly #table: string;

  private constructor(clients: readonly Client[], table: string) {
    this.#clients = clients;
    this.#table = table;
  }

  static async open(
    shards: readonly { readonly host: string; readonly port: number }[],
    database: string,
    table: string,
  ): Promise<CounterReader> {
    const clients = shards.map(({ host, port }) => new Client({ host, port, user: 'postgres', database }));
    await Promise.all(clients.map(async (client) => await client.connect()));
    return new CounterReader(clients, table);
  }

  /** What the shards read while the work ran; it must scan the table on every shard. */
  async during<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly read: ReadCounters }> {
    const before = await this.#readAll();
    const result = await work();
    const end = performance.now() + FLUSH_MS;
    for (;;) {
      const after = await this.#readAll();
      const known = after.every(({ scans }, index) => scans > (before[index]?.scans ?? 0));
      if (known || performance.now() > end) return { result, read: subtract(total(after), total(before)) };
      await sleep(LOOK_MS);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map(async (client) => await client.end()));
  }

  async #readAll(): Promise<readonly ReadCounters[]> {
    return await Promise.all(
      this.#clients.map(async (client) => {
        const { rows } = await client.query<{ scans: string; sequential: string; indexed: string }>(SQL, [this.#table]);
        const [row] = rows;
        return {
          scans: Number(row?.scans ?? 0),
          sequentialRows: Number(row?.sequential ?? 0),
          indexRows: Number(row?.indexed ?? 0),
        };
      }),
    );
  }
}

function total(counters: readonly ReadCounters[]): ReadCounters {
  return {
    scans: counters.reduce((sum, { scans }) => sum + scans, 0),
    sequentialRows: counters.reduce((sum, { sequentialRows }) => sum + sequentialRows, 0),
    indexRows: counters.reduce((sum, { indexRows }) => sum + indexRows, 0),
  };
}

function subtract(left: ReadCounters, right: ReadCounters): ReadCounters {
  return {
    scans: left.scans - right.scans,
    sequentialRows: left.sequentialRows - right.sequentialRows,
    indexRows: left.indexRows - right.indexRows,
  };
}
