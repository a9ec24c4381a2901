import { ARC_COUNT, type Topology } from '../../../catalog/topology.js';
import { arcOf } from '../../../router/ring/arcs.js';
import { assignArcs } from '../../../router/ring/assign.js';
import { ShardMap } from '../../../router/ring/shard-map.js';

const shard = (id: number): Topology['shards'][number] => ({
  id,
  name: `s${id}`,
  host: '127.0.0.1',
  port: 5432,
  weight: 1,
});

const topology: Topology = {
  epoch: 4,
  home: 2,
  shards: [shard(5), shard(2), shard(9)],
  arcs: assignArcs([
    { id: 2, weight: 1 },
    { id: 5, weight: 1 },
  ]),
};

describe('ShardMap', () => {
  const map = new ShardMap(topology);

  it('finds the owner of a hash by its top 12 bits, signed or unsigned', () => {
    expect(map.ownerOfHash(0)).toBe(2);
    expect(map.ownerOfHash(0x7fffffff)).toBe(2);
    expect(map.ownerOfHash(0x80000000)).toBe(5);
    expect(map.ownerOfHash(-1)).toBe(5);
    expect(arcOf(-1)).toBe(ARC_COUNT - 1);
    for (let arc = 0; arc < ARC_COUNT; arc++) {
      expect(map.ownerOfHash((arc * 2 ** 20 + 12_345) | 0)).toBe(topology.arcs[arc]);
      expect(map.ownerOfArc(arc)).toBe(topology.arcs[arc]);
    }
  });

  it('lists shards and their arcs in ascending order', () => {
    expect(map.shards).toEqual([2, 5, 9]);
    expect(map.arcsOf(2)).toEqual(Array.from({ length: ARC_COUNT / 2 }, (_, arc) => arc));
    expect(map.arcsOf(9)).toEqual([]);
    expect(map.arcsOf(77)).toEqual([]);
    expect([map.epoch, map.home]).toEqual([4, 2]);
  });

  it('refuses a topology that contradicts itself', () => {
    expect(() => new ShardMap({ ...topology, arcs: [2, 5] })).toThrow('4096 arcs, not 2');
    expect(() => new ShardMap({ ...topology, arcs: topology.arcs.map(() => 3) })).toThrow('arc 0 belongs to shard 3');
    expect(() => new ShardMap({ ...topology, home: 3 })).toThrow('home shard 3');
    expect(() => new ShardMap({ ...topology, shards: [shard(2), shard(5), shard(2)] })).toThrow('appears twice');
    expect(() => map.ownerOfArc(ARC_COUNT)).toThrow('no arc 4096');
  });
});
