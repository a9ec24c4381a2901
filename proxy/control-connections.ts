/**
 * pgring's own connections to databases of servers. Each is kept for a moment after its use: reading the catalog after
 * every statement of a dump on a new connection would cost a new server process each time.
 */

import { type Client, DatabaseError } from 'pg';
import type { Shard } from '../catalog/topology.js';
import { asControlError } from '../router/backend/control-client.js';

/** How long an unused connection is kept. */
const KEPT_MS = 2_000;

interface Kept {
  readonly client: Client;
  readonly timer: NodeJS.Timeout;
}

export class ControlConnections {
  readonly #connect: (shard: Shard, database: string) => Promise<Client>;
  /** At most one for each database of a server. */
  readonly #kept = new Map<string, Kept>();
  #closed = false;

  constructor(connect: (shard: Shard, database: string) => Promise<Client>) {
    this.#connect = connect;
  }

  /** Does work that may be done twice: a kept connection can turn out to be lost. Errors: as asControlError() says. */
  async use<T>(shard: Shard, database: string, work: (client: Client) => Promise<T>): Promise<T> {
    const key = JSON.stringify([database, shard.id, shard.host, shard.port]);
    const kept = this.#take(key);
    if (kept !== undefined) {
      try {
        const result = await work(kept);
        await this.#keep(key, kept);
        return result;
      } catch (error) {
        await end(kept);
        if (error instanceof DatabaseError && !isShutdown(error)) throw asControlError(shard, error);
      }
    }
    const client = await this.#connect(shard, database);
    client.once('end', () => {
      if (this.#kept.get(key)?.client === client) this.#take(key);
    });
    try {
      const result = await work(client);
      await this.#keep(key, client);
      return result;
    } catch (error) {
      await end(client);
      throw asControlError(shard, error);
    }
  }

  /** Ends what is kept to a database, on all servers. */
  async release(database: string): Promise<void> {
    const keys = [...this.#kept.keys()].filter((key) => (JSON.parse(key) as readonly unknown[])[0] === database);
    await Promise.all(keys.map(async (key) => await end(this.#take(key))));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#kept.keys()].map(async (key) => await end(this.#take(key))));
  }

  #take(key: string): Client | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    this.#kept.delete(key);
    clearTimeout(kept.timer);
    return kept.client;
  }

  async #keep(key: string, client: Client): Promise<void> {
    if (this.#closed || this.#kept.has(key)) {
      await end(client);
      return;
    }
    const timer = setTimeout(() => {
      void end(this.#take(key));
    }, KEPT_MS);
    timer.unref();
    this.#kept.set(key, { client, timer });
  }
}

/** node-postgres rejects an end() with the error by which the connection was lost before. */
async function end(client: Client | undefined): Promise<void> {
  await client?.end().catch(() => undefined);
}

/** Class 57P: the server ends the connection (admin_shutdown, crash_shutdown, cannot_connect_now). */
function isShutdown(error: DatabaseError): boolean {
  return error.code?.startsWith('57P') === true;
}
