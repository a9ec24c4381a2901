import * as fc from 'fast-check';
import { ARC_COUNT } from '../../catalog/topology.js';
import { decodeTopology, encodeTopology } from '../../catalog/topology-codec.js';
import { makeTopology } from './topologies.js';

describe('the topology codec', () => {
  it('gives back what it was given', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 50 }),
        fc.integer({ min: 1, max: 2 ** 40 }),
        (pattern, epoch) => {
          const arcs = Array.from({ length: ARC_COUNT }, (_, arc) => pattern[arc % pattern.length] ?? 1);
          const topology = { ...makeTopology(epoch, 5432, 5), arcs };
          expect(decodeTopology(encodeTopology(topology), 'test')).toEqual(topology);
        },
      ),
      { seed: 4096, numRuns: 50 },
    );
  });

  it('writes neighbouring arcs of one owner as a run', () => {
    expect(encodeTopology(makeTopology(1)).length).toBeLessThan(400);
  });

  const whole = JSON.parse(encodeTopology(makeTopology(3))) as Record<string, unknown>;
  const shard = { id: 1, name: 's1', host: 'h', port: 1, weight: 1 };
  it.each<readonly [string, Record<string, unknown>, string]>([
    ['another format', { format: 'pgring topology 2' }, 'format'],
    ['an epoch of nought', { epoch: 0 }, 'epoch'],
    ['an unknown key', { more: 1 }, 'more'],
    ['too few arcs', { arcs: [[1, ARC_COUNT - 1]] }, `arcs: ${ARC_COUNT - 1} instead of ${ARC_COUNT}`],
    [
      'too many arcs',
      {
        arcs: [
          [1, ARC_COUNT],
          [2, 1],
        ],
      },
      `arcs: more than ${ARC_COUNT}`,
    ],
    ['an owner that is no shard', { arcs: [[9, ARC_COUNT]] }, 'arcs: no shard has the id 9'],
    ['a home that is no shard', { home: 9 }, 'home: no shard has the id 9'],
    ['two shards of one id', { shards: [shard, { ...shard, name: 'x' }] }, 'two have the same id'],
    ['two shards of one name', { shards: [shard, { ...shard, id: 2 }] }, 'two have the same name'],
    ['a shard without weight', { shards: [{ ...shard, weight: 0 }] }, 'shards[0].weight'],
    ['no shards', { shards: [] }, 'shards'],
  ])('refuses %s', (_name, change, message) => {
    expect(() => decodeTopology(JSON.stringify({ ...whole, ...change }), 'the test')).toThrow(message);
    expect(() => decodeTopology(JSON.stringify({ ...whole, ...change }), 'the test')).toThrow('the test');
  });

  it('refuses what is no JSON', () => {
    expect(() => decodeTopology('', 'the test')).toThrow('the topology in the test cannot be used');
  });
});
