/** What must be true of the bank when the clients rest and the dead have been replaced. */

import { setTimeout as sleep } from 'node:timers/promises';
import { Client, DatabaseError } from 'pg';
import { withClient } from '../support/proxy.js';
import { ACCOUNTS, BALANCE, type Bank, type Transfer } from './bank.js';
import { DATABASE, type Stage } from './stage.js';

export interface Audit {
  readonly breaches: readonly string[];
  /** Transfers with an unknown outcome that happened, of all of those. */
  readonly unknown: { readonly happened: number; readonly all: number };
}

/** How long recovery may take, and dead clients' statements on the servers. */
const SETTLE_MS = 40_000;
const LOOK_MS = 50;
const REACHES_AGAIN_MS = 2_000;
const NAMED = 5;

const unrestSql = `
SELECT 'prepared ' || gid AS what FROM pg_prepared_xacts
UNION ALL
SELECT 'a lock of pid ' || coalesce(l.pid::text, 'none') || ' on ' || coalesce(c.relname, l.locktype)
  FROM pg_locks l LEFT JOIN pg_class c ON c.oid = l.relation AND l.database <> 0
 WHERE l.pid IS DISTINCT FROM pg_backend_pid()
   AND (c.relname IN ('accounts', 'accounts_pkey', 'ledger', 'ledger_pkey', 'commit_log') OR l.locktype = 'transactionid')
UNION ALL
SELECT 'a transaction of pid ' || pid || ' in state ' || state || ': ' || query FROM pg_stat_activity
 WHERE state LIKE 'idle in transaction%'`;

/** Waits until nothing is prepared, locked or open any more; says what is, when that takes too long. */
export async function settle(stage: Stage): Promise<readonly string[]> {
  const deadline = performance.now() + SETTLE_MS;
  for (;;) {
    const unrest = (await onEveryServer<{ what: string }>(stage, unrestSql)).map(({ what }) => what);
    if (unrest.length === 0) return [];
    if (performance.now() > deadline) return unrest.slice(0, NAMED).map((what) => `left behind: ${what}`);
    await sleep(LOOK_MS);
  }
}

/** Compares what the servers have with what the clients were told. */
export async function audit(stage: Stage, bank: Bank): Promise<Audit> {
  const breaches = [...(await settle(stage))];
  const lines = await onEveryServer<{ id: number; source: number; target: number; amount: number }>(
    stage,
    'SELECT id, source, target, amount FROM ledger WHERE id > 0',
  );
  const accounts = await onEveryServer<{ id: number; balance: number }>(stage, 'SELECT id, balance FROM accounts');
  const happened = new Map<number, Transfer>();
  for (const { id, source, target, amount } of lines) {
    if (happened.has(id)) breaches.push(`transfer ${id} is there twice`);
    happened.set(id, { id, from: source, to: target, amount });
  }

  const lost: number[] = [];
  const undead: number[] = [];
  const unknown = { happened: 0, all: 0 };
  const known = new Set<number>();
  for (const { transfer, outcome } of bank.told) {
    known.add(transfer.id);
    const there = happened.has(transfer.id);
    if (outcome === 'acknowledged' && !there) lost.push(transfer.id);
    if (outcome === 'refused' && there) undead.push(transfer.id);
    if (outcome !== 'unknown') continue;
    unknown.all += 1;
    if (there) unknown.happened += 1;
  }
  if (lost.length > 0)
    breaches.push(`${lost.length} acknowledged transfers are lost: ${lost.slice(0, NAMED).join(', ')}`);
  if (undead.length > 0)
    breaches.push(`${undead.length} refused transfers happened: ${undead.slice(0, NAMED).join(', ')}`);
  const strangers = [...happened.keys()].filter((id) => !known.has(id));
  if (strangers.length > 0) breaches.push(`transfers that nobody made: ${strangers.slice(0, NAMED).join(', ')}`);

  const expected = new Map(Array.from({ length: ACCOUNTS }, (_unused, id) => [id, BALANCE]));
  for (const { from, to, amount } of happened.values()) {
    expected.set(from, (expected.get(from) ?? 0) - amount);
    expected.set(to, (expected.get(to) ?? 0) + amount);
  }
  if (accounts.length !== ACCOUNTS) breaches.push(`${accounts.length} accounts instead of ${ACCOUNTS}`);
  const halved = accounts.filter(({ id, balance }) => expected.get(id) !== balance).map(({ id }) => id);
  if (halved.length > 0) breaches.push(`accounts that their transfers do not explain: ${halved.join(', ')}`);
  const total = accounts.reduce((sum, { balance }) => sum + balance, 0);
  if (total !== ACCOUNTS * BALANCE) breaches.push(`the total is ${total} instead of ${ACCOUNTS * BALANCE}`);
  for (const proxy of stage.proxies) {
    const seen = await totalThrough(proxy.port);
    if (seen !== total) breaches.push(`a proxy counts ${seen} instead of ${total}`);
  }
  return { breaches, unknown };
}

/** A proxy that found a server down asks it again within a second (connect-backoff.ts): by then it must answer. */
async function totalThrough(port: number): Promise<number> {
  const deadline = performance.now() + REACHES_AGAIN_MS;
  for (;;) {
    try {
      return await withClient({ host: '127.0.0.1', port }, DATABASE, async (client) => {
        const { rows } = await client.query<{ total: string }>('SELECT sum(balance) AS total FROM accounts');
        return Number(rows[0]?.total);
      });
    } catch (error) {
      const isUnreached = error instanceof DatabaseError && error.code === '08006';
      if (!isUnreached || performance.now() > deadline) throw error;
      await sleep(LOOK_MS);
    }
  }
}

/** The commit log must become empty when nothing happens any more; returns the rows that stay. */
export async function leftInCommitLog(stage: Stage): Promise<number> {
  const deadline = performance.now() + SETTLE_MS;
  for (;;) {
    const [...counts] = await onEveryServer<{ rows: string }>(stage, 'SELECT count(*) AS rows FROM pgring.commit_log');
    const left = counts.reduce((sum, { rows }) => sum + Number(rows), 0);
    if (left === 0 || performance.now() > deadline) return left;
    await sleep(LOOK_MS);
  }
}

async function onEveryServer<Row extends object>(stage: Stage, sql: string): Promise<readonly Row[]> {
  const answers = await Promise.all(
    stage.servers.map(async ({ host, port }) => {
      const client = new Client({ host, port, user: 'postgres', database: DATABASE });
      await client.connect();
      try {
        return (await client.query<Row>(sql)).rows;
      } finally {
        await client.end();
      }
    }),
  );
  return answers.flat();
}
