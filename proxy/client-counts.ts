/** How many clients there are, and how many there may be: altogether, in a role, to a database, and strangers. */

import { PgError, sqlstate } from '../base/errors.js';
import type { Limits } from '../catalog/config-limits.js';
import { outOfMemory } from './session-clock.js';

export class ClientCounts {
  readonly #limits: () => Limits;
  readonly #isFull: () => boolean;
  readonly #users = new Map<string, number>();
  readonly #databases = new Map<string, number>();
  #clients = 0;
  #strangers = 0;

  /** `isFull`: whether the process has no memory for more. */
  constructor(limits: () => Limits, isFull: () => boolean) {
    this.#limits = limits;
    this.#isFull = isFull;
  }

  /** Clients that have logged in. */
  get clients(): number {
    return this.#clients;
  }

  get strangers(): number {
    return this.#strangers;
  }

  /** Somebody has connected. Errors: 53300. The result is to be called once, when it is a stranger no more. */
  admitStranger(): () => void {
    const limits = this.#limits();
    if (this.#isFull()) throw outOfMemory(limits.memoryBytes);
    if (this.#strangers >= limits.strangers) {
      throw refusal(
        'sorry, too many clients already',
        `pgring waits for ${limits.strangers} connections to log in (limits.strangers).`,
      );
    }
    this.#strangers += 1;
    return () => {
      this.#strangers -= 1;
    };
  }

  /** Somebody has proved who it is. Errors: 53300, as PostgreSQL has them. The result is to be called once, when it is gone. */
  admit(user: string, database: string): () => void {
    const limits = this.#limits();
    if (this.#clients >= limits.clients) {
      throw refusal('sorry, too many clients already', `pgring takes ${limits.clients} clients (limits.clients).`);
    }
    if (isFull(limits.clientsPerUser, this.#users.get(user))) {
      throw refusal(
        `too many connections for role "${user}"`,
        `pgring takes ${limits.clientsPerUser} clients in one role (limits.clients_per_user).`,
      );
    }
    if (isFull(limits.clientsPerDatabase, this.#databases.get(database))) {
      throw refusal(
        `too many connections for database "${database}"`,
        `pgring takes ${limits.clientsPerDatabase} clients to one database (limits.clients_per_database).`,
      );
    }
    this.#clients += 1;
    add(this.#users, user, 1);
    add(this.#databases, database, 1);
    return () => {
      this.#clients -= 1;
      add(this.#users, user, -1);
      add(this.#databases, database, -1);
    };
  }
}

/** A limit of 0 is none. */
function isFull(limit: number, count = 0): boolean {
  return limit > 0 && count >= limit;
}

function add(counts: Map<string, number>, name: string, change: number): void {
  const count = (counts.get(name) ?? 0) + change;
  if (count === 0) counts.delete(name);
  else counts.set(name, count);
}

function refusal(message: string, hint: string): PgError {
  return new PgError(sqlstate.tooManyConnections, message, { severity: 'FATAL', hint });
}
