import { hashBytes, hashFromBigInt, hashToBigInt, hashUint32, newHash } from '../../../router/ring/hash-bytes.js';
import { startServer, type TestServer } from './server.js';
import { generator } from './values.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer(18);
});
afterAll(async () => {
  await server.stop();
});

const seeds = [0n, 1n, -1n, 0x9e3779b97f4a7c15n - (1n << 64n), 1n << 32n, 0xffffffffn];

describe('hashUint32', () => {
  it('is hashint4extended for 120,000 random values over six seeds', async () => {
    const random = generator(1);
    const values = Array.from({ length: 20_000 }, () => random.int32());
    for (const seed of seeds) {
      const { rows } = await server.client.query<{ h: string }>(
        'SELECT hashint4extended(v, $2)::text h FROM unnest($1::int4[]) WITH ORDINALITY u(v, n) ORDER BY n',
        [values, seed.toString()],
      );
      const ours = values.map((value) => {
        const hash = hashFromBigInt(seed);
        hashUint32(value, hash);
        return hashToBigInt(hash).toString();
      });
      expect(ours).toEqual(rows.map(({ h }) => h));
    }
  });
});

describe('hashBytes', () => {
  it('is the hash of bytes of each length from 0 to 100, at any offset, for six seeds', async () => {
    const random = generator(2);
    const values = Array.from({ length: 17_170 }, (_, index) => random.bytes(index % 101));
    for (const seed of seeds) {
      const { rows } = await server.client.query<{ h: string }>(
        'SELECT hash_record_extended(ROW(v), $2)::text h FROM unnest($1::bytea[]) WITH ORDINALITY u(v, n) ORDER BY n',
        [values, seed.toString()],
      );
      const ours = values.map((value, index) => {
        const padded = Buffer.concat([random.bytes(index % 5), value, random.bytes(3)]);
        const hash = hashFromBigInt(seed);
        hashBytes(padded, index % 5, (index % 5) + value.length, hash);
        return hashToBigInt(hash).toString();
      });
      expect(ours).toEqual(rows.map(({ h }) => h));
    }
  });

  it('hashes into the seed it was given', () => {
    const once = newHash();
    hashUint32(42, once);
    const chained = hashFromBigInt(hashToBigInt(once));
    hashUint32(7, once);
    hashUint32(7, chained);
    expect(once).toEqual(chained);
  });
});
