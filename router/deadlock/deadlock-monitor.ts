/**
 * Finds transactions that wait for each other in a circle over several shards, which no server can see, and lets the
 * youngest fail as PostgreSQL would. It asks nobody until a statement of this proxy has run for a while. Then the
 * servers tell who waits for whom, and a table on the home shard, which processes are parts of one transaction: each
 * proxy writes there what it knows of its waiting sessions, so every proxy sees all of the graph. The proxy that has
 * the victim cancels it.
 */

import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { PgError, sqlstate } from '../../base/errors.js';
import type { Logger } from '../../base/log.js';
import type { Shard, ShardId, Topology } from '../../catalog/topology.js';
import type { BackendConnection } from '../backend/connection.js';
import type { ControlAccess } from '../transaction/recovery.js';
import type { SessionBackends } from '../transaction/session-backends.js';
import {
  cancelWait,
  publishSessions,
  readServer,
  readSessions,
  withdrawSessions,
  type ServerReport,
} from './server-waits.js';
import {
  findDeadlocks,
  isConfirmed,
  type Deadlock,
  type ServerProcess,
  type SessionProcesses,
  type Wait,
} from './wait-graph.js';

export interface DeadlockAccess extends ControlAccess {
  /** Makes sure that the database of that server has the schema pgring. */
  prepare(shard: Shard, database: string): Promise<void>;
}

/** One statement of a session, in which connections are as they were. */
interface Suspect {
  readonly session: string;
  readonly backends: SessionBackends;
  readonly parts: readonly (readonly [ShardId, BackendConnection])[];
  /** What identifies the statements that run on them. */
  readonly exchanges: readonly number[];
}

interface Busy {
  readonly exchange: number;
  readonly since: number;
}

/** So often within the timeout sessions are looked at. */
const LOOKS = 2;
const ID_BYTES = 8;
/** Connections to the servers are kept for so many looks that found no suspect. */
const KEEP_LOOKS = 20;

export class DeadlockMonitor {
  readonly #access: DeadlockAccess;
  readonly #topology: () => Topology;
  readonly #sessions: () => Iterable<SessionBackends>;
  readonly #timeoutMs: number;
  readonly #log: Logger;
  readonly #stopped = new AbortController();
  readonly #clients = new Map<ShardId, Client>();
  readonly #names = new WeakMap<SessionBackends, string>();
  /** Since when each busy connection is in the same exchange. */
  #busySince = new Map<BackendConnection, Busy>();
  #published = new Set<string>();
  #quietLooks = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(
    access: DeadlockAccess,
    topology: () => Topology,
    sessions: () => Iterable<SessionBackends>,
    timeoutMs: number,
    log: Logger,
  ) {
    this.#access = access;
    this.#topology = topology;
    this.#sessions = sessions;
    this.#timeoutMs = timeoutMs;
    this.#log = log;
  }

  start(): void {
    this.#running = this.#lookForEver();
  }

  async close(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
    await this.#forgetClients();
  }

  async #lookForEver(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      try {
        await this.#look();
      } catch (error) {
        this.#log.debug({ error }, 'the waits of the servers cannot be read now');
        await this.#forgetClients();
      }
      await sleep(this.#timeoutMs / LOOKS, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
    }
  }

  async #look(): Promise<void> {
    const suspects = this.#suspects();
    if (suspects.length === 0 && this.#published.size === 0) {
      this.#quietLooks += 1;
      if (this.#quietLooks === KEEP_LOOKS) await this.#forgetClients();
      return;
    }
    this.#quietLooks = 0;
    const reports = await this.#readServers(suspects.flatMap(({ parts }) => parts.map(([shard]) => shard)));
    const own = suspects.filter(isUnchanged).flatMap((suspect) => identify(suspect, reports) ?? []);
    const sessions = await this.#exchange(own);
    const shards = sessions.flatMap(({ processes }) => processes.map(({ shard }) => shard));
    const others = await this.#readServers(shards.filter((shard) => !reports.some((report) => report.shard === shard)));
    const found = findDeadlocks(waitsOf([...reports, ...others]), sessions, this.#timeoutMs);
    const mine = found.filter(({ victim }) => own.some(({ session }) => session === victim));
    if (mine.length === 0) return;
    const again = waitsOf(await this.#readServers(shards));
    for (const deadlock of mine) {
      const victim = suspects.find(({ session }) => session === deadlock.victim);
      if (victim === undefined || !isConfirmed(deadlock, again) || !isUnchanged(victim)) continue;
      const processes = sessions.find(({ session }) => session === deadlock.victim)?.processes ?? [];
      await this.#end(victim, deadlock, waitsOfProcesses(again, processes));
    }
  }

  /** Sessions of which a statement has run for as long as the timeout. */
  #suspects(): readonly Suspect[] {
    const now = performance.now();
    const busySince = new Map<BackendConnection, Busy>();
    const suspects: Suspect[] = [];
    for (const backends of this.#sessions()) {
      const parts = backends.inUse;
      let oldest = now;
      for (const [, connection] of parts) {
        if (connection.outstandingReady === 0) continue;
        const known = this.#busySince.get(connection);
        const since = known?.exchange === connection.exchanges ? known.since : now;
        busySince.set(connection, { exchange: connection.exchanges, since });
        oldest = Math.min(oldest, since);
      }
      if (now - oldest < this.#timeoutMs) continue;
      const exchanges = parts.map(([, connection]) => connection.exchanges);
      suspects.push({ session: this.#nameOf(backends), backends, parts, exchanges });
    }
    this.#busySince = busySince;
    return suspects;
  }

  #nameOf(backends: SessionBackends): string {
    const name = this.#names.get(backends) ?? randomBytes(ID_BYTES).toString('hex');
    this.#names.set(backends, name);
    return name;
  }

  /** Tells of the sessions here that wait, and returns those of all proxies. */
  async #exchange(own: readonly SessionProcesses[]): Promise<readonly SessionProcesses[]> {
    const names = new Set(own.map(({ session }) => session));
    const gone = [...this.#published].filter((session) => !names.has(session));
    if (own.length === 0 && gone.length === 0) return [];
    const { home } = this.#topology();
    await this.#prepareHome(home);
    const client = await this.#client(home);
    if (gone.length > 0) await withdrawSessions(client, gone);
    this.#published = names;
    if (own.length === 0) return [];
    await publishSessions(client, own);
    const all = await readSessions(client);
    return [...own, ...all.filter(({ session }) => !names.has(session))];
  }

  async #prepareHome(home: ShardId): Promise<void> {
    const shard = this.#topology().shards.find(({ id }) => id === home);
    if (shard !== undefined) await this.#access.prepare(shard, this.#access.controlDatabase);
  }

  /** What each of the shards tells; one that cannot be reached tells nothing. */
  async #readServers(shards: readonly ShardId[]): Promise<readonly ServerReport[]> {
    const reports = await Promise.all(
      [...new Set(shards)].map(async (shard) => {
        try {
          return [await readServer(shard, await this.#client(shard))];
        } catch (error) {
          this.#log.debug({ error, shard }, 'the waits of a server cannot be read now');
          await this.#forgetClient(shard);
          return [];
        }
      }),
    );
    return reports.flat();
  }

  /** Cancels what the victim waits for. Its client gets what PostgreSQL says of a deadlock. */
  async #end(victim: Suspect, deadlock: Deadlock, waits: readonly Wait[]): Promise<void> {
    const error = deadlockError(deadlock, (shard) => this.#shardName(shard));
    this.#log.warn({ session: deadlock.victim, detail: error.fields.detail }, 'a deadlock over several shards');
    for (const [, connection] of victim.parts) connection.explainCancel(error);
    const cancelled = new Set<string>();
    for (const wait of waits) {
      const name = `${wait.waiter.shard} ${wait.waiter.pid}`;
      if (cancelled.has(name)) continue;
      cancelled.add(name);
      await cancelWait(await this.#client(wait.waiter.shard), wait);
    }
  }

  #shardName(id: ShardId): string {
    return this.#topology().shards.find((shard) => shard.id === id)?.name ?? String(id);
  }

  async #client(id: ShardId): Promise<Client> {
    const known = this.#clients.get(id);
    if (known !== undefined) return known;
    const shard = this.#topology().shards.find((candidate) => candidate.id === id);
    if (shard === undefined) throw new PgError(sqlstate.objectNotInPrerequisiteState, `shard ${id} is gone`);
    const client = await this.#access.connect(shard, this.#access.controlDatabase);
    this.#clients.set(id, client);
    client.once('end', () => {
      if (this.#clients.get(id) === client) this.#clients.delete(id);
    });
    return client;
  }

  async #forgetClient(id: ShardId): Promise<void> {
    const client = this.#clients.get(id);
    this.#clients.delete(id);
    await client?.end().catch(() => undefined);
  }

  async #forgetClients(): Promise<void> {
    for (const id of this.#clients.keys()) await this.#forgetClient(id);
  }
}

/** Its statement still runs: what was seen of its processes meanwhile belongs to the transaction that has it. */
function isUnchanged({ backends, parts, exchanges }: Suspect): boolean {
  const now = backends.inUse;
  return (
    now.length === parts.length &&
    parts.some(([, connection]) => connection.outstandingReady > 0) &&
    parts.every(([, connection], index) => {
      return now[index]?.[1] === connection && connection.exchanges === exchanges[index];
    })
  );
}

/** The session's processes as their servers know them, if one of them waits for a lock. */
function identify({ session, parts }: Suspect, reports: readonly ServerReport[]): SessionProcesses | undefined {
  const processes = parts.flatMap(([shard, { processId }]) => {
    const report = reports.find((candidate) => candidate.shard === shard);
    return report?.processes.filter(({ pid }) => pid === processId) ?? [];
  });
  return waitsOfProcesses(waitsOf(reports), processes).length === 0 ? undefined : { session, processes };
}

function waitsOf(reports: readonly ServerReport[]): readonly Wait[] {
  return reports.flatMap(({ waits }) => waits);
}

function waitsOfProcesses(waits: readonly Wait[], processes: readonly ServerProcess[]): readonly Wait[] {
  return waits.filter(({ waiter }) => processes.some(({ shard, pid }) => shard === waiter.shard && pid === waiter.pid));
}

/** In the words of DeadLockReport() (deadlock.c), with the shards' names. */
function deadlockError({ waits }: Deadlock, nameOf: (shard: ShardId) => string): PgError {
  const lines = waits.map(({ waiter, blocker, lock }) => {
    return `Process ${waiter.pid} of shard ${nameOf(waiter.shard)} waits for ${lock}; blocked by process ${blocker.pid}.`;
  });
  return new PgError(sqlstate.deadlockDetected, 'deadlock detected', {
    detail: lines.join('\n'),
    hint: 'Repeat the transaction. Transactions that lock rows in the same order do not wait in a circle.',
  });
}
