import { makeOidMap, mayHoldOids, readOidList, type OidList } from '../../catalog/oid-map.js';
import { createDatabaseEverywhere, dropDatabaseEverywhere } from '../support/shared-servers.js';
import { connectAsText } from './server.js';

const list = (types: OidList['types'], relations: OidList['relations'] = []): OidList => ({ types, relations });

describe('makeOidMap', () => {
  const home = list(
    [
      ['public', 'mood', 20_000, 20_001],
      ['public', '_mood', 20_001, 0],
      ['public', 'things', 20_003, 20_004],
      ['public', '_things', 20_004, 0],
    ],
    [['public', 'things', 20_002]],
  );

  it('gives nothing when nothing differs', () => {
    expect(makeOidMap(home, home)).toBeUndefined();
    expect(makeOidMap(list([]), list([]))).toBeUndefined();
  });

  it('gives nothing for what one side alone has, at an oid that is free on the other', () => {
    const more = list([...home.types, ['public', 'extra', 20_010, 0]], home.relations);
    expect(makeOidMap(more, home)).toBeUndefined();
    expect(makeOidMap(home, more)).toBeUndefined();
  });

  it('translates types, arrays and relations both ways, also when oids are swapped', () => {
    const shard = list(
      [
        ['public', 'mood', 20_003, 20_004],
        ['public', '_mood', 20_004, 0],
        ['public', 'things', 20_000, 20_001],
        ['public', '_things', 20_001, 0],
      ],
      [['public', 'things', 20_009]],
    );
    const map = makeOidMap(home, shard);
    expect([20_003, 20_004, 20_000, 20_001].map((oid) => map?.typeToHome(oid))).toEqual([
      20_000, 20_001, 20_003, 20_004,
    ]);
    expect([20_000, 20_001, 20_003, 20_004].map((oid) => map?.typeToShard(oid))).toEqual([
      20_003, 20_004, 20_000, 20_001,
    ]);
    expect(map?.relationToHome(20_009)).toBe(20_002);
  });

  it('leaves the oids of PostgreSQL itself alone', () => {
    const map = makeOidMap(home, list([['public', 'mood', 30_000, 30_001]]));
    expect([map?.typeToHome(25), map?.typeToShard(25), map?.relationToHome(1259)]).toEqual([25, 25, 1259]);
  });

  it('does not pass on what the other side does not know', () => {
    const map = makeOidMap(home, list([['public', 'mood', 30_000, 30_001]]));
    expect(map?.typeToHome(20_003)).toBe(705);
    expect(map?.typeToShard(20_003)).toBe(0);
    expect(map?.relationToHome(20_002)).toBe(0);
  });

  it('matters when an oid is something else on the other side, even if no name is on both', () => {
    expect(makeOidMap(list([['public', 'a', 20_000, 0]]), list([['public', 'b', 20_000, 0]]))).toBeDefined();
  });

  it('pairs array types by their elements, whatever their names', () => {
    const shard = list([
      ['public', 'mood', 30_000, 30_001],
      ['public', '__mood', 30_001, 0],
      ['public', '_mood', 30_002, 0],
    ]);
    expect(makeOidMap(home, shard)?.typeToHome(30_001)).toBe(20_001);
    expect(makeOidMap(home, shard)?.typeToHome(30_002)).toBe(705);
  });

  it('tells names apart that would be one when joined', () => {
    const one = list([['a.b', 'c', 20_000, 0]]);
    const other = list([['a', 'b.c', 20_001, 0]]);
    expect(makeOidMap(one, other)).toBeUndefined();
  });
});

describe('mayHoldOids', () => {
  const database = 'oid_types';

  afterAll(async () => {
    await dropDatabaseEverywhere(database);
  });

  it('knows all built-in types whose values hold oids, as the server lists them', async () => {
    const { oracle } = await createDatabaseEverywhere(database);
    const connection = await connectAsText(oracle, database);
    try {
      const rows = await connection.query(
        `SELECT oid::int8, typname ~ '^_?(reg(class|type|proc|oper|namespace|role|config|dictionary|collation).*|record)$'
           AS holds
         FROM pg_type WHERE oid < 10000 AND typtype IN ('b', 'p')`,
      );
      const wrong = rows.filter(({ oid, holds }) => mayHoldOids(Number(oid)) !== (holds === 'true' || holds === 't'));
      expect(wrong).toEqual([]);
      expect(mayHoldOids(16_384)).toBe(true);
    } finally {
      await connection.close();
    }
  });
});

describe('readOidList', () => {
  const database = 'oid_map';

  afterAll(async () => {
    await dropDatabaseEverywhere(database);
  });

  it('reads every kind of type and relation, without temporary ones and those of schema pgring', async () => {
    const { oracle } = await createDatabaseEverywhere(database);
    const connection = await connectAsText(oracle, database);
    try {
      for (const sql of [
        'CREATE SCHEMA pgring',
        'CREATE TABLE pgring.placement (a int)',
        'CREATE TEMPORARY TABLE passing (a int)',
        "CREATE TYPE mood AS ENUM ('sad')",
        'CREATE DOMAIN score AS int',
        'CREATE TYPE pair AS (a int)',
        'CREATE TYPE span AS RANGE (subtype = float8)',
        'CREATE SCHEMA "odd, schema"',
        'CREATE TABLE "odd, schema"."a ""table""" (id serial PRIMARY KEY, words text)',
        'CREATE VIEW look AS SELECT 1',
      ]) {
        await connection.query(sql);
      }
      const { types, relations } = await readOidList(connection.query);
      expect(types.map(([schema, name]) => `${schema}.${name}`).sort()).toEqual([
        'odd, schema._a "table"',
        'odd, schema.a "table"',
        'public._look',
        'public._mood',
        'public._pair',
        'public._score',
        'public._span',
        'public._span_multirange',
        'public.look',
        'public.mood',
        'public.pair',
        'public.score',
        'public.span',
        'public.span_multirange',
      ]);
      expect(relations.map(([schema, name]) => `${schema}.${name}`).sort()).toEqual([
        'odd, schema.a "table"',
        'odd, schema.a "table"_id_seq',
        'public.look',
      ]);
      expect([...types, ...relations].every(([, , oid]) => oid >= 16_384)).toBe(true);
      const mood = types.find(([, name]) => name === 'mood');
      expect(mood?.[3]).toBe(types.find(([, name]) => name === '_mood')?.[2]);
    } finally {
      await connection.close();
    }
  });
});
