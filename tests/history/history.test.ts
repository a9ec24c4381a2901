/** A short run of `npm run history`, and one that must find what it looks for. */

import { recordHistory, type HistoryOptions } from './run.js';

const options: HistoryOptions = {
  seed: Number(process.env['PGRING_HISTORY_SEED'] ?? 20_261_123),
  reads: 1_500,
  maximumMs: 20_000,
  crossShardReads: 'atomic',
  pauseMs: 2_000,
  shards: 3,
  proxies: 2,
  writers: 6,
  readers: 6,
  fsync: false,
};

describe('a history of reads and writes over several shards', () => {
  it('has no anomaly with atomic reads, while proxies, servers and connections die', async () => {
    const { found, examples, breaches, reads, committed } = await recordHistory(options, () => undefined);
    expect({ found: [...found], examples, breaches }).toEqual({ found: [], examples: [], breaches: [] });
    expect(reads).toBeGreaterThan(10);
    expect(committed).toBeGreaterThan(5);
  }, 240_000);

  it('has fractured reads, and nothing worse, with reads per shard', async () => {
    const { found, breaches } = await recordHistory(
      { ...options, crossShardReads: 'per_shard', pauseMs: undefined, reads: 1_000, maximumMs: 15_000 },
      () => undefined,
    );
    expect([...found.keys()]).toEqual(['fractured']);
    expect(breaches).toEqual([]);
  }, 240_000);
});
