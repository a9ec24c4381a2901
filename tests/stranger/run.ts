/** Attacks for a while, on a pgring of its own, beside a client that only wants to work; and what is left behind. */

import { readFileSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { RandomSource } from '../proxy/random-source.js';
import { Authority } from '../proxy/authentication/certificates.js';
import { startServers, type TestServers } from '../support/cluster.js';
import { temporaryFolder, type TemporaryFolder } from '../support/folder.js';
import { chooseFreePort } from '../support/ports.js';
import { startPgring, type PgringProcess } from '../support/process.js';
import { attack, type AttackKind } from './attack.js';
import { database, trusted } from './conversations.js';

export interface StrangerOptions {
  readonly seed: number;
  readonly durationMs: number;
  /** Attacks at one time. */
  readonly atOnce: number;
}

export interface StrangerResult {
  readonly attacks: ReadonlyMap<AttackKind, number>;
  /** How often they heard which SQLSTATE. */
  readonly errors: ReadonlyMap<string, number>;
  readonly breaches: readonly string[];
  readonly bystander: { readonly queries: number; readonly slowestMs: number };
  /** Resident memory in MB, each time when nobody was attacking. */
  readonly residentMb: readonly number[];
  /** Open files and sockets of the process, at the same times. */
  readonly handles: readonly number[];
  /** Sessions that the servers have of clients, at the end. */
  readonly serverSessions: number;
}

/** So many breaches tell enough. */
const BREACHES = 5;
/** An honest client's query must never take so long. */
const BYSTANDER_MS = 10_000;
const SERVER_IDLE_MS = 1_500;
const SETTLE_MS = 20_000;
/** Between two looks at what is left behind. */
const ROUND_MS = 60_000;
/** Memory may grow so much after the first look, when caches are full: buffers come and go. */
const GROWTH_MB = 80;

const tables = [
  'CREATE TABLE t (id int PRIMARY KEY, v text)',
  `CREATE TABLE r (id int PRIMARY KEY, v text) WITH (pgring.placement = 'reference')`,
  `INSERT INTO t VALUES ${Array.from({ length: 20 }, (_, index) => `(${index + 1}, 'v${index + 1}')`).join()}`,
  `INSERT INTO r VALUES (1, 'a'), (2, 'b'), (3, 'c')`,
  "CREATE ROLE app LOGIN PASSWORD 'known to nobody'",
  "CREATE ROLE clear LOGIN PASSWORD 'known to nobody'",
  "SET password_encryption = 'md5'",
  "CREATE ROLE old LOGIN PASSWORD 'known to nobody'",
  'CREATE ROLE certified LOGIN',
  'CREATE ROLE refused LOGIN',
  `CREATE ROLE ${trusted} LOGIN`,
  `GRANT SELECT, INSERT, UPDATE, DELETE ON t, r TO ${trusted}`,
];

class Stage {
  readonly #own: TestServers;
  readonly #folder: TemporaryFolder;
  readonly pgring: PgringProcess;

  private constructor(own: TestServers, folder: TemporaryFolder, pgring: PgringProcess) {
    this.#own = own;
    this.#folder = folder;
    this.pgring = pgring;
  }

  static async set(): Promise<Stage> {
    const own = await startServers({ count: 2 });
    const folder = await temporaryFolder();
    const authority = new Authority(folder.path);
    const { certificate, key } = authority.issue('localhost');
    const shards = own.servers.map(({ port }, index) => `  - {name: s${index}, port: ${port}}`);
    const config = `
listen: ["127.0.0.1:${await chooseFreePort()}"]
shards:
${shards.join('\n')}
tls: {certificate: ${certificate}, key: ${key}, client_ca: ${authority.certificate}}
authentication:
  rules:
    - {type: host, user: [postgres, ${trusted}], method: trust}
    - {type: host, user: old, method: md5}
    - {type: host, user: clear, method: password, allow_cleartext: true}
    - {type: host, user: refused, method: reject}
    - {type: hostssl, user: certified, method: cert}
    - {type: host, method: scram-sha-256}
limits:
  startup_timeout_ms: 3000
  log_in_timeout_ms: 5000
  message_bytes: 1048576
  pipeline_bytes: 1048576
  server_connections_per_shard: 60
  server_idle_timeout_ms: ${SERVER_IDLE_MS}
  authentication_failures: 1000000
  strangers: 2000
log: {level: error}
`;
    const path = join(folder.path, 'pgring.yaml');
    await writeFile(path, config);
    const pgring = await startPgring(['start', '--config', path]);
    const stage = new Stage(own, folder, pgring);
    await stage.#run('postgres', [`CREATE DATABASE ${database}`]);
    await stage.#run(database, tables);
    return stage;
  }

  async #run(name: string, statements: readonly string[]): Promise<void> {
    const client = this.client(name);
    await client.connect();
    for (const statement of statements) await client.query(statement);
    await client.end();
  }

  client(name: string): Client {
    const client = new Client({ host: '127.0.0.1', port: this.pgring.port, user: 'postgres', database: name });
    client.on('error', () => undefined);
    return client;
  }

  /** Sessions of clients on the servers; pgring's own call themselves pgring. */
  async serverSessions(): Promise<number> {
    let sessions = 0;
    for (const { host, port } of this.#own.servers) {
      const client = new Client({ host, port, user: 'postgres', database: 'postgres' });
      await client.connect();
      const { rows } = await client.query<{ n: string }>(
        'SELECT count(*) AS n FROM pg_stat_activity WHERE datname = $1 AND application_name <> $2',
        [database, 'pgring'],
      );
      sessions += Number(rows[0]?.n);
      await client.end();
    }
    return sessions;
  }

  get residentMb(): number {
    const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${this.pgring.pid}/status`, 'utf8'))?.[1];
    return Math.round(Number(kilobytes) / 1024);
  }

  get handles(): number {
    return readdirSync(`/proc/${this.pgring.pid}/fd`).length;
  }

  async clear(): Promise<void> {
    await this.pgring.stop();
    await this.#own.close();
    this.#folder[Symbol.dispose]();
  }
}

export async function runStrangers(
  options: StrangerOptions,
  say: (line: string) => void = () => undefined,
): Promise<StrangerResult> {
  const stage = await Stage.set();
  const attacks = new Map<AttackKind, number>();
  const errors = new Map<string, number>();
  const breaches: string[] = [];
  const residentMb: number[] = [];
  const handles: number[] = [];
  const bystander = { queries: 0, slowestMs: 0 };
  const end = Date.now() + options.durationMs;
  let seed = options.seed;
  let serverSessions = 0;

  const work = async (until: number): Promise<void> => {
    while (Date.now() < until && breaches.length < BREACHES) {
      const mine = seed;
      seed += 1;
      const outcome = await attack(stage.pgring.port, new RandomSource(mine));
      count(attacks, outcome.kind);
      for (const code of outcome.errors) count(errors, code);
      if (outcome.breach !== undefined) breaches.push(`seed ${mine}, ${outcome.kind}: ${outcome.breach}`);
    }
  };
  const stand = async (stopped: AbortSignal): Promise<void> => {
    const client = stage.client(database);
    await client.connect();
    while (!stopped.aborted) {
      const begun = performance.now();
      const query = client.query<{ n: string }>('SELECT count(*) AS n FROM t WHERE id <= 20');
      const answer = await Promise.race([query, sleep(BYSTANDER_MS, undefined, { ref: false })]);
      bystander.slowestMs = Math.max(bystander.slowestMs, Math.round(performance.now() - begun));
      bystander.queries += 1;
      if (answer?.rows[0]?.n === undefined) {
        breaches.push(`an honest client waited for ${BYSTANDER_MS} ms`);
        break;
      }
      await sleep(20);
    }
    await Promise.race([client.end(), sleep(1_000)]);
  };

  try {
    while (Date.now() < end && breaches.length < BREACHES) {
      const until = Math.min(end, Date.now() + ROUND_MS);
      const stop = new AbortController();
      const standing = stand(stop.signal).catch((error: unknown) => {
        breaches.push(`an honest client got ${String(error)}`);
      });
      await Promise.all(Array.from({ length: options.atOnce }, async () => await work(until)));
      stop.abort();
      await standing;
      serverSessions = await settle(async () => await stage.serverSessions());
      residentMb.push(stage.residentMb);
      handles.push(stage.handles);
      say(
        `${[...attacks.values()].reduce((sum, n) => sum + n, 0)} attacks, ${residentMb.at(-1)} MB, ` +
          `${handles.at(-1)} handles, ${serverSessions} sessions on servers, ${breaches.length} breaches`,
      );
      if (serverSessions > 0) breaches.push(`${serverSessions} sessions of nobody are left on the servers`);
    }
  } catch (error) {
    breaches.push(`pgring is gone: ${String(error)}`);
  }
  breaches.push(...leaks('MB of memory', residentMb, GROWTH_MB), ...leaks('handles', handles, 4));
  // Class XX and what nobody expected are logged as errors.
  for (const line of stage.pgring.output().split('\n')) {
    if (/internal error|cleanly|Error:/.test(line) && breaches.length < BREACHES * 2)
      breaches.push(`log: ${line.slice(0, 600)}`);
  }
  await stage.clear().catch((error: unknown) => {
    breaches.push(`the end: ${String(error)}`);
  });
  return { attacks, errors, breaches, bystander, residentMb, handles, serverSessions };
}

/** Asks until nothing is left, or for some time. */
async function settle(ask: () => Promise<number>): Promise<number> {
  const end = Date.now() + SETTLE_MS;
  for (;;) {
    const left = await ask();
    if (left === 0 || Date.now() > end) return left;
    await sleep(250);
  }
}

/** What grows from the first look to the last. */
function leaks(what: string, looks: readonly number[], allowed: number): readonly string[] {
  const [first] = looks;
  const last = looks.at(-1);
  if (first === undefined || last === undefined || last - first <= allowed) return [];
  return [`${what} have grown: ${looks.join(', ')}`];
}

function count<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
