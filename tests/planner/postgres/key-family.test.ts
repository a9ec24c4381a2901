/** The planner and the ring know the same key types: what the planner joins on keys must hash alike in the ring. */

import { typeOid } from '../../../catalog/type-oid.js';
import { isHashable, keyFamily } from '../../../planner/postgres/key-family.js';
import * as ring from '../../../router/ring/key-types.js';

const oids = Object.values(typeOid);

describe('key families of the planner', () => {
  it.each(Object.entries(typeOid))('agree with the ring on whether %s can be a key', (_name, oid) => {
    expect(isHashable(oid)).toBe(ring.keyTypeOf(oid) !== undefined);
  });

  it('hold only types that hash alike in the ring', () => {
    const joined = oids.flatMap((left) =>
      oids
        .filter((right) => keyFamily(left) !== undefined && keyFamily(left) === keyFamily(right))
        .map((right) => [left, right] as const),
    );
    expect(joined.length).toBeGreaterThan(oids.filter(isHashable).length);
    for (const [left, right] of joined) expect(ring.keyFamily(left)).toBe(ring.keyFamily(right));
  });
});
