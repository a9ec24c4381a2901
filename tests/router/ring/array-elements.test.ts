import * as fc from 'fast-check';
import { elementTypeOf, parseArray, readArray } from '../../../router/ring/array-elements.js';
import { typeOid } from '../../../catalog/type-oid.js';
import { keyTypeOf } from '../../../router/ring/key-types.js';
import { startServer, type TestServer } from './server.js';
import { generator } from './values.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer(18);
});
afterAll(async () => {
  await server.stop();
});

const strings = (elements: readonly (Buffer | null)[] | undefined): (string | null)[] | undefined =>
  elements?.map((element) => element?.toString() ?? null);

describe('elementTypeOf', () => {
  it('knows the array type of every key type', async () => {
    const { rows } = await server.client.query<{ array: number; element: number }>(
      'SELECT typarray AS array, oid AS element FROM pg_type WHERE oid = ANY ($1)',
      [Object.values(typeOid).filter((oid) => keyTypeOf(oid) !== undefined)],
    );
    expect(rows.length).toBe(24);
    expect(rows.map(({ array }) => elementTypeOf(array))).toEqual(rows.map(({ element }) => element));
    expect([elementTypeOf(0), elementTypeOf(199)]).toEqual([0, undefined]);
  });
});

describe('parseArray', () => {
  it('reads what the server prints, and the same as the server in binary', async () => {
    const element = fc.option(
      fc.string({ unit: fc.constantFrom(...Array.from('a {},"\\\tNULnulé\n')), maxLength: 6 }),
      {
        nil: null,
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(element, { maxLength: 6 }), async (list) => {
        const { rows } = await server.client.query<{ text: string; wire: Buffer }>(
          'SELECT $1::text[]::text AS text, array_send($1::text[]) AS wire',
          [list],
        );
        expect(strings(parseArray(Buffer.from(rows[0]?.text ?? '')))).toEqual(list);
        const read = readArray(rows[0]?.wire ?? Buffer.alloc(0));
        expect(strings(read?.elements)).toEqual(list);
        expect(read?.elementType).toBe(typeOid.text);
      }),
      { numRuns: 400, seed: 20_262 },
    );
  });

  it('reads random text as the server does, or not at all', async () => {
    const random = generator(5);
    const pieces = ['{', '}', ',', ',', '"', '\\', ' ', 'a', 'b c', 'NULL', 'null', '""', '"x"', '\t', '{}', '1'];
    const texts = Array.from({ length: 40_000 }, () => {
      const inner = Array.from({ length: random.below(8) }, () => random.pick(pieces)).join('');
      return random.below(4) === 0 ? inner : `{${inner}}`;
    });
    const { rows } = await server.client.query<{ elements: (string | null)[] | null }>(
      `SELECT CASE WHEN pg_input_is_valid(t, 'text[]') THEN to_json(t::text[]) END AS elements
       FROM unnest($1::text[]) WITH ORDINALITY u(t, n) ORDER BY n`,
      [texts],
    );
    const wrong: string[] = [];
    let read = 0;
    texts.forEach((text, at) => {
      const ours = strings(parseArray(Buffer.from(text)));
      if (ours === undefined) return;
      read++;
      const theirs = rows[at]?.elements;
      if (JSON.stringify(ours) !== JSON.stringify(theirs)) wrong.push(`${text}: ${JSON.stringify([ours, theirs])}`);
    });
    expect(wrong.slice(0, 10)).toEqual([]);
    expect(read).toBeGreaterThan(2000);
  });

  it.each(['{{1},{2}}', '[0:1]={1,2}', '{1,2', '1,2', '{1,,2}', '{a\\ b}', '{"a"b}', ''])(
    'leaves %j to a server',
    (text) => {
      expect(parseArray(Buffer.from(text))).toBeUndefined();
    },
  );
});

describe('readArray', () => {
  it('reads all dimensions', async () => {
    const { rows } = await server.client.query<{ wire: Buffer }>(
      `SELECT array_send('{{1,2},{3,NULL}}'::int4[]) AS wire`,
    );
    const read = readArray(rows[0]?.wire ?? Buffer.alloc(0));
    expect(read?.elements.map((element) => element?.readInt32BE(0) ?? null)).toEqual([1, 2, 3, null]);
    expect(read?.elementType).toBe(typeOid.int4);
  });

  it('survives any bytes and every cut', async () => {
    const { rows } = await server.client.query<{ wire: Buffer }>(`SELECT array_send('{10,20,NULL}'::int8[]) AS wire`);
    const wire = rows[0]?.wire ?? Buffer.alloc(0);
    expect(readArray(wire)?.elements.length).toBe(3);
    for (let end = 0; end < wire.length; end++) expect(readArray(wire.subarray(0, end))).toBeUndefined();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        readArray(Buffer.from(bytes));
      }),
      { seed: 20_263 },
    );
  });
});
