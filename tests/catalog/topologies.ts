/** Topologies for tests. */

import { ARC_COUNT, type Topology } from '../../catalog/topology.js';

/** A whole topology of that epoch; its shards' ports tell it from others of the same epoch. */
export function makeTopology(epoch: number, port = 5432, shardCount = 3): Topology {
  const ids = Array.from({ length: shardCount }, (_, index) => index + 1);
  return {
    epoch,
    shards: ids.map((id) => ({ id, name: `s${id}`, host: '127.0.0.1', port, weight: 1 })),
    home: 1,
    arcs: Array.from({ length: ARC_COUNT }, (_, arc) => ids[Math.floor((arc * shardCount) / ARC_COUNT)] ?? 1),
  };
}
