/** The tables that the first random SELECTs read: every placement, keys of several types, NULLs, empty shards. */

import { randomNumbers } from './choices.js';
import { literalOf, uuidOf, type ColumnType } from './types.js';

export interface TypedColumn {
  readonly name: string;
  readonly type: ColumnType;
}

export interface TestTable {
  readonly name: string;
  readonly columns: readonly TypedColumn[];
  /** Columns that tell its rows apart; empty when rows may be alike. */
  readonly identity: readonly string[];
}

interface TableSource extends TestTable {
  readonly definition: string;
  /** What pgring is told of its placement; or `temporary`. */
  readonly placement: string;
  readonly rows: number;
  /** Columns whose values are never NULL nor alike. */
  readonly serial: readonly string[];
}

function columnsOf(text: string): readonly TypedColumn[] {
  return text.split(', ').map((part) => {
    const [name = '', type = ''] = part.split(' ');
    return { name, type: type as ColumnType };
  });
}

const sources: readonly TableSource[] = [
  {
    name: 'si',
    definition: 'id int8 PRIMARY KEY, a int4, b int4, t text COLLATE "und-x-icu", n numeric(8, 2), d date, f bool',
    columns: columnsOf('id int8, a int4, b int4, t text, n numeric, d date, f bool'),
    placement: "pgring.shard_key = 'id'",
    rows: 24,
    serial: ['id'],
    identity: ['id'],
  },
  {
    name: 'sj',
    definition: 'id int8, k int4, a int4, t text, PRIMARY KEY (id, k)',
    columns: columnsOf('id int8, k int4, a int4, t text'),
    placement: "pgring.shard_key = 'id'",
    rows: 30,
    serial: ['k'],
    identity: ['id', 'k'],
  },
  {
    name: 'su',
    definition: 'u uuid PRIMARY KEY, a int4, t text, x float8',
    columns: columnsOf('u uuid, a int4, t text, x float8'),
    placement: "pgring.shard_key = 'u'",
    rows: 14,
    serial: ['u'],
    identity: ['u'],
  },
  {
    name: 'st',
    definition: 't text PRIMARY KEY, a int4, u uuid, j jsonb',
    columns: columnsOf('t text, a int4, u uuid, j jsonb'),
    placement: "pgring.shard_key = 't'",
    rows: 12,
    serial: ['t'],
    identity: ['t'],
  },
  {
    name: 's2',
    definition: 'a int4, t text, v int8, PRIMARY KEY (a, t)',
    columns: columnsOf('a int4, t text, v int8'),
    placement: "pgring.shard_key = 'a, t'",
    rows: 20,
    serial: ['t'],
    identity: ['a', 't'],
  },
  {
    name: 'sn',
    definition: 'k int4, a int4, t text, r int4[]',
    columns: columnsOf('k int4, a int4, t text, r int4[]'),
    placement: "pgring.shard_key = 'k'",
    rows: 18,
    serial: [],
    identity: [],
  },
  {
    name: 'se',
    definition: 'id int8 PRIMARY KEY, a int4, t text',
    columns: columnsOf('id int8, a int4, t text'),
    placement: "pgring.shard_key = 'id'",
    rows: 1,
    serial: ['id'],
    identity: ['id'],
  },
  {
    name: 'rf',
    definition: 'id int4 PRIMARY KEY, a int4, t text, r int4[]',
    columns: columnsOf('id int4, a int4, t text, r int4[]'),
    placement: "pgring.placement = 'reference'",
    rows: 8,
    serial: ['id'],
    identity: ['id'],
  },
  {
    name: 'hm',
    definition: 'id int4 PRIMARY KEY, a int4, t text, z timestamptz',
    columns: columnsOf('id int4, a int4, t text, z timestamptz'),
    placement: "pgring.placement = 'home'",
    rows: 8,
    serial: ['id'],
    identity: ['id'],
  },
  {
    name: 'tm',
    definition: 'id int8 PRIMARY KEY, a int4, t text, n numeric(8, 2)',
    columns: columnsOf('id int8, a int4, t text, n numeric'),
    placement: 'temporary',
    rows: 9,
    serial: ['id'],
    identity: ['id'],
  },
];

/** Views over sharded tables: of some rows, of a join, of an aggregate, of a view. */
const views: readonly (TestTable & { readonly query: string })[] = [
  {
    name: 'vi',
    query: 'SELECT id, a, t, upper(t) AS big FROM si WHERE a >= 0',
    columns: columnsOf('id int8, a int4, t text, big text'),
    identity: ['id'],
  },
  {
    name: 'vj',
    query: 'SELECT si.id, sj.k, si.n, sj.t FROM si JOIN sj USING (id) WHERE sj.a IS NOT NULL',
    columns: columnsOf('id int8, k int4, n numeric, t text'),
    identity: ['id', 'k'],
  },
  {
    name: 'vg',
    query: 'SELECT a, count(*) AS v, max(big) AS t FROM vi GROUP BY a',
    columns: columnsOf('a int4, v int8, t text'),
    identity: ['a'],
  },
];

function serialOf(type: ColumnType, row: number): string {
  if (type === 'text') return `'${String.fromCharCode(97 + (row % 26))}${row % 3 === 0 ? 'Ü' : ''}${row}'`;
  return type === 'uuid' ? `'${uuidOf(row)}'` : String(row);
}

/** Tables with the statements that make and fill them, alike on both sides. */
export interface Schema {
  readonly tables: readonly TestTable[];
  readonly oracle: readonly string[];
  readonly pgring: readonly string[];
  /** What a transaction may have done before its query. */
  readonly changes: readonly string[];
}

const changes: readonly string[] = [
  'INSERT INTO si (id, a, t) VALUES (100, 1, NULL), (101, 2, $$a$$), (102, 3, $$b$$)',
  'UPDATE sj SET a = a + 1 WHERE k < 10',
  'DELETE FROM su WHERE a > 1',
  'UPDATE rf SET a = 3',
  'UPDATE hm SET t = $$new$$ WHERE id < 4',
  'UPDATE tm SET t = $$changed$$ WHERE id > 4',
  'TRUNCATE si',
  'ALTER TABLE sj ALTER COLUMN t SET DEFAULT $$x$$',
];

export function knownSchema(seed: number): Schema {
  const random = randomNumbers(seed);
  const oracle: string[] = [];
  const pgring: string[] = [];
  for (const { name, definition, placement, columns, rows, serial } of sources) {
    const isTemporary = placement === 'temporary';
    const create = `CREATE ${isTemporary ? 'TEMPORARY ' : ''}TABLE ${name} (${definition})`;
    oracle.push(create);
    pgring.push(isTemporary ? create : `${create} WITH (${placement})`);
    const values = Array.from({ length: rows }, (_, row) => {
      const cells = columns.map((column) => {
        if (serial.includes(column.name)) return serialOf(column.type, row);
        const required = definition.includes(`(${column.name}, `) || definition.includes(`, ${column.name})`);
        if (!required && random() < 0.15) return 'NULL';
        return literalOf(column.type, Math.floor(random() * 56));
      });
      return `(${cells.join(', ')})`;
    });
    const insert = `INSERT INTO ${name} VALUES ${values.join(', ')}`;
    oracle.push(insert);
    pgring.push(insert);
  }
  const made = views.map(({ name, query }) => `CREATE VIEW ${name} AS ${query}`);
  return { tables: [...sources, ...views], oracle: [...oracle, ...made], pgring: [...pgring, ...made], changes };
}
