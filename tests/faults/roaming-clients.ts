/** Clients that go from one proxy to the next, and connect again when theirs has died. */

import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { DATABASE } from './stage.js';

export interface Errand {
  /** Connects the client, and prepares its session. */
  open(client: Client, number: number): Promise<void>;
  /** What it does on one connection, until it is time for another proxy. Ends by an error when the connection is gone. */
  work(client: Client, number: number): Promise<void>;
}

/** `unknown`: the connection was lost, or pgring itself could not find out. */
export type CommitOutcome = 'committed' | 'rolled back' | 'unknown';

const AGAIN_MS = 100;
const INTERNAL_ERROR = 'XX000';

export class RoamingClients {
  /** SQLSTATEs that clients got (an internal error's with its message), or `lost`, with their numbers. */
  readonly errors = new Map<string, number>();
  readonly #ports: readonly number[];
  readonly #clients: Promise<void>[] = [];
  #running = true;

  constructor(ports: readonly number[]) {
    this.#ports = ports;
  }

  get running(): boolean {
    return this.#running;
  }

  start(count: number, errand: Errand): void {
    for (let number = 0; number < count; number += 1) this.#clients.push(this.#roam(number, errand));
  }

  async close(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#clients);
  }

  /** Counts an error; returns its SQLSTATE, undefined where the connection was lost. */
  note(error: unknown): string | undefined {
    const code = sqlstateOf(error);
    const key = code === INTERNAL_ERROR ? `${code}: ${messageOf(error)}` : (code ?? 'lost');
    this.errors.set(key, (this.errors.get(key) ?? 0) + 1);
    return code;
  }

  async commit(client: Client): Promise<CommitOutcome> {
    try {
      return (await client.query('COMMIT')).command === 'COMMIT' ? 'committed' : 'rolled back';
    } catch (error) {
      const code = this.note(error);
      return code === undefined || code === '08007' ? 'unknown' : 'rolled back';
    }
  }

  async #roam(number: number, errand: Errand): Promise<void> {
    for (let attempt = number; this.#running; attempt += 1) {
      const port = this.#ports[attempt % this.#ports.length];
      const client = new Client({ host: '127.0.0.1', port, user: 'postgres', database: DATABASE });
      client.on('error', () => undefined);
      try {
        await errand.open(client, number);
        await errand.work(client, number);
      } catch (error) {
        this.note(error);
        await sleep(AGAIN_MS);
      } finally {
        await client.end().catch(() => undefined);
      }
    }
  }
}

function sqlstateOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error) || !('severity' in error)) return undefined;
  return String(error.code);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** No fault explains an internal error. */
export function internalErrors(errors: ReadonlyMap<string, number>): readonly string[] {
  return [...errors.keys()].filter((key) => key.startsWith(INTERNAL_ERROR));
}
