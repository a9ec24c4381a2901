/**
 * Many clients insert rows whose key a sequence gives, through several proxies that are killed at random. What must hold
 * then: every row that a client was told of is there, once, under the key that it was told; no key came twice.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { present } from '../../base/assert.js';
import { Dice } from '../oracle/dice.js';
import { internalErrors, RoamingClients } from './roaming-clients.js';
import { withClient } from '../support/proxy.js';
import { DATABASE, openStage, type Stage } from './stage.js';

export interface SerialKeyOptions {
  readonly seed: number;
  readonly clients: number;
  readonly proxies: number;
  readonly kills: number;
  readonly fsync: boolean;
}

export interface SerialKeyResult {
  readonly acknowledged: number;
  /** Statements whose connection ended before the answer. */
  readonly unknown: number;
  readonly stored: number;
  readonly kills: number;
  /** Rows a second, over the whole run. */
  readonly rate: number;
  /** Numbers that were taken and are in no row. */
  readonly gaps: number;
  /** SQLSTATEs that clients got, or `lost`, with their numbers. */
  readonly errors: ReadonlyMap<string, number>;
  readonly breaches: readonly string[];
}

const SHARDS = 4;
const BETWEEN_KILLS_MS = 400;
const ROWS_A_CONNECTION = 200;
/** One statement in so many is of that kind; the others insert one row. */
const MANY_ROWS = 7;
const COPIES = 11;
const TRANSACTIONS = 5;

const schema = [
  'CREATE TABLE numbered (id serial PRIMARY KEY, client int NOT NULL, mark text NOT NULL)',
  'CREATE TABLE parts (client int, id bigint GENERATED ALWAYS AS IDENTITY, mark text NOT NULL, PRIMARY KEY (client, id))',
];

export async function runSerialKeys(options: SerialKeyOptions, say: (line: string) => void): Promise<SerialKeyResult> {
  const stage = await openStage({ shards: SHARDS, proxies: options.proxies, fsync: options.fsync });
  try {
    await withClient({ host: '127.0.0.1', port: portOf(stage, 0) }, DATABASE, async (client) => {
      for (const sql of schema) await client.query(sql);
    });
    const writers = new Writers(stage, options);
    const started = performance.now();
    const dice = new Dice(options.seed);
    for (let kill = 1; kill <= options.kills; kill += 1) {
      await sleep(BETWEEN_KILLS_MS + dice.below(BETWEEN_KILLS_MS));
      const proxy = stage.proxies[dice.below(stage.proxies.length)];
      await proxy?.kill();
      await proxy?.start();
      say(`kill ${kill}: ${writers.told.size} rows acknowledged`);
    }
    await writers.close();
    const seconds = (performance.now() - started) / 1000;
    return await audit(stage, writers, options.kills, seconds);
  } finally {
    await stage.close();
  }
}

function portOf(stage: Stage, index: number): number {
  return stage.proxies[index % stage.proxies.length]?.port ?? 0;
}

/** The clients, and what each was told. */
class Writers {
  /** By the mark of a row: its table and its key as the client was told it, or undefined where it was told of no key. */
  readonly told = new Map<string, { readonly table: string; readonly id: string | undefined }>();
  /** Marks of rows whose statement got no answer. */
  readonly unknown = new Set<string>();
  readonly #clients: RoamingClients;

  constructor(stage: Stage, { clients, seed }: SerialKeyOptions) {
    const dice = Array.from({ length: clients }, (_unused, number) => new Dice(seed * 1000 + number));
    const marks = dice.map(() => 0);
    this.#clients = new RoamingClients(stage.proxies.map(({ port }) => port));
    this.#clients.start(clients, {
      open: async (client) => {
        await client.connect();
      },
      work: async (client, number) => {
        for (let rows = 0; this.#clients.running && rows < ROWS_A_CONNECTION; rows += 1) {
          const mark = (marks[number] ?? 0) + 1;
          marks[number] = mark;
          await this.#insert(client, number, `${number}-${mark}`, present(dice[number], 'dice of a client'));
        }
      },
    });
  }

  get errors(): ReadonlyMap<string, number> {
    return this.#clients.errors;
  }

  async close(): Promise<void> {
    await this.#clients.close();
  }

  /** Ends by an error when the connection is gone. */
  async #insert(client: Client, number: number, mark: string, dice: Dice): Promise<void> {
    const table = dice.once(3) ? 'parts' : 'numbered';
    const marks = dice.once(MANY_ROWS) ? [`${mark}a`, `${mark}b`, `${mark}c`] : [mark];
    const inTransaction = dice.once(TRANSACTIONS);
    const bySelect = dice.once(COPIES);
    const rows = marks.map((each) => `(${number}, '${each}')`).join(', ');
    const source = bySelect ? `SELECT * FROM (VALUES ${rows}) AS v` : `VALUES ${rows}`;
    for (const each of marks) this.unknown.add(each);
    if (inTransaction) await client.query('BEGIN');
    const answer = await client.query<{ id: string; mark: string }>(
      `INSERT INTO ${table} (client, mark) ${source} RETURNING id::text, mark`,
    );
    if (inTransaction) await client.query('COMMIT');
    for (const each of answer.rows) this.told.set(each.mark, { table, id: each.id });
    for (const each of marks) this.unknown.delete(each);
  }
}

interface Row {
  readonly table: string;
  readonly id: string;
  readonly mark: string;
}

async function audit(stage: Stage, writers: Writers, kills: number, seconds: number): Promise<SerialKeyResult> {
  const breaches: string[] = [...internalErrors(writers.errors)];
  const stored: Row[] = [];
  let taken = 0;
  await withClient({ host: '127.0.0.1', port: portOf(stage, 0) }, DATABASE, async (client) => {
    for (const table of ['numbered', 'parts']) {
      const { rows } = await client.query<{ id: string; mark: string }>(`SELECT id::text, mark FROM ${table}`);
      stored.push(...rows.map((row) => ({ table, ...row })));
      const { rows: last } = await client.query<{ last_value: string }>(`SELECT last_value FROM ${table}_id_seq`);
      taken += Number(last[0]?.last_value ?? 0);
    }
  });
  const keys = new Set<string>();
  const marks = new Map<string, Row>();
  for (const row of stored) {
    const key = `${row.table} ${row.id}`;
    if (keys.has(key)) breaches.push(`the key ${key} came twice`);
    keys.add(key);
    if (marks.has(row.mark)) breaches.push(`the row ${row.mark} is there twice`);
    marks.set(row.mark, row);
    if (!writers.told.has(row.mark) && !writers.unknown.has(row.mark)) breaches.push(`nobody inserted ${row.mark}`);
  }
  for (const [mark, { table, id }] of writers.told) {
    const row = marks.get(mark);
    if (row === undefined) breaches.push(`the acknowledged row ${mark} is lost`);
    else if (row.table !== table || row.id !== id) breaches.push(`the row ${mark} has another key than was told`);
  }
  return {
    acknowledged: writers.told.size,
    unknown: writers.unknown.size,
    stored: stored.length,
    kills,
    rate: Math.round(stored.length / seconds),
    gaps: taken - stored.length,
    errors: writers.errors,
    breaches,
  };
}
