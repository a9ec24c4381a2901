import { explainUnhashable, keyFamily, keyTypeOf } from '../../../router/ring/key-types.js';
import { typeOid } from '../../../catalog/type-oid.js';
import { startServer, type TestServer } from './server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer(18);
});
afterAll(async () => {
  await server.stop();
});

describe('keyTypeOf', () => {
  it('agrees with the server’s catalog on oids and names', async () => {
    const { rows } = await server.client.query<{ oid: number; typname: string; name: string }>(
      'SELECT oid, typname, format_type(oid, NULL) AS name FROM pg_type WHERE oid = ANY ($1)',
      [Object.values(typeOid)],
    );
    expect(new Map(rows.map(({ typname, oid }) => [typname, oid]))).toEqual(new Map(Object.entries(typeOid)));
    for (const { oid, name, typname } of rows) {
      const type = keyTypeOf(oid);
      if (type !== undefined) expect([type.oid, type.name, type.kind]).toEqual([oid, name, typname]);
    }
  });

  it('has no key type for a type that the server cannot hash', async () => {
    const { rows } = await server.client.query<{ oid: number }>(
      `SELECT t.oid FROM pg_type t WHERE EXISTS (SELECT FROM pg_opclass c JOIN pg_am a ON a.oid = c.opcmethod
         WHERE a.amname = 'hash' AND c.opcdefault AND c.opcintype = t.oid) OR t.typname IN ('varchar', 'cidr')`,
    );
    const hashable = new Set(rows.map(({ oid }) => oid));
    expect(Object.values(typeOid).filter((oid) => keyTypeOf(oid) !== undefined && !hashable.has(oid))).toEqual([]);
  });
});

describe('keyFamily', () => {
  it('lets the integers, the texts and the floats co-locate, and nothing else', () => {
    const { int2, int4, int8, text, varchar, name, bpchar, float4, float8, numeric } = typeOid;
    expect([int2, int4, int8].map(keyFamily)).toEqual(['integer', 'integer', 'integer']);
    expect([text, varchar, name].map(keyFamily)).toEqual(['text', 'text', 'text']);
    expect([float4, float8].map(keyFamily)).toEqual(['float', 'float']);
    expect([bpchar, numeric, 114].map(keyFamily)).toEqual(['bpchar', 'numeric', undefined]);
  });
});

describe('explainUnhashable', () => {
  it.each([
    [typeOid.char, '"char"', 'signed'],
    [114, 'json', 'no equality'],
    [1007, 'integer[]', 'an array'],
    [20_000, 'mood', 'user-defined'],
    [603, 'box', 'does not compute'],
  ])('gives a reason for oid %i', (oid, name, reason) => {
    expect(explainUnhashable(oid, name)).toContain(`A column of type ${name} cannot be a shard key: `);
    expect(explainUnhashable(oid, name)).toContain(reason);
  });
});
