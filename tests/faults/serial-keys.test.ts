/** A short run of `npm run kill:serial`. */

import { runSerialKeys } from './serial-keys.js';

describe('clients that insert with serial keys', () => {
  it('get no key twice and lose no row while proxies are killed', async () => {
    const result = await runSerialKeys(
      { seed: 20_261_123, clients: 24, proxies: 2, kills: 3, fsync: false },
      () => undefined,
    );
    expect(result.breaches).toEqual([]);
    expect(result.acknowledged).toBeGreaterThan(100);
  }, 120_000);
});
