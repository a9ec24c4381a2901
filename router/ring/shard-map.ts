/** Who owns which hash: a topology's arcs as one array. */

import { assert } from '../../base/assert.js';
import { ARC_COUNT, type ShardId, type Topology } from '../../catalog/topology.js';
import { arcOf } from './arcs.js';

/** Immutable; a change of the topology makes another map with a larger epoch. */
export class ShardMap {
  readonly epoch: number;
  readonly home: ShardId;
  /** All shards, also those without an arc, in ascending order. */
  readonly shards: readonly ShardId[];
  readonly #owners: readonly ShardId[];
  readonly #arcs: ReadonlyMap<ShardId, readonly number[]>;

  constructor(topology: Topology) {
    assert(topology.arcs.length === ARC_COUNT, `a topology has ${ARC_COUNT} arcs, not ${topology.arcs.length}`);
    const arcs = new Map<ShardId, number[]>();
    for (const shard of topology.shards) {
      assert(!arcs.has(shard.id), `shard ${shard.id} appears twice in the topology`);
      arcs.set(shard.id, []);
    }
    assert(arcs.has(topology.home), `the home shard ${topology.home} is not in the topology`);
    topology.arcs.forEach((owner, arc) => {
      const owned = arcs.get(owner);
      assert(owned !== undefined, `arc ${arc} belongs to shard ${owner}, which is not in the topology`);
      owned.push(arc);
    });
    this.epoch = topology.epoch;
    this.home = topology.home;
    this.shards = Object.freeze([...arcs.keys()].sort((left, right) => left - right));
    this.#owners = [...topology.arcs];
    this.#arcs = arcs;
  }

  /** The owner of a hash, from the upper half of its 64 bits (signed or not). */
  ownerOfHash(high32: number): ShardId {
    return this.#owners[arcOf(high32)] as ShardId;
  }

  ownerOfArc(arc: number): ShardId {
    const owner = this.#owners[arc];
    assert(owner !== undefined, `there is no arc ${arc}`);
    return owner;
  }

  /** The shard's arcs in ascending order; none for a shard that is not in the topology. */
  arcsOf(shard: ShardId): readonly number[] {
    return this.#arcs.get(shard) ?? [];
  }
}
