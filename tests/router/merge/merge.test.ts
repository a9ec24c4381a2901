import * as fc from 'fast-check';
import type { OrderKey } from '../../../planner/plan/plan.js';
import { merge } from '../../../router/merge/merge.js';
import { cutIntoRuns, GivenRows, int4, printRows, readAll, runOf, SilentRows, type Row } from './rows.js';

interface Item {
  readonly first: number | null;
  readonly second: string | null;
  readonly payload: string;
}

const item: fc.Arbitrary<Item> = fc.record({
  first: fc.option(fc.integer({ min: -3, max: 3 })),
  second: fc.option(fc.string({ unit: fc.constantFrom('a', 'b', 'é'), maxLength: 15 })),
  payload: fc.oneof(
    { weight: 30, arbitrary: fc.string({ maxLength: 60 }) },
    { weight: 1, arbitrary: fc.constantFrom('x'.repeat(40_000), 'y'.repeat(65_536), 'z'.repeat(150_000)) },
  ),
});

const direction = fc.record({ descending: fc.boolean(), nullsFirst: fc.boolean() });

function compareValues<T>(
  a: T | null,
  b: T | null,
  key: { descending: boolean; nullsFirst: boolean },
  compare: (a: T, b: T) => number,
): number {
  if (a === null || b === null) return a === b ? 0 : (a === null) === key.nullsFirst ? -1 : 1;
  return key.descending ? compare(b, a) : compare(a, b);
}

describe('merge', () => {
  it('gives what a stable sort of all rows gives, however runs are cut and whenever they arrive', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(item, { maxLength: 30 }), { minLength: 1, maxLength: 7 }),
        fc.tuple(direction, direction),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 }),
        fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 4 }),
        fc.integer({ min: 0, max: 3 }),
        async (shards, [firstWay, secondWay], sizes, delays, hidden) => {
          const compare = (a: Item, b: Item): number =>
            compareValues(a.first, b.first, firstWay, (x, y) => x - y) ||
            compareValues(a.second, b.second, secondWay, (x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y)));
          const row = (it: Item, shard: number): Row => [
            Buffer.from(it.payload),
            Buffer.from(String(shard)),
            it.second === null ? null : Buffer.from(it.second),
            it.first === null ? null : int4(it.first),
          ];
          const sorted = shards.map((items) => items.toSorted(compare));
          const expected = sorted
            .flatMap((items, shard) => items.map((it) => ({ it, shard })))
            .sort((a, b) => compare(a.it, b.it) || a.shard - b.shard)
            .map(({ it, shard }) => row(it, shard).slice(0, 4 - hidden));
          const order: OrderKey[] = [
            { column: 3, type: 'int4', ...firstWay },
            { column: 2, type: 'text', ...secondWay },
          ];
          const streams = sorted.map(
            (items, shard) =>
              new GivenRows(
                cutIntoRuns(
                  items.map((it) => row(it, shard)),
                  sizes,
                ),
                delays.slice(shard % 2),
              ),
          );
          expect(printRows(await readAll(merge(streams, order, hidden)))).toEqual(printRows(expected));
        },
      ),
      { numRuns: 100, seed: 11 },
    );
  });

  it('gives runs of at most 64 KB', async () => {
    const shard = (parity: number): GivenRows =>
      new GivenRows(
        cutIntoRuns(
          Array.from({ length: 5000 }, (_, i): Row => [int4(2 * i + parity), Buffer.from('payload')]),
          [700],
        ),
      );
    const merged = merge([shard(0), shard(1)], [{ column: 0, type: 'int4', descending: false, nullsFirst: false }], 0);
    let rows = 0;
    for (let run = await merged.next(); run !== undefined; run = await merged.next()) {
      expect(run.end - run.start).toBeLessThanOrEqual(65_536);
      rows += run.rows;
    }
    expect(rows).toBe(10_000);
  });

  it('lets the event loop turn while its streams are always ready', async () => {
    const shard = (parity: number): GivenRows =>
      new GivenRows(
        cutIntoRuns(
          Array.from({ length: 20_000 }, (_, i): Row => [int4(2 * i + parity)]),
          [1000],
        ),
      );
    let turns = 0;
    let done = false;
    const turn = (): void => {
      turns++;
      if (!done) setImmediate(turn);
    };
    setImmediate(turn);
    await readAll(merge([shard(0), shard(1)], [{ column: 0, type: 'int4', descending: false, nullsFirst: false }], 0));
    done = true;
    expect(turns).toBeGreaterThan(5);
  });

  const byInt: OrderKey[] = [{ column: 0, type: 'int4', descending: false, nullsFirst: false }];

  it('stops all streams when stopped, also while it waits for one', async () => {
    const silent = new SilentRows();
    const given = new GivenRows([runOf([[int4(1)]])]);
    const merged = merge([silent, given], byInt, 0);
    const waiting = merged.next();
    await new Promise((resolve) => setImmediate(resolve));
    merged.stop();
    merged.stop();
    expect(await waiting).toBeUndefined();
    expect(silent.stops).toBe(1);
  });

  it('ends with the error of a stream and stops the others', async () => {
    const silent = new SilentRows();
    const failing = new GivenRows([runOf([[int4(1)]])], [1], new Error('shard two is gone'));
    const merged = merge([silent, failing], byInt, 0);
    await expect(merged.next()).rejects.toThrow('shard two is gone');
    expect(silent.stops).toBe(1);
    expect(failing.stops).toBe(0);
  });

  it('refuses an order column of another length than its type has', async () => {
    const merged = merge([new GivenRows([runOf([[Buffer.from('12345678')]])])], byInt, 1);
    await expect(merged.next()).rejects.toMatchObject({ sqlstate: 'XX000' });
  });

  it('reads no further than one run ahead of each stream', async () => {
    const ahead = new GivenRows(
      cutIntoRuns(
        Array.from({ length: 50 }, (_, i): Row => [int4(i)]),
        [1],
      ),
    );
    const merged = merge([ahead, new SilentRows()], byInt, 0);
    void merged.next();
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(ahead.calls).toBe(2);
  });
});
