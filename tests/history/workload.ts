/** The clients whose history is recorded: writers over several shards, and readers of several shards. */

import type { Client } from 'pg';
import type { CrossShardReads } from '../../catalog/cross-shard-reads.js';
import { RoamingClients } from '../faults/roaming-clients.js';
import type { Dice } from '../oracle/dice.js';
import { encodeItem, type HistoryChecker, type Outcome, type Plan } from './checker.js';

/** Transactions append to lists of the same generation; a new one begins before lists become long. */
const LISTS = 24;
const TRANSACTIONS_A_GENERATION = 300;
const REGISTERS = 8;
const MOST_LISTS = 4;
/** One transaction in so many is rolled back by its client. */
const ROLLED_BACK = 8;
/** One in so many appends twice to a list. */
const TWICE = 3;
/** So many ways to read are chosen from; the cheap ones come several times. */
const WAYS = 12;
/** Reads or transactions before a client goes to another proxy. */
const STAY = 40;

export const schemaSql = [
  'CREATE TABLE lists (id int PRIMARY KEY, items int[] NOT NULL)',
  'CREATE TABLE registers (id int PRIMARY KEY, value int NOT NULL)',
  `INSERT INTO registers SELECT id, 0 FROM generate_series(0, ${REGISTERS - 1}) AS id`,
];

type Lists = ReadonlyMap<number, readonly number[]>;

interface Row {
  readonly id: number;
  readonly items: readonly number[];
}

export interface WorkloadOptions {
  readonly ports: readonly number[];
  readonly writers: number;
  readonly readers: number;
  readonly crossShardReads: CrossShardReads;
}

export class Workload {
  readonly #options: WorkloadOptions;
  readonly #checker: HistoryChecker;
  readonly #dice: Dice;
  #transactions = 0;
  readonly #clients: RoamingClients;

  constructor(options: WorkloadOptions, checker: HistoryChecker, dice: Dice) {
    this.#options = options;
    this.#checker = checker;
    this.#dice = dice;
    this.#clients = new RoamingClients(options.ports);
    this.#start(options.writers, async (client) => {
      await this.#write(client);
    });
    this.#start(options.readers, async (client) => {
      await this.#read(client);
    });
  }

  get errors(): ReadonlyMap<string, number> {
    return this.#clients.errors;
  }

  async close(): Promise<void> {
    await this.#clients.close();
  }

  /** Clients that do the work again and again. */
  #start(count: number, work: (client: Client) => Promise<void>): void {
    this.#clients.start(count, {
      open: async (client) => {
        await client.connect();
        await client.query(`SET pgring.cross_shard_reads = '${this.#options.crossShardReads}'`);
      },
      work: async (client) => {
        for (let times = 0; this.#clients.running && times < STAY; times += 1) await work(client);
      },
    });
  }

  async #write(client: Client): Promise<void> {
    const plan = this.#plan();
    this.#checker.begin(plan);
    const outcome = await this.#transact(client, plan);
    this.#checker.end(plan.number, outcome);
    if (outcome !== 'committed') await client.query('ROLLBACK');
  }

  #plan(): Plan {
    this.#transactions += 1;
    const number = this.#transactions;
    const first = this.#firstList;
    const keys = Array.from({ length: LISTS }, (_unused, index) => first + index);
    const chosen = this.#dice.shuffle(keys).slice(0, 2 + this.#dice.below(MOST_LISTS - 1));
    const twice = this.#dice.once(TWICE) ? chosen.pop() : undefined;
    return { number, lists: chosen.toSorted((left, right) => left - right), twice };
  }

  get #firstList(): number {
    return Math.floor(this.#transactions / TRANSACTIONS_A_GENERATION) * LISTS;
  }

  async #transact(client: Client, { number, lists, twice }: Plan): Promise<Outcome> {
    const append = async (list: number, last: boolean): Promise<void> => {
      await client.query(
        `INSERT INTO lists AS l VALUES (${list}, ARRAY[${encodeItem({ transaction: number, last })}])
         ON CONFLICT (id) DO UPDATE SET items = l.items || excluded.items`,
      );
    };
    try {
      await client.query('BEGIN');
      if (this.#dice.once(2)) await this.#replace(client, number);
      // Rows are locked in one order, or transactions would wait for each other in circles.
      const inOrder = twice === undefined ? lists : [...lists, twice].toSorted((left, right) => left - right);
      for (const list of inOrder) await append(list, list !== twice);
      if (twice !== undefined) await append(twice, true);
    } catch (error) {
      this.#clients.note(error);
      return 'aborted';
    }
    if (this.#dice.once(ROLLED_BACK)) return 'aborted';
    const outcome = await this.#clients.commit(client);
    return outcome === 'rolled back' ? 'aborted' : outcome;
  }

  async #replace(client: Client, number: number): Promise<void> {
    const register = this.#dice.below(REGISTERS);
    const { rows } = await client.query<{ value: number }>(
      `SELECT value FROM registers WHERE id = ${register} FOR UPDATE`,
    );
    this.#checker.replace(number, register, rows[0]?.value ?? -1);
    await client.query(`UPDATE registers SET value = ${number} WHERE id = ${register}`);
  }

  /** One read of several shards, in one of many ways. */
  async #read(client: Client): Promise<void> {
    const first = this.#firstList;
    const all = Array.from({ length: LISTS }, (_unused, index) => first + index);
    const where = `WHERE id >= ${first} AND id < ${first + LISTS}`;
    const ask = async (sql: string, keys: readonly number[] = all): Promise<Lists> => {
      const { rows } = await client.query<Row>(sql);
      const found = new Map(rows.map(({ id, items }) => [id, items]));
      return new Map(keys.map((key) => [key, found.get(key) ?? []]));
    };
    switch (this.#dice.below(WAYS)) {
      case 0:
      case 8:
      case 9:
        this.#checker.read(await ask(`SELECT id, items FROM lists ${where}`));
        return;
      case 1:
      case 10:
        this.#checker.read(await ask(`SELECT id, items FROM lists ${where} ORDER BY items DESC`));
        return;
      case 2:
      case 11: {
        const some = this.#dice.shuffle(all).slice(0, 6);
        this.#checker.read(await ask(`SELECT id, items FROM lists WHERE id IN (${some.join()})`, some));
        return;
      }
      case 3:
        this.#checker.read(await ask(`SELECT id, items, count(*) OVER () FROM lists ${where}`));
        return;
      case 4:
        await client.query('BEGIN');
        this.#checker.read(await ask(`SELECT id, items FROM lists ${where}`));
        this.#checker.read(await ask(`SELECT id, items, rank() OVER (ORDER BY items) FROM lists ${where}`));
        await client.query('COMMIT');
        return;
      case 5:
        await client.query('BEGIN');
        await client.query(`DECLARE c CURSOR FOR SELECT id, items FROM lists ${where} ORDER BY id`);
        this.#checker.read(await ask('FETCH ALL FROM c'));
        await client.query('COMMIT');
        return;
      default: {
        const level = this.#dice.pick(['REPEATABLE READ', 'SERIALIZABLE']);
        await client.query(`BEGIN ISOLATION LEVEL ${level}`);
        const one = first + this.#dice.below(LISTS);
        const before = await ask(`SELECT id, items FROM lists WHERE id = ${one}`, [one]);
        const now = await ask(`SELECT id, items FROM lists ${where}`);
        const later = await ask(`SELECT id, items, count(*) OVER () FROM lists ${where}`);
        await client.query('COMMIT');
        this.#checker.read(now);
        this.#checker.read(later);
        this.#checker.compare(before, now);
        this.#checker.compare(now, later);
      }
    }
  }
}
