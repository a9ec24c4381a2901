/** A short run of `npm run kill`: as many rounds, of every kind, as fit into a minute. */

import { runKills } from './run.js';

const SEED = 20_261_122;

describe('a bank under faults', () => {
  it('keeps its books while proxies, servers and connections die', async () => {
    const lines: string[] = [];
    const result = await runKills(
      {
        seed: Number(process.env['PGRING_KILL_SEED'] ?? SEED),
        steps: 1,
        random: 1,
        shards: 1,
        cuts: 1,
        clients: 16,
        proxies: 3,
        fsync: false,
        deadlocks: false,
        maximumMs: 45_000,
      },
      (line) => lines.push(line),
    );
    expect({ breaches: result.breaches, lines }).toEqual({ breaches: [], lines });
    expect(result.rounds).toBeGreaterThan(1);
    expect(result.acknowledged).toBeGreaterThan(50);
  }, 240_000);
});
