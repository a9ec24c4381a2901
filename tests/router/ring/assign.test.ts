import * as fc from 'fast-check';
import { ARC_COUNT, type ShardId } from '../../../catalog/topology.js';
import { arcShares, assignArcs, type WeightedShard } from '../../../router/ring/assign.js';

const shards = fc.uniqueArray(
  fc.record({
    id: fc.integer({ min: 0, max: 1000 }),
    weight: fc.oneof(fc.constant(1), fc.double({ min: 0.1, max: 20, noNaN: true })),
  }),
  { minLength: 1, maxLength: 24, selector: ({ id }) => id },
);

function countArcs(owners: readonly ShardId[]): Map<ShardId, number> {
  const counts = new Map<ShardId, number>();
  for (const owner of owners) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  return counts;
}

const moves = (from: readonly ShardId[], to: readonly ShardId[]): number =>
  from.filter((owner, arc) => owner !== to[arc]).length;

/** The fewest moves over all ways to round the quotas: each arc in excess of the share rounded up must leave. */
function fewestMoves(previous: readonly ShardId[], next: readonly WeightedShard[]): number {
  const held = countArcs(previous);
  const shares = arcShares(next, held);
  let kept = 0;
  for (const [id, count] of held) kept += Math.min(count, shares.get(id) ?? 0);
  return ARC_COUNT - kept;
}

function expectBalance(owners: readonly ShardId[], list: readonly WeightedShard[]): void {
  expect(owners.length).toBe(ARC_COUNT);
  const total = list.reduce((sum, { weight }) => sum + weight, 0);
  const counts = countArcs(owners);
  for (const { id, weight } of list) {
    expect(Math.abs((counts.get(id) ?? 0) - (ARC_COUNT * weight) / total)).toBeLessThan(1 + 1e-9);
  }
  expect([...counts.keys()].filter((id) => !list.some((shard) => shard.id === id))).toEqual([]);
}

const runs = { numRuns: 150, seed: 20_261 };

describe('assignArcs', () => {
  it('gives each shard its share, to less than one arc, whatever the order of the list', () => {
    fc.assert(
      fc.property(shards, (list) => {
        const owners = assignArcs(list);
        expectBalance(owners, list);
        expect(assignArcs([...list].reverse())).toEqual(owners);
        expect(assignArcs(list, owners)).toEqual(owners);
      }),
      runs,
    );
  });

  it('moves the fewest arcs from any assignment to any set of shards, and then rests', () => {
    fc.assert(
      fc.property(shards, shards, (before, after) => {
        const previous = assignArcs(before);
        const owners = assignArcs(after, previous);
        expectBalance(owners, after);
        expect(moves(previous, owners)).toBe(fewestMoves(previous, after));
        expect(assignArcs([...after].reverse(), previous)).toEqual(owners);
        expect(assignArcs(after, owners)).toEqual(owners);
      }),
      runs,
    );
  });

  it('moves only to an added shard, only from a removed one', () => {
    fc.assert(
      fc.property(shards, (list) => {
        const added = { id: 2000, weight: 1 };
        const equal = list.map(({ id }) => ({ id, weight: 1 }));
        const before = assignArcs(equal);
        const grown = assignArcs([...equal, added], before);
        expect(before.every((owner, arc) => [owner, added.id].includes(grown[arc] ?? -1))).toBe(true);
        expect(moves(before, grown)).toBe(countArcs(grown).get(added.id));
        const shrunk = assignArcs(equal, grown);
        expect(grown.every((owner, arc) => owner === added.id || owner === shrunk[arc])).toBe(true);
      }),
      { ...runs, numRuns: 60 },
    );
  });

  it('moves about 1/N of the arcs to the Nth of equal shards', () => {
    let owners = assignArcs([{ id: 1, weight: 1 }]);
    for (let count = 2; count <= 40; count++) {
      const next = assignArcs(
        Array.from({ length: count }, (_, index) => ({ id: index + 1, weight: 1 })),
        owners,
      );
      expect(Math.abs(moves(owners, next) - ARC_COUNT / count)).toBeLessThan(1);
      owners = next;
    }
  });

  it('starts with one run of arcs a shard', () => {
    const owners = assignArcs([
      { id: 7, weight: 1 },
      { id: 3, weight: 3 },
    ]);
    expect(owners.indexOf(7)).toBe(3072);
    expect(owners.lastIndexOf(3)).toBe(3071);
  });

  it.each([
    [[], 'no shards'],
    [[{ id: 1, weight: 0 }], 'the weight 0'],
    [[{ id: 1, weight: Number.NaN }], 'the weight NaN'],
    [
      [
        { id: 1, weight: 1 },
        { id: 1, weight: 2 },
      ],
      'the same id',
    ],
    [Array.from({ length: ARC_COUNT + 1 }, (_, id) => ({ id, weight: 1 })), 'at most 4096'],
  ] as [WeightedShard[], string][])('refuses a list %#', (list, message) => {
    expect(() => assignArcs(list)).toThrow(message);
  });

  it('refuses a previous assignment of another size', () => {
    expect(() => assignArcs([{ id: 1, weight: 1 }], [1, 1])).toThrow('4096 arcs');
  });
});
