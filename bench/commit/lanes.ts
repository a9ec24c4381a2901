/** Ways to run one transaction that changes two rows, each as a client would write it. */

import { performance } from 'node:perf_hooks';
import { Client } from 'pg';

export const DATABASE = 'postgres';
export const ROWS = 20_000;

interface Address {
  readonly host: string;
  readonly port: number;
}

/** Where everything is: two servers, and pgring in front of them. */
export interface Places {
  readonly servers: readonly Address[];
  readonly proxy: Address;
  /** Ids by the server that owns them. */
  readonly ids: readonly (readonly number[])[];
}

/** How long the transaction took, and how long of that its COMMIT. */
export interface Taken {
  readonly transactionMs: number;
  readonly commitMs: number;
}

/** One client; `run` does one transaction. */
interface Runner {
  run(): Promise<Taken>;
  close(): Promise<void>;
}

export interface Lane {
  readonly name: string;
  /** What reads while the transactions run. */
  readonly reader?: 'per_shard' | 'atomic';
  open(places: Places, client: number): Promise<Runner>;
}

export async function connect({ host, port }: Address): Promise<Client> {
  const client = new Client({ host, port, user: 'postgres', database: DATABASE });
  await client.connect();
  return client;
}

/** Clients do not meet at the same rows: each has every so many. */
const MOST_CLIENTS = 64;

class Picker {
  #at: number;

  constructor(client: number) {
    this.#at = client;
  }

  next(ids: readonly number[]): number {
    this.#at = (this.#at + MOST_CLIENTS) % (Math.floor(ids.length / MOST_CLIENTS) * MOST_CLIENTS);
    return ids[this.#at] ?? 0;
  }
}

const change = (id: number): string => `UPDATE accounts SET balance = balance + 1 WHERE id = ${id}`;

/** BEGIN, two updates and COMMIT on one connection. */
async function plain(client: Client, ids: readonly number[]): Promise<Taken> {
  const begun = performance.now();
  await client.query('BEGIN');
  for (const id of ids) await client.query(change(id));
  const committing = performance.now();
  await client.query('COMMIT');
  const ended = performance.now();
  return { transactionMs: ended - begun, commitMs: ended - committing };
}

function onOne(
  name: string,
  place: (places: Places) => Address,
  owners: readonly number[],
  reader?: Lane['reader'],
): Lane {
  return {
    name,
    ...(reader === undefined ? {} : { reader }),
    open: async (places, number) => {
      const client = await connect(place(places));
      const picker = new Picker(number);
      const pickers = [picker, new Picker(number + MOST_CLIENTS / 2)];
      return {
        run: async () =>
          await plain(
            client,
            owners.map((owner, index) => (pickers[index] ?? picker).next(places.ids[owner] ?? [])),
          ),
        close: async () => {
          await client.end();
        },
      };
    },
  };
}

function byHand(name: string, commit: (clients: readonly Client[], id: string) => Promise<void>): Lane {
  return {
    name,
    open: async (places, number) => {
      const clients = await Promise.all(places.servers.map(connect));
      const picker = new Picker(number);
      let transactions = 0;
      return {
        run: async () => {
          transactions += 1;
          const begun = performance.now();
          await Promise.all(clients.map(async (client) => await client.query('BEGIN')));
          for (const [index, client] of clients.entries()) {
            await client.query(change(picker.next(places.ids[index] ?? [])));
          }
          const committing = performance.now();
          await commit(clients, `bench-${process.pid}-${number}-${transactions}`);
          const ended = performance.now();
          return { transactionMs: ended - begun, commitMs: ended - committing };
        },
        close: async () => {
          await Promise.all(clients.map(async (client) => await client.end()));
        },
      };
    },
  };
}

async function onAll(clients: readonly Client[], sql: string): Promise<void> {
  await Promise.all(clients.map(async (client) => await client.query(sql)));
}

const server = ({ servers }: Places): Address => servers[0] ?? { host: '', port: 0 };
const proxy = (places: Places): Address => places.proxy;

export const lanes: readonly Lane[] = [
  onOne('PostgreSQL, one server', server, [0, 0]),
  onOne('pgring, both rows on one shard', proxy, [0, 0]),
  byHand('two servers by hand, no two-phase commit', async (clients) => {
    await onAll(clients, 'COMMIT');
  }),
  byHand('two servers by hand, two-phase commit', async (clients, id) => {
    await onAll(clients, `PREPARE TRANSACTION '${id}'`);
    await onAll(clients, `COMMIT PREPARED '${id}'`);
  }),
  onOne('pgring, two shards', proxy, [0, 1]),
  onOne('pgring, two shards, and a client that reads both', proxy, [0, 1], 'per_shard'),
  onOne('pgring, two shards, and a client that reads both atomically', proxy, [0, 1], 'atomic'),
];
