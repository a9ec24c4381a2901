import fc from 'fast-check';
import { formatGlobalId, parseGlobalId } from '../../../router/transaction/global-id.js';

const unique = fc.stringMatching(/^[0-9a-f]{24}$/);

describe('global transaction ids', () => {
  it('carry their participants, in order', () => {
    expect(formatGlobalId('00ff', [1, 35, 36])).toBe('pgring:00ff:1.z.10');
    fc.assert(
      fc.property(unique, fc.array(fc.nat(100_000), { minLength: 1, maxLength: 40 }), (id, participants) => {
        expect(parseGlobalId(formatGlobalId(id, participants))).toEqual({ unique: id, participants });
      }),
      { seed: 1 },
    );
  });

  it('of 50 shards fit into what PostgreSQL allows', () => {
    const participants = Array.from({ length: 50 }, (_unused, index) => 1000 + index);
    expect(formatGlobalId('0'.repeat(24), participants).length).toBeLessThan(200);
  });

  it.each(['', 'pgring', 'pgring:1', 'pgring:00ff:', 'pgring:00ff:1.', 'pgring:xyz:1', 'pgring:1:1:1', 'citus:00ff:1'])(
    'do not take %j for one of ours',
    (text) => {
      expect(parseGlobalId(text)).toBeUndefined();
    },
  );
});
