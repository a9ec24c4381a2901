/** What servers tell of their processes' transactions and waits, and where proxies tell each other of their sessions. */

import type { Client } from 'pg';
import type { ShardId } from '../../catalog/topology.js';
import type { ServerProcess, SessionProcesses, Wait } from './wait-graph.js';

/** What one server told in one query. */
export interface ServerReport {
  readonly shard: ShardId;
  readonly processes: readonly ServerProcess[];
  readonly waits: readonly Wait[];
}

/** Rows of sessions that nobody has renewed for so long were left by a proxy that is gone. */
const FORGOTTEN_MINUTES = 5;

/** As DescribeLockTag() of PostgreSQL writes it (lmgr.c). */
const lockSql = `l.mode || ' on ' || CASE l.locktype
      WHEN 'relation' THEN 'relation ' || l.relation || ' of database ' || l.database
      WHEN 'extend' THEN 'extension of relation ' || l.relation || ' of database ' || l.database
      WHEN 'page' THEN 'page ' || l.page || ' of relation ' || l.relation || ' of database ' || l.database
      WHEN 'tuple' THEN 'tuple (' || l.page || ',' || l.tuple || ') of relation ' || l.relation || ' of database ' || l.database
      WHEN 'transactionid' THEN 'transaction ' || l.transactionid
      WHEN 'virtualxid' THEN 'virtual transaction ' || l.virtualxid
      WHEN 'object' THEN 'object ' || l.objid || ' of class ' || l.classid || ' of database ' || l.database
      WHEN 'advisory' THEN 'advisory lock [' || concat_ws(',', l.database, l.classid, l.objid, l.objsubid) || ']'
      ELSE l.locktype END`;

const reportSql = `
SELECT a.pid, extract(epoch FROM a.xact_start)::text AS began,
       CASE WHEN l.pid IS NOT NULL THEN pg_blocking_pids(a.pid) END AS blockers,
       extract(epoch FROM l.waitstart)::text AS since,
       (extract(epoch FROM clock_timestamp() - l.waitstart) * 1000)::float8 AS waited,
       ${lockSql} AS lock
  FROM pg_stat_activity a LEFT JOIN pg_locks l ON l.pid = a.pid AND NOT l.granted AND l.waitstart IS NOT NULL
 WHERE a.xact_start IS NOT NULL AND a.pid <> pg_backend_pid()`;

interface ReportRow {
  readonly pid: number;
  readonly began: string;
  readonly blockers: readonly number[] | null;
  readonly since: string | null;
  readonly waited: number | null;
  readonly lock: string | null;
}

export async function readServer(shard: ShardId, client: Client): Promise<ServerReport> {
  const { rows } = await client.query<ReportRow>(reportSql);
  const processes = new Map(rows.map(({ pid, began }) => [pid, { shard, pid, began }]));
  const waits: Wait[] = [];
  for (const { pid, blockers, since, waited, lock } of rows) {
    const waiter = processes.get(pid);
    if (waiter === undefined || blockers === null || since === null || lock === null) continue;
    // A process that is missing has ended meanwhile; 0 stands for a prepared transaction, which waits for nobody.
    for (const blocker of new Set(blockers)) {
      const process = processes.get(blocker);
      if (process !== undefined) waits.push({ waiter, blocker: process, since, waitedMs: waited ?? 0, lock });
    }
  }
  return { shard, processes: [...processes.values()], waits };
}

/** Tells the other proxies of sessions that wait. */
export async function publishSessions(home: Client, sessions: readonly SessionProcesses[]): Promise<void> {
  for (const { session, processes } of sessions) {
    await home.query(
      `INSERT INTO pgring.waiting (session, processes) VALUES ($1, $2)
       ON CONFLICT (session) DO UPDATE SET processes = EXCLUDED.processes, at = EXCLUDED.at`,
      [session, JSON.stringify(processes)],
    );
  }
}

/** They wait no more. */
export async function withdrawSessions(home: Client, sessions: readonly string[]): Promise<void> {
  await home.query(
    `DELETE FROM pgring.waiting WHERE session = ANY ($1) OR at < now() - make_interval(mins => ${FORGOTTEN_MINUTES})`,
    [sessions],
  );
}

/** The sessions of all proxies. */
export async function readSessions(home: Client): Promise<readonly SessionProcesses[]> {
  return (await home.query<SessionProcesses>('SELECT session, processes FROM pgring.waiting')).rows;
}

/** Cancels the process if it still is in that wait. */
export async function cancelWait(client: Client, { waiter, since }: Wait): Promise<void> {
  await client.query(
    `SELECT pg_cancel_backend(a.pid) FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid AND NOT l.granted
      WHERE a.pid = $1 AND extract(epoch FROM a.xact_start)::text = $2 AND extract(epoch FROM l.waitstart)::text = $3`,
    [waiter.pid, waiter.began, since],
  );
}
