/**
 * Removes rows of pgring.commit_log that nobody can need any more. A row may go too late, never too early: while a
 * participant has the transaction prepared, a commit row is its outcome; while the transaction of a participant is open,
 * an abort row on its server keeps it from preparing.
 */

import type { Client } from 'pg';
import type { Shard, ShardId } from '../../catalog/topology.js';
import { faultPoint } from '../../base/fault-point.js';
import { isOver } from './commit-protocol.js';
import { parseGlobalId } from './global-id.js';

/** So many rows are looked at in one go. */
const BATCH_ROWS = 10_000;

/** Runs the work on a connection of pgring's own role; does nothing when the shard cannot be reached. */
export type WithControl = (shard: Shard, database: string, work: (client: Client) => Promise<void>) => Promise<void>;

/**
 * Removes them from every database of every server that can be reached. Rows are kept for `retentionMs` in any case, so
 * that an owner that asks how its transaction ended finds them.
 */
export async function cleanCommitLog(
  shards: readonly Shard[],
  controlDatabase: string,
  withControl: WithControl,
  retentionMs: number,
): Promise<void> {
  const old = `at < now() - make_interval(secs => ${retentionMs / 1000})`;
  for (const shard of shards) {
    const databases: string[] = [];
    await withControl(shard, controlDatabase, async (client) => {
      const { rows } = await client.query<{ datname: string }>('SELECT datname FROM pg_database WHERE datallowconn');
      databases.push(...rows.map(({ datname }) => datname));
    });
    for (const database of databases) {
      await withControl(shard, database, async (client) => {
        if (!(await hasCommitLog(client))) return;
        await removeAborts(client, old);
        await removeCommits(client, old, async () => await readPrepared(shards, controlDatabase, withControl));
      });
    }
  }
}

type Prepared = ReadonlyMap<ShardId, ReadonlySet<string>>;

/** The order is the point: for a row that was visible before the servers were asked, all had prepared by then. */
async function removeCommits(client: Client, old: string, readAllPrepared: () => Promise<Prepared>): Promise<void> {
  let last = '';
  for (let full = true; full;) {
    const { rows } = await client.query<{ gid: string }>(
      `SELECT gid FROM pgring.commit_log WHERE state = 'commit' AND ${old} AND gid > $1 ORDER BY gid LIMIT ${BATCH_ROWS}`,
      [last],
    );
    if (rows.length === 0) return;
    const prepared = await readAllPrepared();
    const over = rows.filter(({ gid }) => {
      const participants = parseGlobalId(gid)?.participants ?? [];
      return isOver(participants.map((participant) => prepared.get(participant)?.has(gid)));
    });
    faultPoint('before cleaning');
    await client.query("DELETE FROM pgring.commit_log WHERE gid = ANY ($1) AND state = 'commit'", [
      over.map(({ gid }) => gid),
    ]);
    faultPoint('cleaned');
    last = rows.at(-1)?.gid ?? last;
    full = rows.length === BATCH_ROWS;
  }
}

/** The participant's transaction began before its abort row. Where its beginning cannot be seen, it may be any. */
async function removeAborts(client: Client, old: string): Promise<void> {
  await client.query(
    `DELETE FROM pgring.commit_log WHERE state = 'abort' AND ${old} AND NOT EXISTS (
       SELECT FROM pg_catalog.pg_stat_activity a
        WHERE a.datname = pg_catalog.current_database()
          AND (a.xact_start <= at OR a.backend_type IS NULL OR a.state = 'disabled')
     )`,
  );
}

/** What every server has prepared; one that cannot be reached is missing. */
async function readPrepared(
  shards: readonly Shard[],
  controlDatabase: string,
  withControl: WithControl,
): Promise<Prepared> {
  const prepared = new Map<ShardId, ReadonlySet<string>>();
  for (const shard of shards) {
    await withControl(shard, controlDatabase, async (client) => {
      const { rows } = await client.query<{ gid: string }>(
        "SELECT gid FROM pg_prepared_xacts WHERE gid LIKE 'pgring:%'",
      );
      prepared.set(shard.id, new Set(rows.map(({ gid }) => gid)));
    });
  }
  return prepared;
}

async function hasCommitLog(client: Client): Promise<boolean> {
  const { rowCount } = await client.query(
    "SELECT FROM pg_catalog.pg_tables WHERE schemaname = 'pgring' AND tablename = 'commit_log'",
  );
  return rowCount === 1;
}
