/**
 * The three sides of a run: pgring over three shards; a PostgreSQL that gets every statement; and a PostgreSQL that gets
 * only what pgring did not refuse, so that it tells whether a later difference is only the consequence of a refusal.
 */

import { Client } from 'pg';
import { startServers, type TestServer, type TestServers } from '../support/cluster.js';
import { startTestProxy, type TestProxy } from '../support/proxy.js';
import type { Address } from '../oracle/raw-client.js';

export interface Sides {
  readonly pgring: Address;
  readonly whole: Address;
  readonly spared: Address;
}

/** What pg_regress makes the tests run in; messages and plans depend on the name. */
export const database = 'regression';
const template = 'regression_setup';
const SHARDS = 3;

export class RegressCluster {
  readonly #started: TestServers;
  #proxy: TestProxy | undefined;

  private constructor(started: TestServers) {
    this.#started = started;
  }

  get #servers(): readonly TestServer[] {
    return this.#started.servers;
  }

  static async start(): Promise<RegressCluster> {
    const started = await startServers({
      count: SHARDS + 2,
      settings: { max_prepared_transactions: '50', shared_buffers: '64MB' },
    });
    return new RegressCluster(started);
  }

  /** An empty database on all sides. */
  async empty(): Promise<Sides> {
    await this.#stopProxy();
    await this.#everywhere([`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`, `CREATE DATABASE ${database}`]);
    return await this.#open();
  }

  /** Keeps what the setup has made. */
  async keepAsTemplate(): Promise<void> {
    await this.#stopProxy();
    await this.#everywhere([
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database}'`,
      `ALTER DATABASE ${database} RENAME TO ${template}`,
    ]);
  }

  /** A fresh database on all sides as the setup has left it. */
  async fresh(): Promise<Sides> {
    await this.#stopProxy();
    await this.#everywhere([
      `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`,
      `CREATE DATABASE ${database} TEMPLATE ${template}`,
    ]);
    return await this.#open();
  }

  async close(): Promise<void> {
    await this.#stopProxy();
    await this.#started.close();
  }

  async #open(): Promise<Sides> {
    this.#proxy = await startTestProxy(this.#servers.slice(0, SHARDS));
    const [whole, spared] = this.#servers.slice(SHARDS);
    if (whole === undefined || spared === undefined) throw new Error('too few servers');
    return {
      pgring: { host: this.#proxy.host, port: this.#proxy.port, database },
      whole: { host: whole.host, port: whole.port, database },
      spared: { host: spared.host, port: spared.port, database },
    };
  }

  async #stopProxy(): Promise<void> {
    await this.#proxy?.close();
    this.#proxy = undefined;
  }

  async #everywhere(statements: readonly string[]): Promise<void> {
    await Promise.all(
      this.#servers.map(async ({ host, port }) => {
        const client = new Client({ host, port, user: 'postgres', database: 'postgres' });
        await client.connect();
        try {
          for (const statement of statements) await client.query(statement);
        } finally {
          await client.end();
        }
      }),
    );
  }
}
