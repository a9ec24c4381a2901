import * as fc from 'fast-check';
import { limitRows } from '../../../router/merge/limit.js';
import { cutIntoRuns, GivenRows, int4, readAll, SilentRows, type Row } from './rows.js';

describe('limitRows', () => {
  it('is a slice of the rows, and stops the source as soon as they are there', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 30 }),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 3 }),
        fc.option(fc.bigInt({ min: 0n, max: 35n }), { nil: undefined }),
        fc.bigInt({ min: 0n, max: 35n }),
        async (count, sizes, limit, offset) => {
          const rows = Array.from({ length: count }, (_, i): Row => [int4(i)]);
          const source = new GivenRows(cutIntoRuns(rows, sizes));
          const end = limit === undefined ? undefined : Number(offset + limit);
          expect(await readAll(limitRows(source, limit, offset))).toEqual(rows.slice(Number(offset), end));
          if (end !== undefined && end <= count) expect(source.stops).toBeGreaterThan(0);
        },
      ),
      { numRuns: 200, seed: 13 },
    );
  });

  it('reads nothing for LIMIT 0', async () => {
    const source = new GivenRows([]);
    expect(await limitRows(source, 0n, 5n).next()).toBeUndefined();
    expect(source.calls).toBe(0);
    expect(source.stops).toBe(1);
  });

  it('takes limits and offsets beyond 2^53', async () => {
    const source = new GivenRows(cutIntoRuns([[int4(1)], [int4(2)]], [1]));
    expect(await readAll(limitRows(source, 9_223_372_036_854_775_807n, 1n))).toEqual([[int4(2)]]);
    expect(
      await readAll(limitRows(new GivenRows(cutIntoRuns([[int4(1)]], [1])), 1n, 9_223_372_036_854_775_807n)),
    ).toEqual([]);
  });

  it('passes a stop on', () => {
    const silent = new SilentRows();
    limitRows(silent, 5n, 0n).stop();
    expect(silent.stops).toBe(1);
  });
});
