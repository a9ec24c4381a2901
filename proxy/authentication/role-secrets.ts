/**
 * What roles prove themselves by: from the configuration, from the users file, or from the home shard's pg_authid. What
 * the home shard says is kept for a moment, so that a flood of log-ins is no flood of queries.
 */

import type { Client } from 'pg';
import type { Logger } from '../../base/log.js';
import { WatchedFiles } from '../../base/watched-files.js';
import type { Config } from '../../catalog/config.js';
import { readSecret, type Secret } from '../../wire/secret.js';
import type { KnownRole, Proof } from './authenticate.js';
import { parseUsersFile } from './users-file.js';

/** Asks the home shard by pgring's own role. */
export type AskHome = <T>(work: (client: Client) => Promise<T>) => Promise<T>;

interface Remembered {
  readonly role: KnownRole;
  readonly at: number;
}

const unknown: KnownRole = { secret: undefined, mayLogIn: true };

/** Names that strangers make up must not fill the memory. */
const REMEMBERED_ROLES = 10_000;
/** Roles that one query asks for. */
const ROLES_AT_ONCE = 1_000;

const question = `
  SELECT rolname, rolcanlogin,
         CASE WHEN rolvaliduntil IS NULL OR rolvaliduntil >= pg_catalog.now() THEN rolpassword END AS rolpassword
  FROM pg_catalog.pg_authid WHERE rolname = ANY ($1)`;

interface Answer {
  readonly rolname: string;
  readonly rolcanlogin: boolean;
  readonly rolpassword: string | null;
}

interface Waiting {
  readonly resolve: (role: KnownRole) => void;
  readonly reject: (error: unknown) => void;
}

export class RoleSecrets {
  readonly #config: () => Config;
  readonly #askHome: AskHome;
  readonly #log: Logger;
  readonly #known = new Map<string, Remembered>();
  /** Roles that the next query will ask for. */
  readonly #waiting = new Map<string, Waiting[]>();
  #isAsking = false;
  #file: { readonly path: string; readonly users: WatchedFiles<ReadonlyMap<string, string>> } | undefined;

  /** Errors: those of reading the users file. */
  constructor(config: () => Config, askHome: AskHome, log: Logger) {
    this.#config = config;
    this.#askHome = askHome;
    this.#log = log;
    this.reload();
  }

  /** Looks which file the configuration names now. Errors: those of reading it. */
  reload(): void {
    const path = this.#config().authentication.usersFile;
    this.forget();
    if (path === this.#file?.path) return;
    this.#file =
      path === undefined
        ? undefined
        : {
            path,
            users: new WatchedFiles(
              [path],
              ([text = '']) => parseUsersFile(text, path),
              (error) => {
                this.#log.error({ error }, 'the users file cannot be used; what it last said stays');
              },
            ),
          };
  }

  /** The servers' roles may have other secrets now. */
  forget(): void {
    this.#known.clear();
  }

  /** What is known of a role. Errors: the home shard cannot be asked. */
  async roleOf(user: string): Promise<KnownRole> {
    const own = this.#ownSecret(user);
    if (own !== undefined) return { secret: own, mayLogIn: true };
    if (!this.#config().authentication.askServers) return unknown;
    const known = this.#known.get(user);
    if (known !== undefined && Date.now() - known.at < this.#config().limits.roleSecretsMs) return known.role;
    try {
      return await this.#ask(user);
    } catch (error) {
      this.#log.warn({ error }, 'the home shard cannot be asked for the secrets of roles');
      // While it is down nobody can have changed what it said last.
      if (known !== undefined) return known.role;
      throw error;
    }
  }

  /** What pgring itself has for the servers, of a role that has shown nothing. */
  ownProof(user: string): Proof {
    const secret = this.#ownSecret(user);
    if (secret?.kind === 'plain') return { password: secret.password };
    const { control } = this.#config();
    if (user === control.user && control.password !== undefined) return { password: control.password };
    return secret?.kind === 'md5' ? { shown: { kind: 'md5', verifier: secret.hash } } : {};
  }

  #ownSecret(user: string): Secret | undefined {
    const { users } = this.#config();
    const text = users.find(({ name }) => name === user)?.password ?? this.#file?.users.current.get(user);
    return text === undefined ? undefined : readSecret(text);
  }

  async #ask(user: string): Promise<KnownRole> {
    return await new Promise((resolve, reject) => {
      const others = this.#waiting.get(user);
      if (others === undefined) this.#waiting.set(user, [{ resolve, reject }]);
      else others.push({ resolve, reject });
      if (!this.#isAsking) void this.#askAll();
    });
  }

  /** One query at a time, for all who have come meanwhile. */
  async #askAll(): Promise<void> {
    this.#isAsking = true;
    while (this.#waiting.size > 0) {
      const batch = [...this.#waiting].slice(0, ROLES_AT_ONCE);
      for (const [name] of batch) this.#waiting.delete(name);
      try {
        const names = batch.map(([name]) => name);
        const found = await this.#askHome(async (client) => (await client.query<Answer>(question, [names])).rows);
        for (const [name, waiting] of batch) {
          const row = found.find(({ rolname }) => rolname === name);
          const text = row?.rolpassword ?? undefined;
          const secret = text === undefined ? undefined : readSecret(text);
          const role = { secret, mayLogIn: row?.rolcanlogin ?? true };
          this.#remember(name, role);
          for (const { resolve } of waiting) resolve(role);
        }
      } catch (error) {
        for (const [, waiting] of batch) for (const { reject } of waiting) reject(error);
      }
    }
    this.#isAsking = false;
  }

  #remember(user: string, role: KnownRole): void {
    this.#known.delete(user);
    this.#known.set(user, { role, at: Date.now() });
    const [oldest] = this.#known.keys();
    if (this.#known.size > REMEMBERED_ROLES && oldest !== undefined) this.#known.delete(oldest);
  }
}
