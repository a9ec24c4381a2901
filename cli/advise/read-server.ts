/** Reads a database of a server: what its catalog says, what its statistics count, and which statements ran. */

import { Client, type ClientBase } from 'pg';
import { loadSnapshot } from '../../catalog/load.js';
import { loadParser } from '../../planner/parse/parser.js';
import type { CatalogSnapshot, Column, Relation } from '../../catalog/schema.js';
import { keyFamily } from '../../planner/postgres/key-family.js';
import { exitCode, Failure, messageOf } from '../failure.js';
import type { AdvisedColumn, AdvisedSchema, AdvisedTable, ForeignKey, WorkloadStatement } from './schema.js';

/** Statements that are looked at: the most frequent ones. */
const MAX_STATEMENTS = 2_000;

const constraintSql = `
SELECT con.conname AS name, con.contype AS type, con.conrelid::int8 AS relation, con.confrelid::int8 AS target,
  (SELECT pg_catalog.json_agg(a.attname ORDER BY k.place) FROM pg_catalog.unnest(con.conkey) WITH ORDINALITY AS k (number, place)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k.number) AS columns,
  (SELECT pg_catalog.json_agg(a.attname ORDER BY k.place) FROM pg_catalog.unnest(con.confkey) WITH ORDINALITY AS k (number, place)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = con.confrelid AND a.attnum = k.number) AS target_columns
FROM pg_catalog.pg_constraint con
WHERE con.contype IN ('f', 'x') AND con.conparentid = 0
ORDER BY con.conrelid, con.conname`;

const parentSql = `
SELECT i.inhrelid::int8 AS child, i.inhparent::int8 AS parent
FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhparent
WHERE c.relkind IN ('r', 'p')
ORDER BY i.inhrelid, i.inhseqno`;

const sizeSql = `
SELECT c.oid::int8 AS relation, c.reltuples::float8 AS rows, pg_catalog.pg_table_size(c.oid)::float8 AS bytes,
  s.n_live_tup::float8 AS live, (s.n_tup_ins + s.n_tup_upd + s.n_tup_del)::float8 AS writes
FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_stat_all_tables s ON s.relid = c.oid
WHERE c.relkind = 'r'`;

const distinctSql = `
SELECT schemaname AS schema, tablename AS table, attname AS column, n_distinct::float8 AS distinct
FROM pg_catalog.pg_stats WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND NOT inherited`;

const statementViewSql = `
SELECT pg_catalog.quote_ident(n.nspname) AS schema
FROM pg_catalog.pg_extension x JOIN pg_catalog.pg_namespace n ON n.oid = x.extnamespace
WHERE x.extname = 'pg_stat_statements'`;

interface ConstraintRow {
  readonly name: string;
  readonly type: 'f' | 'x';
  readonly relation: string;
  readonly target: string;
  readonly columns: readonly string[] | null;
  readonly target_columns: readonly string[] | null;
}

interface SizeRow {
  readonly relation: string;
  readonly rows: number;
  readonly bytes: number;
  readonly live: number | null;
  readonly writes: number | null;
}

/** Connects, reads and leaves. */
export async function readServer(connectionString: string): Promise<AdvisedSchema> {
  const shown = connectionString.replace(/:[^:@/]*@/, '@');
  let client: Client;
  try {
    client = new Client({ connectionString });
    await client.connect();
  } catch (error) {
    throw new Failure(`no PostgreSQL server answers at ${shown}`, {
      exitCode: exitCode.server,
      detail: messageOf(error),
      hint: 'Name the server that has the schema: --server postgresql://user@host:port/database. Or give its dump: --dump file.sql',
    });
  }
  try {
    return await readDatabase(client, shown);
  } finally {
    await client.end();
  }
}

export async function readDatabase(client: ClientBase, source: string): Promise<AdvisedSchema> {
  await loadParser();
  const database = (await client.query<{ name: string }>('SELECT current_database() AS name')).rows[0]?.name ?? '';
  const asText = async (sql: string): Promise<Record<string, string | null>[]> => {
    const { rows } = await client.query<Record<string, string | null>>({
      text: sql,
      types: { getTypeParser: () => (value: string) => value },
    });
    return rows;
  };
  const catalog = await loadSnapshot(asText, database);
  const path = await client.query<{ name: string }>(
    'SELECT pg_catalog.unnest(pg_catalog.current_schemas(false)) AS name',
  );
  const { statements, remarks } = await readStatements(client);
  return {
    source,
    tables: await readTables(client, catalog),
    catalog,
    searchPath: path.rows.map(({ name }) => name),
    statements,
    remarks,
  };
}

async function readTables(client: ClientBase, catalog: CatalogSnapshot): Promise<readonly AdvisedTable[]> {
  const constraints = (await client.query<ConstraintRow>(constraintSql)).rows;
  const sizes = new Map((await client.query<SizeRow>(sizeSql)).rows.map((row) => [Number(row.relation), row]));
  const parents = new Map<number, number>();
  for (const { child, parent } of (await client.query<{ child: string; parent: string }>(parentSql)).rows) {
    if (!parents.has(Number(child))) parents.set(Number(child), Number(parent));
  }
  const rootOf = (oid: number): number => {
    const parent = parents.get(oid);
    return parent === undefined ? oid : rootOf(parent);
  };
  const distinct = new Map<string, number>();
  const counted = await client.query<{ schema: string; table: string; column: string; distinct: number }>(distinctSql);
  for (const row of counted.rows) distinct.set(JSON.stringify([row.schema, row.table, row.column]), row.distinct);
  const relations = [...catalog.relations()].filter(isAdvised);
  const trees = groupBy(relations, ({ oid }) => rootOf(oid));
  return [...trees].flatMap(([oid, members]) => {
    const root = catalog.relationByOid(oid);
    if (root === undefined) return [];
    const own = constraints.filter(({ relation }) => rootOf(Number(relation)) === oid);
    const measured = members.flatMap((member) => sizes.get(member.oid) ?? []);
    const rows = sum(measured.map(({ rows: estimate, live }) => (estimate >= 0 ? estimate : (live ?? undefined))));
    const columns = root.columns.map((column): AdvisedColumn => {
      const share = distinct.get(JSON.stringify([root.schema, root.name, column.name]));
      return adviseColumn(column, share === undefined || share >= 0 ? share : -share * (rows ?? 0));
    });
    const table: AdvisedTable = {
      oid,
      schema: root.schema,
      name: root.name,
      columns,
      uniqueKeys: members.flatMap((member) => member.uniqueKeys).filter(isFirstOfItsKind),
      foreignKeys: own.filter(({ type }) => type === 'f').map((row) => foreignKeyOf(row, rootOf)),
      exclusions: own.filter(({ type }) => type === 'x').map(({ name }) => name),
      hasRules: members.some(({ hasRules }) => hasRules),
      members: members
        .filter((member) => member.oid !== oid)
        .map(({ oid: id, schema, name }) => ({ oid: id, schema, name })),
      rows,
      bytes: sum(measured.map(({ bytes }) => bytes)),
      writes: sum(measured.map(({ writes }) => writes ?? undefined)),
    };
    return [table];
  });
}

function groupBy<Value>(values: readonly Value[], keyOf: (value: Value) => number): Map<number, Value[]> {
  const groups = new Map<number, Value[]>();
  for (const value of values) {
    const group = groups.get(keyOf(value));
    if (group === undefined) groups.set(keyOf(value), [value]);
    else group.push(value);
  }
  return groups;
}

const systemSchemas: ReadonlySet<string> = new Set(['pg_catalog', 'information_schema', 'pg_toast', 'pgring']);

function isAdvised(relation: Relation): boolean {
  return (relation.kind === 'table' || relation.kind === 'partitioned table') && !systemSchemas.has(relation.schema);
}

function adviseColumn(column: Column, distinct: number | undefined): AdvisedColumn {
  // A domain's column is made before pgring knows what the domain is of.
  const isKey = column.generated === 'no' && column.typeOid === column.baseTypeOid;
  return {
    name: column.name,
    typeName: column.typeName,
    family: isKey ? keyFamily(column.baseTypeOid) : undefined,
    distinct,
  };
}

/** Partitions repeat their table's keys. */
function isFirstOfItsKind(
  key: { readonly columns: readonly string[] },
  index: number,
  keys: readonly { readonly columns: readonly string[] }[],
): boolean {
  return keys.findIndex(({ columns }) => JSON.stringify(columns) === JSON.stringify(key.columns)) === index;
}

function foreignKeyOf(row: ConstraintRow, rootOf: (oid: number) => number): ForeignKey {
  return {
    name: row.name,
    columns: row.columns ?? [],
    target: rootOf(Number(row.target)),
    targetColumns: row.target_columns ?? [],
  };
}

function sum(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : known.reduce((total, value) => total + value, 0);
}

async function readStatements(
  client: ClientBase,
): Promise<{ readonly statements: readonly WorkloadStatement[] | undefined; readonly remarks: readonly string[] }> {
  const [view] = (await client.query<{ schema: string }>(statementViewSql)).rows;
  if (view === undefined) return { statements: undefined, remarks: [] };
  try {
    const { rows } = await client.query<{ query: string; calls: string }>(
      `SELECT query, pg_catalog.sum(calls)::int8 AS calls FROM ${view.schema}.pg_stat_statements
       WHERE dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
       GROUP BY query ORDER BY calls DESC, query LIMIT ${MAX_STATEMENTS}`,
    );
    return { statements: rows.map(({ query, calls }) => ({ sql: query, calls: Number(calls) })), remarks: [] };
  } catch (error) {
    return { statements: undefined, remarks: [`pg_stat_statements cannot be read: ${messageOf(error)}`] };
  }
}
