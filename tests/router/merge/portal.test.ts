import * as fc from 'fast-check';
import { Portal } from '../../../router/merge/portal.js';
import { cutIntoRuns, GivenRows, int4, readRows, type Row } from './rows.js';

describe('Portal', () => {
  it('hands out the rows in the pieces that are asked for', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 30 }),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 3 }),
        fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 4 }),
        async (count, sizes, maxima) => {
          const rows = Array.from({ length: count }, (_, i): Row => [int4(i)]);
          const portal = new Portal(new GivenRows(cutIntoRuns(rows, sizes)));
          let at = 0;
          for (let call = 0; !portal.finished; call++) {
            const maximum = maxima[call % maxima.length] ?? 0;
            const { runs, finished } = await portal.take(maximum);
            const wanted = maximum === 0 ? rows.slice(at) : rows.slice(at, at + maximum);
            expect(runs.flatMap(readRows)).toEqual(wanted);
            expect(finished).toBe(maximum === 0 || wanted.length < maximum);
            at += wanted.length;
          }
          expect(at).toBe(count);
          expect(await portal.take(1)).toEqual({ runs: [], finished: true });
        },
      ),
      { numRuns: 200, seed: 14 },
    );
  });

  it('gives nothing after it was stopped', async () => {
    const source = new GivenRows(cutIntoRuns([[int4(1)], [int4(2)]], [2]));
    const portal = new Portal(source);
    await portal.take(1);
    portal.stop();
    expect(await portal.take(0)).toEqual({ runs: [], finished: true });
    expect(source.stops).toBe(1);
  });
});
