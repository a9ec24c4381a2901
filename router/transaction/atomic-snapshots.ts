/**
 * Snapshots of several shards that agree: no transaction over several shards is seen on one of them and not on another.
 * Nobody is kept waiting for that: snapshots are taken, compared (snapshot-cut.ts), and taken again if they disagree.
 * What never holds: that an owner lives, or that some lock was held in time. Only where that fails again and again are
 * commits over several shards held back for a moment, so that reads come through under any load.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { whenAllSettled } from '../../base/all-settled.js';
import { PgError, sqlstate } from '../../base/errors.js';
import { quoteLiteral } from '../../catalog/schema.js';
import type { ShardId } from '../../catalog/topology.js';
import { encodeClose, encodeQuery, syncFrame } from '../../wire/encode-frontend.js';
import { converse, queryEach } from '../backend/command.js';
import type { BackendConnection } from '../backend/connection.js';
import type { SnapshotMemory } from './snapshot-memory.js';
import {
  concerning,
  findTorn,
  openQuestions,
  parseSnapshot,
  sees,
  type Answers,
  type ShardView,
} from './snapshot-cut.js';

/** What is needed of others to get on. */
export interface ReadingHelper {
  /** What is prepared for so long is finished before anything is read: its rows may be removed soon after that. */
  readonly oldMs: number;
  readonly memory: SnapshotMemory;
  /** Finishes a transaction that is known to have committed, wherever it is still prepared and can be reached. */
  finishCommitted(globalId: string, database: string): Promise<void>;
  /** Finds out how a prepared transaction ended, and brings it to its end. */
  resolve(globalId: string, database: string): Promise<unknown>;
  /** Keeps commits over several shards from beginning on these, for a while or until it is released. */
  holdCommits(shards: readonly ShardId[], database: string): Promise<HeldCommits>;
}

export interface HeldCommits {
  release(): Promise<void>;
}

/** A connection on which something is to read. */
export interface Reader {
  readonly shard: ShardId;
  readonly connection: BackendConnection;
}

/** What is to be bound on a connection. */
export interface BindingReader extends Reader {
  /** Parse and Bind messages, and Describe where the description is wanted. */
  readonly binding: readonly Buffer[];
  /** The portals that they make. */
  readonly portals: readonly string[];
  readonly onNotice: (frame: Buffer) => void;
}

/** So many attempts are made before commits are held back. */
const FREE_ATTEMPTS = 4;
/** A transaction that is half committed for so long is finished by the reader: its owner may be dead. */
const PATIENCE_MS = 200;
const MAXIMUM_PAUSE_MS = 20;
const DEADLINE_MS = 15_000;
const snapshotSql = 'SELECT pg_catalog.pg_current_snapshot() AS snapshot';

function preparedSql(oldMs: number): string {
  return `SELECT gid, prepared < pg_catalog.now() - interval '${oldMs} milliseconds' AS old
    FROM pg_catalog.pg_prepared_xacts WHERE gid LIKE 'pgring:%' AND database = pg_catalog.current_database()`;
}

interface OneView {
  readonly view: ShardView;
  readonly old: readonly string[];
}

export class AtomicSnapshots {
  readonly #database: string;
  readonly #helper: ReadingHelper;
  readonly #preparedSql: string;

  constructor(database: string, helper: ReadingHelper) {
    this.#database = database;
    this.#helper = helper;
    this.#preparedSql = preparedSql(helper.oldMs);
  }

  /**
   * Opens a transaction that keeps its snapshot on each connection, by the statements of `opening`. One that is open
   * already begins anew. `witnesses` are other connections to the same shards, for SERIALIZABLE: what such a transaction
   * reads, it depends on, and all that commit over several shards write into the commit log.
   */
  async open(readers: readonly Reader[], opening: string, witnesses?: readonly Reader[]): Promise<void> {
    let taken: readonly string[] = [];
    await this.#settle(witnesses ?? readers, async () => {
      const before = await this.#before(witnesses ?? readers);
      const seen = await whenAllSettled(
        readers.map(
          async (reader, index) => await this.#openOne(reader, opening, before[index] ?? '', witnesses?.[index]),
        ),
      );
      taken = seen.map(({ snapshot }) => snapshot);
      return seen;
    });
    for (const [index, { connection }] of readers.entries()) {
      this.#helper.memory.keep(connection.address, taken[index] ?? '');
    }
  }

  async #openOne(
    { shard, connection }: Reader,
    opening: string,
    since: string,
    witness: Reader | undefined,
  ): Promise<OneView & { readonly snapshot: string }> {
    const former = connection.status === 'I' ? [] : ['ROLLBACK'];
    if (witness === undefined) {
      const statements = [...former, this.#preparedSql, opening, recentSql(since), snapshotSql];
      const [prepared, , recent, own] = (await queryEach(connection, statements)).slice(former.length);
      const view = viewOf(shard, since, undefined, prepared, xidsOf(recent));
      return { view, old: oldOf(prepared), snapshot: snapshotOf(own) };
    }
    const [prepared] = await queryEach(witness.connection, [this.#preparedSql]);
    const [, own] = (await queryEach(connection, [...former, opening, snapshotSql])).slice(former.length);
    const [recent] = await queryEach(witness.connection, [recentSql(since)]);
    const snapshot = snapshotOf(own);
    const parsed = parseSnapshot(snapshot);
    const seen = new Map([...xidsOf(recent)].filter(([, xid]) => sees(parsed, xid)));
    return { view: viewOf(shard, since, undefined, prepared, seen), old: oldOf(prepared), snapshot };
  }

  /**
   * For transactions whose statements have snapshots of their own: binds the portals of one statement on all connections,
   * and with that fixes their snapshots. Gives what each is described as. All in an open transaction.
   */
  async bind(readers: readonly BindingReader[]): Promise<readonly (readonly Buffer[])[]> {
    let descriptions: readonly (readonly Buffer[])[] = [];
    await this.#settle(readers, async (attempts) => {
      const before = await this.#before(readers);
      const outcomes = await whenAllSettled(
        readers.map(async ({ shard, connection, binding, portals, onNotice }, index) => {
          const since = before[index] ?? '';
          const former = attempts === 1 ? [] : portals.map((portal) => encodeClose('portal', portal));
          connection.prepared.delete('');
          const [certain, prepared, bound, recent] = await converse(
            connection,
            [
              [encodeQuery(snapshotSql)],
              [encodeQuery(this.#preparedSql)],
              [...former, ...binding, syncFrame],
              [encodeQuery(recentSql(since))],
            ],
            onNotice,
          );
          const view = viewOf(shard, since, snapshotOf(certain?.rows), prepared?.rows, xidsOf(recent?.rows));
          return { view, old: oldOf(prepared?.rows), descriptions: bound?.descriptions ?? [] };
        }),
      );
      descriptions = outcomes.map((outcome) => outcome.descriptions);
      return outcomes;
    });
    return descriptions;
  }

  /** A snapshot of each server that is earlier than all that follows. */
  async #before(readers: readonly Reader[]): Promise<readonly string[]> {
    return await whenAllSettled(
      readers.map(async ({ connection }) => {
        const known = this.#helper.memory.recall(connection.address);
        if (known !== undefined) return known;
        const [rows] = await queryEach(connection, [snapshotSql]);
        return snapshotOf(rows);
      }),
    );
  }

  /** Makes attempts until their views agree. */
  async #settle(readers: readonly Reader[], attempt: (attempts: number) => Promise<readonly OneView[]>): Promise<void> {
    const deadline = performance.now() + DEADLINE_MS;
    const tornSince = new Map<string, number>();
    let held: HeldCommits | undefined;
    try {
      for (let attempts = 1; !(await this.#tryOnce(readers, attempts, attempt, tornSince)); attempts += 1) {
        if (performance.now() > deadline) throw tooBusy();
        if (attempts === FREE_ATTEMPTS) {
          held = await this.#helper.holdCommits(
            readers.map(({ shard }) => shard),
            this.#database,
          );
        } else if (attempts > 1) await sleep(Math.min(attempts, MAXIMUM_PAUSE_MS));
      }
    } finally {
      await held?.release();
    }
  }

  /** What took too long does not count: rows of what was prepared at its beginning may have been removed meanwhile. */
  async #tryOnce(
    readers: readonly Reader[],
    attempts: number,
    attempt: (attempts: number) => Promise<readonly OneView[]>,
    tornSince: Map<string, number>,
  ): Promise<boolean> {
    const begunAt = Date.now();
    const agrees = await this.#agree(readers, await attempt(attempts), tornSince);
    return agrees && Date.now() - begunAt < this.#helper.oldMs;
  }

  /** Whether the views agree; if not, helps on what is in the way. */
  async #agree(readers: readonly Reader[], seen: readonly OneView[], tornSince: Map<string, number>): Promise<boolean> {
    const views = seen.map(({ view }) => view);
    const old = new Set(seen.flatMap((each) => each.old));
    for (const globalId of concerning(old, views)) await this.#helper.resolve(globalId, this.#database);
    const torn = findTorn(views, await this.#ask(readers, views));
    const now = performance.now();
    for (const globalId of torn) {
      const first = tornSince.get(globalId) ?? now;
      tornSince.set(globalId, first);
      if (now - first > PATIENCE_MS) await this.#helper.finishCommitted(globalId, this.#database);
    }
    return torn.length === 0 && concerning(old, views).length === 0;
  }

  async #ask(readers: readonly Reader[], views: readonly ShardView[]): Promise<Answers> {
    const questions = openQuestions(views);
    return new Map(
      await whenAllSettled(
        readers.map(async ({ shard, connection }): Promise<[ShardId, ReadonlyMap<string, bigint>]> => {
          const asked = questions.get(shard);
          if (asked === undefined) return [shard, new Map()];
          const [rows] = await queryEach(connection, [
            `SELECT gid, xid FROM pgring.commit_log WHERE state = 'commit' AND gid IN (${asked.map(quoteLiteral).join()})`,
          ]);
          return [shard, xidsOf(rows)];
        }),
      ),
    );
  }
}

/** Committed transactions over several shards that the snapshot does not see, by an index. */
function recentSql(snapshot: string): string {
  const [, maximum = '', running = ''] = snapshot.split(':');
  const inside = running === '' ? '' : ` OR xid IN (${running.split(',').map(quoteLiteral).join()})`;
  return `SELECT gid, xid FROM pgring.commit_log WHERE state = 'commit' AND (xid >= ${quoteLiteral(maximum)}${inside})`;
}

type Rows = readonly Readonly<Record<string, string | null>>[] | undefined;

function snapshotOf(rows: Rows): string {
  return rows?.[0]?.['snapshot'] ?? '';
}

function viewOf(
  shard: ShardId,
  before: string,
  certain: string | undefined,
  prepared: Rows,
  recent: ReadonlyMap<string, bigint>,
): ShardView {
  return {
    shard,
    before: parseSnapshot(before),
    certain: certain === undefined ? undefined : parseSnapshot(certain),
    prepared: new Set(prepared?.map((row) => row['gid'] ?? '')),
    recent,
  };
}

function xidsOf(rows: Rows): ReadonlyMap<string, bigint> {
  return new Map(rows?.map((row) => [row['gid'] ?? '', BigInt(row['xid'] ?? '')]));
}

function oldOf(prepared: Rows): readonly string[] {
  return prepared?.flatMap((row) => (row['old'] === 't' ? [row['gid'] ?? ''] : [])) ?? [];
}

function tooBusy(): PgError {
  return new PgError(
    sqlstate.serializationFailure,
    'could not read several shards atomically: transactions over them are half committed',
    {
      hint: "A shard that takes part in them may be out of reach. Repeat the statement, or SET pgring.cross_shard_reads = 'per_shard'.",
    },
  );
}
