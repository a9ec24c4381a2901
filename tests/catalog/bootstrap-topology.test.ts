import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureTopology } from '../../catalog/bootstrap-topology.js';
import { ConfigError, makeConfig, type PartialConfig } from '../../catalog/config.js';
import { FileTopologyStore } from '../../catalog/store/file.js';
import { ARC_COUNT, type Shard } from '../../catalog/topology.js';

let folder: string;
let store: FileTopologyStore;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pgring-bootstrap-'));
  store = new FileTopologyStore(join(folder, 'topology.json'));
});

afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

const assign = (shards: readonly Shard[]) =>
  Array.from({ length: ARC_COUNT }, (_, arc) => shards[arc % shards.length]?.id ?? 0);

const s1 = { name: 's1', host: 'a', port: 1 };
const s2 = { name: 's2', host: 'b', port: 2 };

const ensure = (partial: PartialConfig) => ensureTopology(store, makeConfig(partial), assign);

describe('ensureTopology', () => {
  it('makes the first topology of the configuration', async () => {
    const topology = await ensure({ shards: [s1, { ...s2, weight: 2 }], home: 's2' });
    expect(topology).toMatchObject({
      epoch: 1,
      shards: [
        { id: 1, ...s1, weight: 1 },
        { id: 2, ...s2, weight: 2 },
      ],
      home: 2,
    });
    expect(await store.read()).toEqual(topology);
  });

  it('changes nothing when all agrees', async () => {
    const first = await ensure({ shards: [s1, s2] });
    expect(await ensure({ shards: [s1, s2] })).toEqual(first);
    // The order in the file tells nothing about which shard is which.
    expect(await ensure({ shards: [s2, s1], home: 's1' })).toEqual(first);
  });

  it('makes one topology when several proxies start at once', async () => {
    const topologies = await Promise.all([1, 2, 3, 4].map(() => ensure({ shards: [s1, s2] })));
    expect(new Set(topologies.map((each) => each.epoch))).toEqual(new Set([1]));
  });

  it('stores a shard’s new address, and leaves its rows', async () => {
    const first = await ensure({ shards: [s1, s2] });
    const moved = await ensure({ shards: [s1, { ...s2, host: '/tmp', port: 77 }] });
    expect(moved).toEqual({
      ...first,
      epoch: 2,
      shards: [first.shards[0], { ...first.shards[1], host: '/tmp', port: 77 }],
    });
    expect(await store.read()).toEqual(moved);
  });

  it.each<readonly [string, PartialConfig, string, string]>([
    ['a new shard', { shards: [s1, s2, { ...s1, name: 's3', port: 3 }] }, 'shards[2].name', '"s3"'],
    ['a missing shard', { shards: [s1] }, 'shards', 'no such shard'],
    ['another weight', { shards: [s1, { ...s2, weight: 3 }] }, 'shards[1].weight', '3'],
    ['another home', { shards: [s1, s2], home: 's2' }, 'home', 's2'],
  ])('refuses %s', async (_name, partial, path, found) => {
    const first = await ensure({ shards: [s1, s2] });
    await expect(ensure(partial)).rejects.toMatchObject({ sqlstate: 'F0000', problems: [{ path, found }] });
    expect(await store.read()).toEqual(first);
  });

  it('says that moving rows needs resharding', async () => {
    await ensure({ shards: [s1, s2] });
    const error = await ensure({ shards: [s1] }).catch((caught: unknown) => caught);
    expect(error instanceof ConfigError && error.fields.hint).toContain('needs resharding');
  });
});
