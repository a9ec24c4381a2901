/** Runs the queries on one PostgreSQL and on pgring, compares the answers, and measures both. */

import { performance } from 'node:perf_hooks';
import type { Client } from 'pg';
import { median } from '../support/table.js';
import type { Traffic, TrafficCounter } from '../support/traffic.js';
import { type Answer, ask, difference } from './answer.js';
import type { TpchQuery } from './queries.js';

export interface Measurement {
  readonly query: number;
  readonly rung: string;
  readonly rows: number;
  /** What is wrong: a difference or an error; undefined when the answer is that of one PostgreSQL. */
  readonly wrong: string | undefined;
  readonly traffic: Traffic;
  readonly pgringMs: number;
  readonly postgresMs: number;
}

export interface Subjects {
  readonly postgres: Client;
  /** pgring, connected to its servers as a user would. */
  readonly pgring: Client;
  /** Another pgring before the same servers, that reaches them through the counter. */
  readonly counted: Client;
  readonly counter: TrafficCounter;
}

/** Beyond this a query is run once only. */
const LONG_MS = 5_000;

export async function measure(query: TpchQuery, subjects: Subjects, runs: number): Promise<Measurement> {
  const { postgres, pgring, counted, counter } = subjects;
  await runAll([postgres, pgring], query.before);
  try {
    const expected = await timed(postgres, query.sql, runs);
    try {
      const rung = await rungOf(pgring, query.sql);
      const found = await timed(pgring, query.sql, runs);
      // The first run fills caches; what it ships beside the query's rows is not the query's.
      await ask(counted, query.sql);
      counter.take();
      await ask(counted, query.sql);
      const traffic = counter.take();
      const wrong = difference(expected.answer, found.answer);
      return {
        query: query.number,
        rung,
        rows: expected.answer.rows.length,
        wrong,
        traffic,
        pgringMs: found.milliseconds,
        postgresMs: expected.milliseconds,
      };
    } catch (error) {
      return {
        query: query.number,
        rung: '-',
        rows: expected.answer.rows.length,
        wrong: error instanceof Error ? error.message : String(error),
        traffic: { rowsFromServers: 0, bytesFromServers: 0, bytesToServers: 0 },
        pgringMs: Number.NaN,
        postgresMs: expected.milliseconds,
      };
    }
  } finally {
    await runAll([postgres, pgring], query.after);
  }
}

async function runAll(clients: readonly Client[], statements: readonly string[]): Promise<void> {
  for (const client of clients) for (const statement of statements) await client.query(statement);
}

/** The median of some runs after one that warms up, and the last answer. */
async function timed(
  client: Client,
  sql: string,
  runs: number,
): Promise<{ readonly milliseconds: number; readonly answer: Answer }> {
  const figures: number[] = [];
  for (;;) {
    const start = performance.now();
    const answer = await ask(client, sql);
    const milliseconds = performance.now() - start;
    figures.push(milliseconds);
    if (figures.length > runs) return { milliseconds: median(figures.slice(1)), answer };
    if (milliseconds > LONG_MS) return { milliseconds, answer };
  }
}

/** The first word of pgring's own plan. */
async function rungOf(client: Client, sql: string): Promise<string> {
  const { rows } = await ask(client, `EXPLAIN ${sql}`);
  const [first = ''] = rows;
  const line: unknown = JSON.parse(first);
  const text = Array.isArray(line) ? String(line[0]) : '';
  return /^\w+/.exec(text)?.[0] ?? text;
}
