/**
 * Clients that move money between accounts on several shards, and what each was told of it. Each transfer writes a line
 * into a ledger in the same transaction, so that afterwards it can be seen of each whether it happened.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import type { Dice } from '../oracle/dice.js';
import { RoamingClients } from './roaming-clients.js';

export const ACCOUNTS = 120;
export const BALANCE = 1000;

/**
 * `unknown`: the connection broke after COMMIT was sent, or 08007. `refused`: any other error, or an end before COMMIT was
 * sent: such a transfer must not be there.
 */
export type Outcome = 'acknowledged' | 'refused' | 'unknown';

export interface Transfer {
  readonly id: number;
  readonly from: number;
  readonly to: number;
  readonly amount: number;
}

interface Told {
  readonly transfer: Transfer;
  readonly outcome: Outcome;
}

/** One client in so many keeps a temporary table, so that the home shard decides its transactions. */
const TEMPORARY_CLIENTS = 4;
/** One transfer in so many breaks a constraint that is checked at COMMIT. */
const BROKEN_TRANSFERS = 12;
/** One transfer in so many goes first to the account with the greater number, so that transfers wait in circles. */
const REVERSED_TRANSFERS = 20;
const LOOK_MS = 100;
/** A client stays with one proxy for so many transfers, and goes to the next one then. */
const TRANSFERS_A_CONNECTION = 25;

export const schemaSql = [
  'CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL)',
  'CREATE TABLE ledger (id int, source int NOT NULL, target int NOT NULL, amount int NOT NULL, PRIMARY KEY (id) DEFERRABLE INITIALLY DEFERRED)',
  'INSERT INTO ledger VALUES (0, 0, 0, 0)',
  `INSERT INTO accounts SELECT id, ${BALANCE} FROM generate_series(0, ${ACCOUNTS - 1}) AS id`,
];

export class Bank {
  readonly told: Told[] = [];
  readonly #deadlocks: boolean;
  readonly #dice: Dice;
  #next = 0;
  #paused = false;
  #active = 0;
  readonly #clients: RoamingClients;

  /** `deadlocks`: some transfers take their accounts in the other order. */
  constructor(ports: readonly number[], clients: number, dice: Dice, deadlocks: boolean) {
    this.#deadlocks = deadlocks;
    this.#dice = dice;
    this.#clients = new RoamingClients(ports);
    this.#clients.start(clients, {
      open: async (client, number) => {
        await this.#whileActive(async () => {
          await client.connect();
          if (number % TEMPORARY_CLIENTS === 0) await client.query('CREATE TEMP TABLE own AS SELECT 1 AS one');
        });
      },
      work: async (client) => {
        await this.#transferAWhile(client);
      },
    });
  }

  get errors(): ReadonlyMap<string, number> {
    return this.#clients.errors;
  }

  get acknowledged(): number {
    return this.told.filter(({ outcome }) => outcome === 'acknowledged').length;
  }

  /** How many clients have not come to rest. */
  get active(): number {
    return this.#active;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  async close(): Promise<void> {
    await this.#clients.close();
  }

  /** Ends by an error when the connection is gone. */
  async #transferAWhile(client: Client): Promise<void> {
    for (let transfers = 0; this.#clients.running && transfers < TRANSFERS_A_CONNECTION; transfers += 1) {
      while (this.#paused) await sleep(LOOK_MS);
      await this.#whileActive(async () => {
        const transfer = this.#choose();
        const outcome = await this.#transfer(client, transfer);
        this.told.push({ transfer, outcome });
        if (outcome !== 'acknowledged') await client.query('ROLLBACK');
      });
    }
  }

  async #whileActive(work: () => Promise<void>): Promise<void> {
    this.#active += 1;
    try {
      await work();
    } finally {
      this.#active -= 1;
    }
  }

  #choose(): Transfer {
    this.#next += 1;
    const from = this.#dice.below(ACCOUNTS);
    const to = (from + 1 + this.#dice.below(ACCOUNTS - 1)) % ACCOUNTS;
    return { id: this.#next, from, to, amount: 1 + this.#dice.below(5) };
  }

  async #transfer(client: Client, { id, from, to, amount }: Transfer): Promise<Outcome> {
    const inOrder = from < to !== (this.#deadlocks && this.#dice.once(REVERSED_TRANSFERS));
    const broken = this.#dice.once(BROKEN_TRANSFERS);
    const move = async (account: number): Promise<void> => {
      const change = account === from ? -amount : amount;
      await client.query(`UPDATE accounts SET balance = balance + ${change} WHERE id = ${account}`);
    };
    try {
      await client.query('BEGIN');
      await move(inOrder ? from : to);
      await move(inOrder ? to : from);
      await client.query(`INSERT INTO ledger VALUES (${id}, ${from}, ${to}, ${amount})`);
      // Line 0 is there already, which is found out when its shard is to prepare.
      if (broken) await client.query('INSERT INTO ledger VALUES (0, 0, 0, 0)');
    } catch (error) {
      this.#clients.note(error);
      return 'refused';
    }
    return outcomes[await this.#clients.commit(client)];
  }
}

const outcomes = { committed: 'acknowledged', 'rolled back': 'refused', unknown: 'unknown' } as const;
