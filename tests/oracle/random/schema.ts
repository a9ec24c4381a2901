/** Random schemas: tables of every placement with keys and columns of every type, their rows, and views over them. */

import { Choices } from './choices.js';
import type { Schema, TestTable, TypedColumn } from './tables.js';
import { exoticTypes, isExotic, keyTypes, literalOf, richTypes, userTypes, type ColumnType } from './types.js';

type Placement = 'sharded' | 'reference' | 'home';

interface RandomTable extends TestTable {
  readonly create: string;
  readonly placement: string;
  readonly insert: string | undefined;
}

/** One a schema: where several meet, it depends on the plan whether and where PostgreSQL fails. */
const collations = ['', ' COLLATE "C"', ' COLLATE "und-x-icu"', ' COLLATE "de-x-icu"'];

/** `number` names the schema, so that each has names of its own. */
export function randomSchema(number: number): Schema {
  const choices = Choices.random(number * 7_919 + 1);
  const name = `fuzz${number}`;
  const key = choices.pick(keyTypes);
  const collation = choices.pick(collations);
  const tables = [
    randomTable(choices, collation, 's1', 'sharded', key),
    randomTable(choices, collation, 's2', 'sharded', key),
    randomTable(choices, collation, 's3', 'sharded', choices.pick(keyTypes)),
    randomTable(choices, collation, 's4', 'sharded', choices.percent(50) ? key : choices.pick(keyTypes)),
    randomTable(choices, collation, 'r1', 'reference', key),
    randomTable(choices, collation, 'h1', 'home', key),
  ];
  const views = choices.percent(70) ? [filteredView(choices, tables), groupedView(choices, tables)] : [];
  const first = [`CREATE SCHEMA ${name}`, `SET search_path = ${name}`, ...userTypes];
  const inserts = tables.flatMap(({ insert }) => (insert === undefined ? [] : [insert]));
  const made = views.map((view) => `CREATE VIEW ${view.name} AS ${view.query}`);
  return {
    tables: [...tables, ...views],
    oracle: [...first, ...tables.map(({ create }) => create), ...inserts, ...made],
    pgring: [...first, ...tables.map(({ create, placement }) => create + placement), ...inserts, ...made],
    changes: tables.flatMap((table) => [
      `UPDATE ${table.name} SET a = a + 1 WHERE a > 2`,
      `DELETE FROM ${table.name} WHERE a < 2`,
      ...(table.name === 's2' ? [`TRUNCATE ${table.name}`] : []),
    ]),
  };
}

function randomTable(
  choices: Choices,
  collation: string,
  name: string,
  placement: Placement,
  keyType: ColumnType,
): RandomTable {
  const others = [
    ...Array.from({ length: 1 + choices.integer(3) }, () => choices.pick(richTypes)),
    ...Array.from({ length: 1 + choices.integer(2) }, () => choices.pick(exoticTypes)),
  ];
  const hasPrimaryKey = choices.percent(75);
  // Names tell the type, so that tables share columns only of one type (USING, NATURAL).
  const more = others.map((type, index): TypedColumn => ({ name: `${nameOf(type)}${index}`, type }));
  const columns: readonly TypedColumn[] = [
    { name: `k_${nameOf(keyType)}`, type: keyType },
    { name: 'n', type: 'int4' },
    { name: 'a', type: 'int4' },
    { name: 't', type: 'text' },
    ...more,
  ];
  const [key] = columns;
  if (key === undefined) throw new Error('a table without columns');
  const definition = columns.map((column) => {
    const collated = column.type === 'text' ? collation : '';
    const required = column.name === 'n' ? ' NOT NULL' : '';
    return `${column.name} ${column.type === 'numeric' ? 'numeric(8, 2)' : column.type}${collated}${required}`;
  });
  if (hasPrimaryKey) definition.push(`PRIMARY KEY (${key.name}, n)`);
  // Few different keys leave shards without rows.
  const keyCount = choices.pick([2, 5, 56]);
  const rows = Array.from({ length: choices.pick([0, 1, 6, 12, 20, 20]) }, (_, row) => {
    const cells = columns.map((column) => {
      if (column.name === 'n') return String(row);
      const isKey = column === key;
      if ((!isKey || !hasPrimaryKey) && choices.percent(15)) return 'NULL';
      return literalOf(column.type, choices.integer(isKey ? keyCount : 56));
    });
    return `(${cells.join(', ')})`;
  });
  const option = placement === 'sharded' ? `pgring.shard_key = '${key.name}'` : `pgring.placement = '${placement}'`;
  return {
    name,
    columns,
    identity: ['n'],
    create: `CREATE TABLE ${name} (${definition.join(', ')})`,
    placement: ` WITH (${option})`,
    insert: rows.length === 0 ? undefined : `INSERT INTO ${name} VALUES ${rows.join(', ')}`,
  };
}

function nameOf(type: ColumnType): string {
  return type.replaceAll(/\[\]/g, '_array').replaceAll(/[^a-z0-9_]/g, '');
}

function filteredView(choices: Choices, tables: readonly TestTable[]): TestTable & { readonly query: string } {
  const table = choices.pick(tables);
  const columns = table.columns.filter(({ type }, index) => index < 4 || isExotic(type));
  const list = columns.map(({ name }) => name).join(', ');
  return { name: 'v1', columns, identity: ['n'], query: `SELECT ${list} FROM ${table.name} WHERE a >= 1` };
}

function groupedView(choices: Choices, tables: readonly TestTable[]): TestTable & { readonly query: string } {
  const table = choices.pick(tables);
  const columns: readonly TypedColumn[] = [
    { name: 'a', type: 'int4' },
    { name: 'v', type: 'int8' },
    { name: 't', type: 'text' },
  ];
  const query = `SELECT a, count(*) AS v, max(t COLLATE "C") AS t FROM ${table.name} GROUP BY a`;
  return { name: 'v2', columns, identity: ['a'], query };
}
