/** Keys and values of different types: what the server finds equal, or stores, against our hash. */

import { hashToBigInt, newHash } from '../../../router/ring/hash-bytes.js';
import { hashCompared, hashStored } from '../../../router/ring/key-conversion.js';
import { keyTypeOf, type KeyType } from '../../../router/ring/key-types.js';
import { typeOid } from '../../../catalog/type-oid.js';
import { noModifier, unknownModifier } from '../../../router/ring/modifier.js';
import { startServer, type TestServer } from './server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer(18);
  await server.client.query(`SET timezone = 'America/New_York'`);
});
afterAll(async () => {
  await server.stop();
});

const types = Object.values(typeOid)
  .map(keyTypeOf)
  .filter((type) => type !== undefined);

/** Values that are equal in one type and differ in another. */
const pool = [
  '0|-0|1|-1|5|5.0|5.5|05|1e2|100|0x5|300|32767|32768|40000|-40000|2147483648|4294967295|-2147483648',
  '9007199254740992|9007199254740993|9223372036854775807|9223372036854775808|1e40|NaN|Infinity|infinity',
  '0.1|1.1|1.005|16777217|123456.789|0.00001|a|a |a  | a|| |é|ééé  |abcdef|abc   |t|true|f|\\x6161|\\x',
  '12:00:00|12:00:00.123456|12:00:00+00|24:00:00|24 hours|1 day|1 month|30 days|2024-01-01|2024-01-01 00:00:00',
  '2024-01-01 00:00:00.5|2024-01-01 05:00:00+00|2024-07-01 12:00:00.123456+02|10.0.0.0/8|10.0.0.1|::1',
  '08:00:2b:01:02:03|08:00:2b:ff:fe:01:02:03|a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
].flatMap((line) => line.split('|'));

const sqlNames = new Map<number, string>();

/** The type's name for a cast: typname, because `character` would mean character(1). */
function sqlName(type: KeyType): string {
  return sqlNames.get(type.oid) ?? type.name;
}

beforeAll(async () => {
  const { rows } = await server.client.query<{ oid: number; typname: string }>('SELECT oid, typname FROM pg_type');
  for (const { oid, typname } of rows) sqlNames.set(oid, typname);
});

async function valid(type: KeyType): Promise<string[]> {
  const { rows } = await server.client.query<{ t: string }>(
    `SELECT t FROM unnest($1::text[]) t WHERE pg_input_is_valid(t, '${sqlName(type)}')`,
    [pool],
  );
  return rows.map(({ t }) => t);
}

async function wireForms(type: KeyType, texts: readonly string[]): Promise<Buffer[]> {
  const { rows: found } = await server.client.query<{ send: string }>(
    'SELECT typsend::text send FROM pg_type WHERE oid = $1',
    [type.oid],
  );
  const { rows } = await server.client.query<{ wire: Buffer }>(
    `SELECT ${found[0]?.send}(t::${sqlName(type)}) wire FROM unnest($1::text[]) WITH ORDINALITY u(t, n) ORDER BY n`,
    [texts],
  );
  return rows.map(({ wire }) => wire);
}

interface Equal {
  readonly at: number;
  readonly hash: string;
  /** The hash of the value cast to the key's type, which is what normalising does. */
  readonly cast: string | null;
}

/** The hashes of the keys that equal each value; undefined when the types have no equality. */
async function equalKeys(key: KeyType, type: KeyType, keys: string[], values: string[]): Promise<Equal[] | undefined> {
  try {
    const { rows } = await server.client.query<Equal>(
      `SELECT (n - 1)::int AS at, hash_record_extended(ROW(k), 0)::text AS hash,
              ${type.family === 'float' && key.family !== 'float' ? 'NULL' : `hash_record_extended(ROW(v::${sqlName(key)}), 0)::text`} AS cast
       FROM (SELECT t::${sqlName(key)} k FROM unnest($1::text[]) t OFFSET 0) a,
            (SELECT t::${sqlName(type)} v, n FROM unnest($2::text[]) WITH ORDINALITY u(t, n) OFFSET 0) b
       WHERE k = v`,
      [keys, values],
    );
    return rows;
  } catch (error) {
    expect(String(error)).toMatch(/operator does not exist|operator is not unique|cannot cast/);
    return undefined;
  }
}

describe('hashCompared', () => {
  it.each(types)('finds every key of type $name that the server finds equal to a value of any type', async (key) => {
    const keys = await valid(key);
    const wrong: string[] = [];
    for (const type of types) {
      // Beside an oid, a bigint that is none is an error at run time.
      const withOid = [key.kind, type.kind].includes('oid');
      const inRange = (text: string): boolean => !withOid || (Number(text) >= 0 && Number(text) < 2 ** 32);
      const values = (await valid(type)).filter(inRange);
      const wires = await wireForms(type, values);
      const equal = await equalKeys(key, type, keys.filter(inRange), values);
      for (const [at, text] of values.entries()) {
        for (const value of [
          { kind: 'text', bytes: Buffer.from(text), typeOid: type.oid },
          { kind: 'binary', bytes: wires[at] ?? Buffer.alloc(0), typeOid: type.oid },
        ] as const) {
          const hash = newHash();
          const outcome = hashCompared(key, value, hash);
          if (outcome === 'incomparable') continue;
          if (outcome === 'malformed' || outcome === 'outOfRange') wrong.push(`${type.name} ${text}: ${outcome}`);
          for (const match of equal?.filter((row) => row.at === at) ?? []) {
            const found =
              (outcome === 'hashed' && hashToBigInt(hash).toString() === match.hash) ||
              (outcome === 'undecided' && match.cast === match.hash);
            if (!found) wrong.push(`${value.kind} ${type.name} ${JSON.stringify(text)}: ${outcome}, ${match.hash}`);
          }
        }
      }
    }
    expect(wrong.slice(0, 10)).toEqual([]);
  });

  it.each([
    ['int4', 'int8', '5000000000', 'noMatch'],
    ['int4', 'numeric', '5.5', 'noMatch'],
    ['int4', 'numeric', '5.0', 'hashed'],
    ['int8', 'float8', '5.5', 'noMatch'],
    ['int8', 'float8', '9007199254740992', 'incomparable'],
    ['numeric', 'float8', '1.5', 'incomparable'],
    ['float8', 'numeric', '1.5', 'hashed'],
    ['uuid', 'text', 'a', 'incomparable'],
    ['int4', 'int4', '5000000000', 'outOfRange'],
    ['int4', 'int4', 'five', 'malformed'],
  ] as const)('of a key %s with %s %s is %s', (key, type, text, outcome) => {
    const keyType = keyTypeOf(typeOid[key]);
    if (keyType === undefined) throw new Error(key);
    const value = { kind: 'text', bytes: Buffer.from(text), typeOid: typeOid[type] } as const;
    expect(hashCompared(keyType, value, newHash())).toBe(outcome);
  });
});

describe('hashStored', () => {
  /** Columns that change values in ways which only a server knows. */
  const unreadable = ['numeric(20,-2)', 'interval day', 'interval(0)'];
  const columns = types.flatMap((type) => {
    const modified: Partial<Record<KeyType['kind'], string[]>> = {
      varchar: ['varchar(3)'],
      bpchar: ['char(3)'],
      numeric: ['numeric(12,2)', 'numeric(20,-2)', 'numeric(30,5)'],
      time: ['time(0)', 'time(3)'],
      timetz: ['timetz(0)'],
      timestamp: ['timestamp(0)', 'timestamp(3)'],
      timestamptz: ['timestamptz(0)'],
      interval: ['interval day', 'interval(0)'],
    };
    return [undefined, ...(modified[type.kind] ?? [])].map((column) => ({ key: type, column }));
  });

  it.each(columns)('of a value stored as $key.name ($column) is the stored row’s', async ({ key, column }) => {
    await server.client.query(`DROP TABLE IF EXISTS stored; CREATE TABLE stored (k ${column ?? sqlName(key)})`);
    const { rows } = await server.client.query<{ modifier: number }>(
      `SELECT atttypmod AS modifier FROM pg_attribute WHERE attrelid = 'stored'::regclass AND attname = 'k'`,
    );
    const modifier = rows[0]?.modifier ?? noModifier;
    const wrong: string[] = [];
    let stored = 0;
    for (const type of [undefined, ...types]) {
      const values = type === undefined ? pool : await valid(type);
      const wires = type === undefined ? undefined : await wireForms(type, values);
      for (const [at, text] of values.entries()) {
        const literal = `E'${text.replaceAll('\\', '\\\\')}'${type === undefined ? '' : `::${sqlName(type)}`}`;
        const ours = [modifier, unknownModifier].flatMap((known) =>
          (
            [
              ['text', Buffer.from(text)],
              ['binary', wires?.[at]],
            ] as const
          ).flatMap(([kind, bytes]) => {
            if (bytes === undefined) return [];
            const hash = newHash();
            const outcome = hashStored(key, known, { kind, bytes, typeOid: type?.oid ?? 0 }, hash);
            return [{ outcome, hash: hashToBigInt(hash).toString() }];
          }),
        );
        if (ours.every(({ outcome }) => outcome === 'undecided')) continue;
        const theirs = await server.client
          .query<{ hash: string }>(
            `INSERT INTO stored VALUES (${literal}) RETURNING hash_record_extended(ROW(k), 0)::text AS hash`,
          )
          .then(
            (result) => result.rows[0]?.hash,
            () => undefined,
          );
        if (theirs !== undefined) stored++;
        for (const { outcome, hash } of ours) {
          if (outcome === 'undecided' || (theirs === undefined ? outcome !== 'hashed' : hash === theirs)) continue;
          // A value that the server refuses may go to any shard, which says so.
          if (theirs !== undefined) wrong.push(`${literal}: ${outcome} ${hash}, server ${theirs}`);
        }
      }
    }
    expect(wrong.slice(0, 10)).toEqual([]);
    expect(stored).toBeGreaterThanOrEqual(unreadable.includes(column ?? '') ? 0 : 1);
  });
});
