import { ARC_COUNT } from '../../../catalog/topology.js';
import { arcOf } from '../../../router/ring/arcs.js';
import type { BoundValue } from '../../../router/ring/bound-value.js';
import { hashToBigInt, newHash } from '../../../router/ring/hash-bytes.js';
import { keyTypeOf } from '../../../router/ring/key-types.js';
import { typeOid } from '../../../catalog/type-oid.js';
import { hashRow } from '../../../router/ring/locate.js';
import { noModifier } from '../../../router/ring/modifier.js';
import { arcExpression, hashExpression, ownedBy } from '../../../router/ring/sql-hash.js';
import { requireTool } from '../../support/requirement.js';
import { startServer, type TestServer } from './server.js';
import { generator, randomText } from './values.js';

const types = Object.values(typeOid)
  .map(keyTypeOf)
  .filter((type) => type !== undefined && type.kind !== 'interval')
  .filter((type) => type !== undefined);

const bound = (text: string | null): BoundValue =>
  text === null ? { kind: 'null' } : { kind: 'text', bytes: Buffer.from(text), typeOid: 0 };

const versions = requireTool('postgresql-15') ? ([18, 15] as const) : ([18] as const);

describe.each(versions)('the hash in SQL on PostgreSQL %i', (version) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer(version);
  });
  afterAll(async () => {
    await server.stop();
  });

  it('is ours for keys of one to three columns of all types, with NULLs', async () => {
    const random = generator(7);
    for (let round = 0; round < 60; round++) {
      const key = Array.from({ length: 1 + (round % 3) }, (_, at) =>
        at === 0 ? types[round % types.length] : random.pick(types),
      ).filter((type) => type !== undefined);
      const rows = Array.from({ length: 300 }, () =>
        key.map((type) => (random.below(5) === 0 ? null : (randomText[type.name]?.(random) ?? null))),
      );
      const columns = key.map((type, at) => ({ sql: `k."c${at}"`, typeOid: type.oid }));
      const casts = await server.client.query<{ name: string }>(
        'SELECT oid::regtype::text AS name FROM unnest($1::oid[]) WITH ORDINALITY u(oid, n) ORDER BY n',
        [key.map(({ oid }) => oid)],
      );
      const list = casts.rows.map(({ name }, at) => `c${at}::${name === 'character' ? 'bpchar' : name} AS c${at}`);
      const ours: string[] = [];
      const readable = rows.filter((row) => {
        const hash = newHash();
        const undecided = hashRow(
          key.map(({ oid }) => oid),
          row.map(bound),
          hash,
          key.map(() => noModifier),
        );
        if (undecided.length > 0) return false;
        ours.push(`${hashToBigInt(hash)} ${arcOf(hash.high)} ${arcOf(hash.high) % 2 === 0} true`);
        return true;
      });
      const even = Array.from({ length: ARC_COUNT / 2 }, (_, at) => at * 2);
      const { rows: theirs } = await server.client.query<{ all: string }>(
        `SELECT concat_ws(' ', ${hashExpression(columns)}, ${arcExpression(columns)},
                CASE WHEN ${ownedBy(even, columns)} THEN 'true' ELSE 'false' END,
                CASE WHEN ${ownedBy(even.slice(0, 1), columns)} OR ${ownedBy(
                  Array.from({ length: ARC_COUNT - 1 }, (_, at) => at + 1),
                  columns,
                )} THEN 'true' END) AS all
         FROM (SELECT ${list.join(', ')}, n FROM unnest(${key.map((_, at) => `$${at + 1}::text[]`).join(', ')})
               WITH ORDINALITY u(${key.map((_, at) => `c${at}`).join(', ')}, n) OFFSET 0) k ORDER BY n`,
        key.map((_, at) => readable.map((row) => row[at])),
      );
      expect(theirs.map(({ all }) => all)).toEqual(ours);
      expect(readable.length).toBeGreaterThan(150);
    }
  });

  it('leaves out the cases for NULL where a column has none', () => {
    const column = { sql: 'id', typeOid: typeOid.int8, notNull: true };
    expect(hashExpression([column])).toBe("pg_catalog.hashint8extended(id, '0'::bigint)");
    expect(ownedBy([], [column])).toBe('false');
    expect(ownedBy([3, 1, 2], [column])).toBe(`(${arcExpression([column])} BETWEEN 1 AND 3)`);
    expect(() => ownedBy([ARC_COUNT], [column])).toThrow('arcs are integers');
    expect(() => hashExpression([{ sql: 'e', typeOid: 114 }])).toThrow('not supported');
  });

  it('can select an arc in the row filter of a publication, for keys of every type', async () => {
    const names = await server.client.query<{ oid: number; name: string }>(
      'SELECT oid, typname AS name FROM pg_type WHERE oid = ANY ($1)',
      [types.map(({ oid }) => oid)],
    );
    const refused: string[] = [];
    for (const { oid, name } of names.rows) {
      await server.client.query(
        `DROP TABLE IF EXISTS published CASCADE; CREATE TABLE published (k ${name} PRIMARY KEY)`,
      );
      const filter = ownedBy([1, 5, 9, 13], [{ sql: 'k', typeOid: oid }]);
      try {
        await server.client.query(`CREATE PUBLICATION p FOR TABLE published WHERE (${filter}); DROP PUBLICATION p`);
      } catch (error) {
        refused.push(`${name}: ${String(error)}`);
      }
    }
    expect(refused).toEqual([]);
  });
});
