import * as fc from 'fast-check';
import { concatenate } from '../../../router/merge/concatenate.js';
import { cutIntoRuns, GivenRows, int4, readAll, runOf, SilentRows, type Row } from './rows.js';

describe('concatenate', () => {
  it('delivers every row once, each stream in its order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 5 }),
        fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 4 }),
        async (counts, delays, size) => {
          const rows = counts.map((count, shard) =>
            Array.from({ length: count }, (_, i): Row => [int4(shard), int4(i)]),
          );
          const streams = rows.map(
            (own, shard) => new GivenRows(cutIntoRuns(own, [size]), delays.slice(shard % delays.length)),
          );
          const all = await readAll(concatenate(streams));
          expect(all.length).toBe(rows.flat().length);
          for (const [shard, own] of rows.entries()) {
            expect(all.filter((row) => row[0]?.readInt32BE() === shard)).toEqual(own);
          }
        },
      ),
      { numRuns: 100, seed: 12 },
    );
  });

  it('delivers what is there while another stream is silent, uncopied', async () => {
    const run = runOf([[int4(1)]]);
    const silent = new SilentRows();
    const both = concatenate([silent, new GivenRows([run])]);
    expect(await both.next()).toBe(run);
    const waiting = both.next();
    both.stop();
    expect(await waiting).toBeUndefined();
    expect(silent.stops).toBe(1);
  });

  it('ends with the error of a stream and stops the others', async () => {
    const silent = new SilentRows();
    const both = concatenate([silent, new GivenRows([], [], new Error('gone'))]);
    await expect(both.next()).rejects.toThrow('gone');
    expect(silent.stops).toBe(1);
  });
});
