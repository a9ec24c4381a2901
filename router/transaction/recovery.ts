/**
 * Finishes what a vanished owner left prepared. No local state: the prepared transaction's name tells its participants,
 * and they tell its outcome (DESIGN.md, "Transactions"). A recoverer that is wrong about the owner's death does no
 * harm: it decides by the same facts as the owner, and its abort row keeps a late participant from preparing.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { assert } from '../../base/assert.js';
import { PgError, sqlstate } from '../../base/errors.js';
import { faultPoint } from '../../base/fault-point.js';
import type { Logger } from '../../base/log.js';
import { quoteLiteral } from '../../catalog/schema.js';
import type { Shard, ShardId, Topology } from '../../catalog/topology.js';
import { cleanCommitLog, type WithControl } from './commit-log.js';
import { judge, type Resolution, type Sight } from './commit-protocol.js';
import { parseGlobalId } from './global-id.js';
import type { TransactionResolver } from './two-phase-commit.js';

/** Where the control connections come from. The caller of `connect` ends them. */
export interface ControlAccess {
  connect(shard: Shard, database: string): Promise<Client>;
  /** A database of every server that the control role may connect to. */
  readonly controlDatabase: string;
}

type Outcome = Exclude<Resolution, 'unknown'>;

/** What one participant knows of a transaction, and how to reach it. */
interface Knowledge extends Sight {
  readonly client: Client;
}

export interface RecoveryTimes {
  readonly intervalMs: number;
  /** An owner that lives has finished long before; a younger transaction is left alone. */
  readonly abandonedMs: number;
  /** How long rows of the commit log are kept. */
  readonly retentionMs: number;
}

/** While a participant's own insert waits to be decided, ours would wait for it: look again instead. */
const FENCE_TIMEOUT_MS = 200;
const RESOLVE_ATTEMPTS = 20;
const RESOLVE_PAUSE_MS = 100;

export class Recovery implements TransactionResolver {
  readonly #access: ControlAccess;
  readonly #topology: () => Topology;
  readonly #times: RecoveryTimes;
  readonly #log: Logger;
  readonly #stopped = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(access: ControlAccess, topology: () => Topology, times: RecoveryTimes, log: Logger) {
    this.#access = access;
    this.#topology = topology;
    this.#times = times;
    this.#log = log;
  }

  get rowsKeptMs(): number {
    return this.#times.retentionMs;
  }

  /** Sweeps now and again until closed. */
  start(): void {
    this.#running = this.#sweepForever();
  }

  async close(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async resolve(globalId: string, database: string): Promise<Resolution> {
    for (let attempt = 0; attempt < RESOLVE_ATTEMPTS; attempt += 1) {
      if (attempt > 0) await sleep(RESOLVE_PAUSE_MS);
      const resolution = await this.#tryToResolve(globalId, database);
      if (resolution !== 'unknown') return resolution;
    }
    return 'unknown';
  }

  async #tryToResolve(globalId: string, database: string): Promise<Resolution> {
    try {
      return (await this.#resolveOnce(globalId, database)) ?? 'unknown';
    } catch (error) {
      this.#log.warn({ error: messageOf(error), globalId }, 'a prepared transaction cannot be finished yet');
      return 'unknown';
    }
  }

  /** Undefined: a participant is about to decide; look again. Throws when one cannot be reached. */
  async #resolveOnce(globalId: string, database: string): Promise<Outcome | undefined> {
    const parsed = parseGlobalId(globalId);
    if (parsed === undefined) return 'aborted';
    const shards = parsed.participants.map((id) => this.#participant(id));
    const clients: Client[] = [];
    try {
      const knowledge: Knowledge[] = [];
      for (const shard of shards) {
        const client = await this.#access.connect(shard, database);
        clients.push(client);
        knowledge.push(await ask(client, globalId));
      }
      faultPoint('recovery asked');
      const outcome = await decide(knowledge, globalId);
      if (outcome === undefined) return undefined;
      for (const { client, prepared } of knowledge) {
        if (!prepared) continue;
        faultPoint('recovery finishes');
        await finish(client, globalId, outcome);
        faultPoint('recovery finished');
      }
      return outcome;
    } finally {
      await Promise.all(clients.map(async (client) => await client.end()));
    }
  }

  /** Without one of its participants nobody can tell how a transaction ended. */
  #participant(id: ShardId): Shard {
    const shard = this.#topology().shards.find((candidate) => candidate.id === id);
    if (shard !== undefined) return shard;
    throw new PgError(sqlstate.objectNotInPrerequisiteState, `shard ${id} is no longer part of the cluster`);
  }

  async #sweepForever(): Promise<void> {
    const { intervalMs, retentionMs } = this.#times;
    let cleanedAt = performance.now();
    while (!this.#stopped.signal.aborted) {
      try {
        await this.#sweep();
        if (performance.now() - cleanedAt > retentionMs / 2) {
          await this.clean();
          cleanedAt = performance.now();
        }
      } catch (error) {
        this.#log.debug({ error: messageOf(error) }, 'a sweep for prepared transactions did not reach every shard');
      }
      await sleep(intervalMs, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
    }
  }

  /** Finishes every abandoned transaction of ours on every shard that can be reached. */
  async #sweep(): Promise<void> {
    const found = new Map<string, string>();
    for (const shard of this.#topology().shards) {
      await this.#withControl(shard, this.#access.controlDatabase, async (client) => {
        const { rows } = await client.query<{ gid: string; database: string }>(
          `SELECT gid, database FROM pg_prepared_xacts
            WHERE gid LIKE 'pgring:%' AND prepared < now() - make_interval(secs => ${this.#times.abandonedMs / 1000})`,
        );
        for (const row of rows) found.set(row.gid, row.database);
      });
    }
    // Once each: one that waits for a shard to come back must not keep the others waiting.
    for (const [globalId, database] of found) {
      faultPoint('recovery found');
      const outcome = await this.#tryToResolve(globalId, database);
      this.#log.info({ globalId, outcome }, 'an abandoned transaction was found');
    }
  }

  /** Removes rows of the commit log that nobody can need any more. */
  async clean(): Promise<void> {
    const { shards } = this.#topology();
    const withControl: WithControl = async (shard, database, work) => {
      await this.#withControl(shard, database, work);
    };
    await cleanCommitLog(shards, this.#access.controlDatabase, withControl, this.#times.retentionMs);
  }

  /** Runs the work on a control connection; a shard that cannot be reached is left for the next time. */
  async #withControl(shard: Shard, database: string, work: (client: Client) => Promise<void>): Promise<void> {
    let client: Client;
    try {
      client = await this.#access.connect(shard, database);
    } catch (error) {
      this.#log.debug({ error: messageOf(error), shard: shard.name }, 'a shard cannot be reached for recovery');
      return;
    }
    try {
      await work(client);
    } finally {
      await client.end();
    }
  }
}

async function ask(client: Client, globalId: string): Promise<Knowledge> {
  const { rows } = await client.query<{ logged: 'commit' | 'abort' | null; prepared: boolean }>(
    `SELECT (SELECT state FROM pgring.commit_log WHERE gid = $1) AS logged,
            EXISTS (SELECT FROM pg_prepared_xacts WHERE gid = $1 AND database = current_database()) AS prepared`,
    [globalId],
  );
  const [row] = rows;
  return { client, logged: row?.logged ?? undefined, prepared: row?.prepared ?? false };
}

/** Undefined: the row of the one that was to be fenced is there or being written; look again. */
async function decide(knowledge: readonly Knowledge[], globalId: string): Promise<Outcome | undefined> {
  const verdict = judge(knowledge);
  if (verdict.kind !== 'fence') return verdict.kind;
  const missing = knowledge[verdict.participant];
  assert(missing !== undefined, 'a participant that was not asked is to be fenced');
  try {
    await missing.client.query(
      `BEGIN; SET LOCAL lock_timeout = ${FENCE_TIMEOUT_MS};
       INSERT INTO pgring.commit_log (gid, state) VALUES (${quoteLiteral(globalId)}, 'abort'); COMMIT`,
    );
    faultPoint('recovery fenced');
    return 'aborted';
  } catch (error) {
    await missing.client.query('ROLLBACK');
    if (isLookAgain(error)) return undefined;
    throw error;
  }
}

/** 23505: the row is there, so it decides. 55P03: it is being written, so it will. */
function isLookAgain(error: unknown): boolean {
  return (
    typeof error === 'object' && error !== null && 'code' in error && ['23505', '55P03'].includes(String(error.code))
  );
}

/** Another recoverer may have been quicker: 42704 says that nothing of that name is prepared any more. */
async function finish(client: Client, globalId: string, outcome: Outcome): Promise<void> {
  const verb = outcome === 'committed' ? 'COMMIT' : 'ROLLBACK';
  try {
    await client.query(`${verb} PREPARED ${quoteLiteral(globalId)}`);
  } catch (error) {
    if (typeof error === 'object' && error !== null && 'code' in error && error.code === '42704') return;
    throw error;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
