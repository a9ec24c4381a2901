import * as fc from 'fast-check';
import { Client } from 'pg';
import type { OrderType } from '../../../planner/plan/plan.js';
import { KeyOrder, SortKey } from '../../../router/merge/compare.js';
import { merge } from '../../../router/merge/merge.js';
import { createDatabaseEverywhere, dropDatabaseEverywhere } from '../../support/shared-servers.js';
import { cutIntoRuns, GivenRows, printRows, readAll, type Row } from './rows.js';
import { orderTypes, typesUnderTest } from './values.js';

const database = 'router_merge_compare';
let client: Client;

beforeAll(async () => {
  const { oracle } = await createDatabaseEverywhere(database);
  client = new Client({ host: oracle.host, port: oracle.port, user: 'postgres', database });
  await client.connect();
});

afterAll(async () => {
  await client.end();
  await dropDatabaseEverywhere(database);
});

function sample(type: OrderType, count: number, seed: number): string[] {
  return fc.sample(typesUnderTest[type].values, { numRuns: count, seed });
}

/** The values in PostgreSQL's order, each with its binary form and its rank among the distinct values. */
async function orderInPostgres(type: OrderType, values: readonly string[]): Promise<{ bytes: Buffer; rank: number }[]> {
  const { name, send } = typesUnderTest[type];
  const result = await client.query<{ hex: string; rank: string }>(
    `SELECT encode(${send}(v), 'hex') AS hex, dense_rank() OVER (ORDER BY v) AS rank
     FROM (SELECT s::${name} AS v FROM unnest($1::text[]) AS s) AS x ORDER BY rank`,
    [values],
  );
  return result.rows.map((row) => ({ bytes: Buffer.from(row.hex, 'hex'), rank: Number(row.rank) }));
}

function compareAs(type: OrderType, descending: boolean): (a: Buffer, b: Buffer) => number {
  const order = new KeyOrder({ column: 0, type, descending, nullsFirst: false });
  const read = (bytes: Buffer): SortKey => {
    const key = new SortKey();
    order.read(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length, key);
    return key;
  };
  return (a, b) => order.compare(a, read(a), b, read(b));
}

describe('the order of each type', () => {
  it.each(orderTypes)('of %s is that of PostgreSQL for every pair of values', async (type) => {
    const ordered = await orderInPostgres(type, sample(type, 200, 21));
    const ascending = compareAs(type, false);
    const descending = compareAs(type, true);
    const wrong: string[] = [];
    for (const a of ordered) {
      for (const b of ordered) {
        const expected = Math.sign(a.rank - b.rank);
        const up = Math.sign(ascending(a.bytes, b.bytes));
        const down = Math.sign(descending(a.bytes, b.bytes));
        if (up !== expected || down + expected !== 0)
          wrong.push(`${a.bytes.toString('hex')} ${b.bytes.toString('hex')}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(new Set(ordered.map((it) => it.rank)).size).toBeGreaterThan(1);
  });

  it.each(orderTypes)(
    'of %s with NULLs and directions: a merge of sorted shards is ORDER BY of all rows',
    async (type) => {
      const { name, send } = typesUnderTest[type];
      for (const way of ['ASC NULLS FIRST', 'ASC NULLS LAST', 'DESC NULLS FIRST', 'DESC NULLS LAST']) {
        const values: (string | null)[] = [...sample(type, 80, 22), null, null, null, null];
        const rowsOf = async (where: string): Promise<Row[]> => {
          const result = await client.query<{ hex: string | null; n: string }>(
            `SELECT encode(${send}(v), 'hex') AS hex, n::text
           FROM (SELECT s::${name} AS v, n, n % 3 AS shard FROM unnest($1::text[]) WITH ORDINALITY AS u (s, n)) AS x
           WHERE ${where} ORDER BY v ${way}, shard, n`,
            [values],
          );
          return result.rows.map((row) => [row.hex === null ? null : Buffer.from(row.hex, 'hex'), Buffer.from(row.n)]);
        };
        const shards = [await rowsOf('shard = 0'), await rowsOf('shard = 1'), await rowsOf('shard = 2')];
        const merged = merge(
          shards.map((rows) => new GivenRows(cutIntoRuns(rows, [3]))),
          [{ column: 0, type, descending: way.startsWith('DESC'), nullsFirst: way.endsWith('FIRST') }],
          0,
        );
        expect(printRows(await readAll(merged))).toEqual(printRows(await rowsOf('true')));
      }
    },
  );
});
