import { hashToBigInt, newHash } from '../../../router/ring/hash-bytes.js';
import { keyTypeOf, type KeyType } from '../../../router/ring/key-types.js';
import { typeOid } from '../../../catalog/type-oid.js';
import { hashBinary, hashText } from '../../../router/ring/key-value.js';
import { requireTool } from '../../support/requirement.js';
import { startServer, type TestServer } from './server.js';
import { generator, randomText } from './values.js';

const types = Object.values(typeOid)
  .map(keyTypeOf)
  .filter((type) => type !== undefined);

/** Types of which some or all valid texts are a server's to read, and the share that we must read nevertheless. */
const readableShare: Partial<Record<KeyType['kind'], number>> = {
  interval: 0,
  float4: 0.9,
  float8: 0.9,
  numeric: 0.97,
};

interface Answer {
  readonly hashes: Buffer;
  readonly sent: Buffer;
}

/** The server's hash of each text, by the type's own function where it has one, and the value's wire form. */
async function ask(server: TestServer, type: KeyType, texts: readonly string[]): Promise<Answer> {
  const { rows: found } = await server.client.query<{ send: string; typname: string }>(
    'SELECT typsend::text send, typname FROM pg_type WHERE oid = $1',
    [type.oid],
  );
  const { send, typname } = found[0] ?? { send: '', typname: '' };
  const hash = type.hashFunction === undefined ? 'hash_record_extended(ROW(v), 0)' : `${type.hashFunction}(v, 0)`;
  // typname, not the type's name: `character` would mean character(1).
  const { rows } = await server.client.query<Answer>(
    `SELECT string_agg(int8send(${hash}), '' ORDER BY n) hashes,
            string_agg(int4send(octet_length(${send}(v))) || ${send}(v), '' ORDER BY n) sent
     FROM (SELECT t::pg_catalog.${typname === 'char' ? '"char"' : typname} v, n
           FROM unnest($1::text[]) WITH ORDINALITY u(t, n)) s`,
    [texts],
  );
  return rows[0] ?? { hashes: Buffer.alloc(0), sent: Buffer.alloc(0) };
}

interface Comparison {
  readonly mismatches: string[];
  readText: number;
  readBinary: number;
}

function compare(type: KeyType, texts: readonly string[], { hashes, sent }: Answer): Comparison {
  const result: Comparison = { mismatches: [], readText: 0, readBinary: 0 };
  const hash = newHash();
  let at = 0;
  texts.forEach((text, index) => {
    const length = sent.readInt32BE(at);
    const wire = sent.subarray(at + 4, at + 4 + length);
    at += 4 + length;
    // Strings and buffers take the same path but for their first step.
    const given = index % 4 === 0 ? Buffer.from(text) : text;
    for (const form of ['text', 'binary'] as const) {
      hash.high = 0;
      hash.low = 0;
      const outcome = form === 'text' ? hashText(type, given, hash) : hashBinary(type, wire, hash);
      if (outcome === 'undecided') continue;
      if (form === 'text') result.readText++;
      else result.readBinary++;
      const same = hash.high === hashes.readInt32BE(index * 8) && hash.low === hashes.readInt32BE(index * 8 + 4);
      if (outcome !== 'hashed' || !same) {
        const expected = hashes.readBigInt64BE(index * 8);
        result.mismatches.push(`${form} ${JSON.stringify(text)}: ${outcome} ${hashToBigInt(hash)}, server ${expected}`);
      }
    }
  });
  return result;
}

/** Random bits include floats that print as Infinity, or that the server refuses to read. */
function isNormal(type: KeyType, value: number): boolean {
  if (value === 0 || Number.isNaN(value)) return true;
  return Math.abs(value) > (type.kind === 'float4' ? 1.2e-38 : 2.3e-308) && Math.abs(value) < 3.4e38;
}

const servers = [
  { version: 18, count: 100_000 },
  ...(requireTool('postgresql-15') ? [{ version: 15, count: 5_000 } as const] : []),
] as const;

describe.each(servers)('the hash of a value on PostgreSQL $version', ({ version, count }) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer(version);
  });
  afterAll(async () => {
    await server.stop();
  });

  it.each(types)('is the server’s for random values of type $name', async (type) => {
    const random = generator(type.oid);
    const make = randomText[type.name];
    if (make === undefined) throw new Error(`no random values of type ${type.name}`);
    const texts: string[] = [];
    while (texts.length < count) {
      const text = make(random);
      if (type.family !== 'float' || isNormal(type, Number(text))) texts.push(text);
    }
    const result = compare(type, texts, await ask(server, type, texts));
    expect(result.mismatches.slice(0, 10)).toEqual([]);
    expect(result.readBinary).toBe(count);
    expect(result.readText).toBeGreaterThanOrEqual(count * (readableShare[type.kind] ?? 1));
  });
});
