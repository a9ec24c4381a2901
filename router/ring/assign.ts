/** Which shard owns which arc: in proportion to weight, and moving no more arcs than a change requires. */

import { assert } from '../../base/assert.js';
import { ARC_COUNT, type ShardId } from '../../catalog/topology.js';

export interface WeightedShard {
  readonly id: ShardId;
  readonly weight: number;
}

/**
 * How many arcs each shard gets, by largest remainder. Among equal remainders a shard that holds the extra arc already
 * keeps it (so nothing moves for a tie), then the lower id wins.
 */
export function arcShares(
  shards: readonly WeightedShard[],
  held: ReadonlyMap<ShardId, number> = new Map(),
): ReadonlyMap<ShardId, number> {
  assert(shards.length > 0, 'arcs cannot be assigned to no shards');
  assert(shards.length <= ARC_COUNT, `at most ${ARC_COUNT} shards can own arcs`);
  const sorted = [...shards].sort((left, right) => left.id - right.id);
  let total = 0;
  for (const { id, weight } of sorted) {
    assert(Number.isFinite(weight) && weight > 0, `shard ${id} has the weight ${weight}`);
    total += weight;
  }
  const claims = sorted.map(({ id, weight }) => {
    const quota = (ARC_COUNT * weight) / total;
    const share = Math.floor(quota);
    return { id, share, remainder: quota - share, holdsExtra: (held.get(id) ?? 0) > share };
  });
  const shares = new Map(claims.map(({ id, share }) => [id, share]));
  assert(shares.size === shards.length, 'two shards have the same id');
  claims.sort(
    (left, right) =>
      right.remainder - left.remainder || Number(right.holdsExtra) - Number(left.holdsExtra) || left.id - right.id,
  );
  let missing = ARC_COUNT - claims.reduce((sum, { share }) => sum + share, 0);
  for (const { id, share } of claims) {
    if (missing-- <= 0) break;
    shares.set(id, share + 1);
  }
  return shares;
}

/**
 * The owner of each arc. Without `previous`, each shard gets one run of arcs, in the order of ids. With it, arcs leave
 * only shards that are gone or have more than their share (their highest arcs), and go to the lowest ids in need.
 * The result does not depend on the order of `shards`.
 */
export function assignArcs(shards: readonly WeightedShard[], previous?: readonly ShardId[]): ShardId[] {
  assert(previous === undefined || previous.length === ARC_COUNT, `an assignment has ${ARC_COUNT} arcs`);
  const held = new Map<ShardId, number>();
  for (const owner of previous ?? []) held.set(owner, (held.get(owner) ?? 0) + 1);
  const shares = arcShares(shards, held);
  const kept = new Map<ShardId, number>();
  const owners: (ShardId | undefined)[] = Array.from({ length: ARC_COUNT }, (_, arc) => {
    const owner = previous?.[arc];
    if (owner === undefined) return undefined;
    const count = kept.get(owner) ?? 0;
    if (count >= (shares.get(owner) ?? 0)) return undefined;
    kept.set(owner, count + 1);
    return owner;
  });
  const needs = [...shares]
    .sort(([left], [right]) => left - right)
    .flatMap(([id, share]) => Array.from({ length: share - (kept.get(id) ?? 0) }, () => id));
  let next = 0;
  const assigned = owners.map((owner) => owner ?? (needs[next++] as ShardId));
  assert(next === needs.length, 'the free arcs are as many as the shards need');
  return assigned;
}
