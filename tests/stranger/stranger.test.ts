/** A short run of `npm run fuzz:wire`, and what longer ones have found. */

import { describeWithTools } from '../support/requirement.js';
import { runStrangers } from './run.js';

const SEED = 20_261_123;
const DURATION_MS = 15_000;

describeWithTools(['openssl'], 'strangers and guests that send anything', () => {
  it('harm nobody and leave nothing behind', async () => {
    const result = await runStrangers({ seed: SEED, durationMs: DURATION_MS, atOnce: 8 });
    expect(result.breaches).toEqual([]);
    expect([...result.attacks.keys()].toSorted()).toEqual(['flood', 'guest', 'guest over TLS', 'stranger']);
    expect(result.bystander.queries).toBeGreaterThan(20);
    // They got far enough to be told different things.
    for (const code of ['08P01', '28P01', '28000', '42601', '26000'])
      expect(result.errors.get(code)).toBeGreaterThan(0);
  }, 120_000);
});
