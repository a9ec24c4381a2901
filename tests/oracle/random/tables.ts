/** The tables that random SELECTs read: every placement, keys of several types, NULLs, empty shards. */

import { randomNumbers } from './choices.js';

export type ColumnType =
  'int4' | 'int8' | 'numeric' | 'text' | 'date' | 'bool' | 'uuid' | 'jsonb' | 'float8' | 'int4[]' | 'timestamptz';

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
  /** What pgring is told of its placement. */
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

export const tables: readonly TestTable[] = [...sources, ...views];

export const words: readonly string[] = ['', 'a', 'b', 'B', 'ab', 'Ä', "o'k", 'zz'];

export function uuidOf(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

/** A value of the type as an SQL literal, few different ones a type. `number` picks it. */
export function literalOf(type: ColumnType, number: number): string {
  const small = number % 7;
  switch (type) {
    case 'int4':
    case 'int8':
      return String(small - 1);
    case 'numeric':
      return `${small}.${small % 2 === 0 ? '50' : '25'}`;
    case 'text':
      return `'${(words[number % words.length] ?? '').replaceAll("'", "''")}'`;
    case 'date':
      return `'2024-02-2${small}'`;
    case 'bool':
      return small % 2 === 0 ? 'true' : 'false';
    case 'uuid':
      return `'${uuidOf(small)}'`;
    case 'jsonb':
      return small % 2 === 0 ? `'{"k": ${small}, "l": [1, "x"]}'` : `'[${small}, null]'`;
    case 'float8':
      return `${small}.${small % 2 === 0 ? '5' : '25'}`;
    case 'int4[]':
      return small === 0 ? `'{}'` : `'{${small},${small - 1},NULL}'`;
    case 'timestamptz':
      return `'2024-03-0${small + 1} 12:00:00+00'`;
  }
}

function serialOf(type: ColumnType, row: number): string {
  if (type === 'text') return `'${String.fromCharCode(97 + (row % 26))}${row % 3 === 0 ? 'Ü' : ''}${row}'`;
  return type === 'uuid' ? `'${uuidOf(row)}'` : String(row);
}

export interface SetUp {
  readonly oracle: readonly string[];
  readonly pgring: readonly string[];
}

/** Statements that make the tables and fill them with the same rows on both sides. */
export function setUpStatements(seed: number): SetUp {
  const random = randomNumbers(seed);
  const oracle: string[] = [];
  const pgring: string[] = [];
  for (const { name, definition, placement, columns, rows, serial } of sources) {
    const create = `CREATE TABLE ${name} (${definition})`;
    oracle.push(create);
    pgring.push(`${create} WITH (${placement})`);
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
  return { oracle: [...oracle, ...made], pgring: [...pgring, ...made] };
}
