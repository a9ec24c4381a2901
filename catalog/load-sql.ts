/** The queries that read a database's catalog. Each is one statement, so it sees one state; PostgreSQL 13 to 18. */

/** FirstNormalObjectId (access/transam.h): what initdb made has a smaller oid and never changes afterwards. */
export const firstNormalObjectId = 16_384;

/** `system`: what initdb made; `user`: everything else; `temporary`: what the session has in its temporary schema. */
export type CatalogPart = 'system' | 'user' | 'temporary';

type RelationRow = readonly [
  oid: number,
  schema: string,
  name: string,
  kind: string,
  rowSecurity: boolean,
  isPartition: boolean,
  isTemporary: boolean,
];

type ColumnRow = readonly [
  relation: number,
  name: string,
  number: number,
  type: number,
  typeName: string,
  typeModifier: number,
  notNull: boolean,
  generated: string,
  identity: string,
  collation: number,
  /** Qualified and quoted; null for that of the type. */
  collationName: string | null,
];

export type KeyRow = readonly [
  relation: number,
  name: string,
  primary: boolean,
  partial: boolean,
  /** Numbers of the key's columns, 0 for an expression. */
  columns: readonly number[],
  /** For an exclusion constraint: which of them are compared by equality. */
  byEquality: readonly boolean[] | null,
];

export type FunctionRow = readonly [
  schema: string,
  name: string,
  /** 0 immutable, 1 stable, 2 volatile */
  volatility: number,
  /** The different pg_proc.prokind */
  kinds: string,
  returnsSet: boolean,
];

/** What one part of the catalog consists of; each entry is one column of the answer, as JSON. */
export interface CatalogRows {
  readonly relations: readonly RelationRow[];
  readonly columns: readonly ColumnRow[];
  readonly defaults: readonly (readonly [relation: number, column: number, expression: string])[];
  readonly keys: readonly KeyRow[];
  readonly reads: readonly (readonly [view: number, relation: number])[];
  readonly definitions: readonly (readonly [view: number, sql: string])[];
  readonly ruled: readonly number[];
  readonly partitions: readonly (readonly [partition: number, parent: number])[];
  /** Parents and children by INHERITS, which is not partitioning. */
  readonly inherited: readonly number[];
  /** Foreign keys; `follows`: rows of the relation change when the key that they point at does (ON UPDATE CASCADE …). */
  readonly references: readonly (readonly [relation: number, target: number, follows: boolean])[];
  readonly sequences: readonly (readonly [relation: number, column: number, schema: string, name: string])[];
  readonly domains: readonly (readonly [
    oid: number,
    base: number,
    modifier: number,
    notNull: boolean,
    expression: string | null,
  ])[];
  readonly functions: readonly FunctionRow[];
}

/**
 * Expressions and type names are printed with an empty search path, so that they mean the same in any session. The path
 * is set for the statement only; the CASE around each printing function makes sure that it is set before.
 */
export function printed(expression: string): string {
  return `CASE WHEN (SELECT value FROM path) = '' THEN ${expression} END`;
}

/** One scalar subquery: all rows as one JSON array, or NULL when there are none. */
export function list(row: string, source: string): string {
  return `(SELECT pg_catalog.json_agg(${row}) ${source})`;
}

export function catalogSql(part: CatalogPart): string {
  const inPart = (oid: string, namespace: string): string =>
    part === 'temporary'
      ? `${namespace} = pg_catalog.pg_my_temp_schema()`
      : `${oid} ${part === 'system' ? '<' : '>='} ${firstNormalObjectId}`;
  const lists: { readonly [name in keyof CatalogRows]: string } = {
    relations: list(
      'pg_catalog.json_build_array(oid::int8, schema, name, kind, row_security, is_partition, is_temporary)',
      'FROM relation',
    ),
    columns: list(
      `pg_catalog.json_build_array(a.attrelid::int8, a.attname, a.attnum, a.atttypid::int8,
        ${printed('pg_catalog.format_type(a.atttypid, a.atttypmod)')}, a.atttypmod, a.attnotnull,
        a.attgenerated, a.attidentity, a.attcollation::int8,
        CASE WHEN a.attcollation <> t.typcollation
          THEN pg_catalog.concat(pg_catalog.quote_ident(n.nspname), '.', pg_catalog.quote_ident(o.collname)) END)`,
      `FROM relation r JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid
       JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
       LEFT JOIN pg_catalog.pg_collation o ON o.oid = a.attcollation
       LEFT JOIN pg_catalog.pg_namespace n ON n.oid = o.collnamespace
       WHERE r.kind IN ('r', 'p', 'v', 'm', 'f', 'c') AND a.attnum > 0 AND NOT a.attisdropped`,
    ),
    defaults: list(
      `pg_catalog.json_build_array(d.adrelid::int8, d.adnum, ${printed('pg_catalog.pg_get_expr(d.adbin, d.adrelid)')})`,
      `FROM relation r JOIN pg_catalog.pg_attrdef d ON d.adrelid = r.oid
       JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE a.attgenerated = ''`,
    ),
    keys: list(
      `pg_catalog.json_build_array(x.indrelid::int8, i.relname, x.indisprimary,
        x.indpred IS NOT NULL OR 0 = ANY (x.indkey) OR x.indisexclusion OR NOT x.indisvalid,
        (SELECT pg_catalog.json_agg(k.number ORDER BY k.place)
           FROM pg_catalog.unnest(x.indkey) WITH ORDINALITY AS k (number, place) WHERE k.place <= x.indnkeyatts),
        (SELECT pg_catalog.json_agg(o.oprname = '=' ORDER BY e.place)
           FROM pg_catalog.pg_constraint n, pg_catalog.unnest(n.conexclop) WITH ORDINALITY AS e (operator, place)
           JOIN pg_catalog.pg_operator o ON o.oid = e.operator
          WHERE n.conindid = x.indexrelid AND n.conrelid = x.indrelid))`,
      `FROM relation r JOIN pg_catalog.pg_index x ON x.indrelid = r.oid
       JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
       WHERE (x.indisunique OR x.indisexclusion) AND x.indislive`,
    ),
    // From the stored query itself: pg_depend leaves out the catalogs, which are pinned.
    reads: list(
      'pg_catalog.json_build_array(view, relation)',
      `FROM (
        SELECT DISTINCT w.ev_class::int8 AS view, m.ids[1]::int8 AS relation
        FROM relation r JOIN pg_catalog.pg_rewrite w ON w.ev_class = r.oid AND w.rulename = '_RETURN',
          pg_catalog.regexp_matches(w.ev_action::pg_catalog.text, ':relid ([1-9][0-9]*)', 'g') AS m (ids)
        WHERE m.ids[1] <> w.ev_class::pg_catalog.text
      ) AS edge`,
    ),
    definitions: list(
      `pg_catalog.json_build_array(r.oid::int8, ${printed('pg_catalog.pg_get_viewdef(r.oid)')})`,
      `FROM relation r WHERE r.kind = 'v' AND r.oid >= ${firstNormalObjectId}`,
    ),
    ruled: list(
      'DISTINCT w.ev_class::int8',
      `FROM relation r JOIN pg_catalog.pg_rewrite w ON w.ev_class = r.oid
       WHERE w.rulename <> '_RETURN' AND w.ev_enabled <> 'D'`,
    ),
    partitions: list(
      'pg_catalog.json_build_array(h.inhrelid::int8, h.inhparent::int8)',
      'FROM relation r JOIN pg_catalog.pg_inherits h ON h.inhrelid = r.oid WHERE r.is_partition',
    ),
    inherited: list(
      'DISTINCT e.oid::int8',
      `FROM relation r JOIN pg_catalog.pg_inherits h ON h.inhrelid = r.oid,
         pg_catalog.unnest(ARRAY[h.inhrelid, h.inhparent]) AS e (oid) WHERE r.kind IN ('r', 'f') AND NOT r.is_partition`,
    ),
    references: list(
      "pg_catalog.json_build_array(c.conrelid::int8, c.confrelid::int8, c.confupdtype IN ('c', 'n', 'd'))",
      "FROM relation r JOIN pg_catalog.pg_constraint c ON c.conrelid = r.oid WHERE c.contype = 'f'",
    ),
    // Starting from the columns, so that every step is a lookup in an index, whatever the planner expects of the CTE.
    sequences: list(
      'pg_catalog.json_build_array(u.relation, u.number, n.nspname, s.relname)',
      `FROM (
        SELECT e.adrelid::int8 AS relation, e.adnum AS number, d.refobjid AS sequence
        FROM relation r JOIN pg_catalog.pg_attrdef e ON e.adrelid = r.oid
        JOIN pg_catalog.pg_depend d
          ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = e.oid
          AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> e.adrelid
        UNION ALL
        SELECT d.refobjid::int8, d.refobjsubid, d.objid
        FROM relation r JOIN pg_catalog.pg_depend d
          ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = r.oid AND d.deptype = 'i'
          AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjsubid > 0
        WHERE r.kind = 'S'
        UNION ALL
        -- A partition's identity column takes from the sequence of its root (getIdentitySequence(), pg_depend.c).
        SELECT a.attrelid::int8, a.attnum, d.objid
        FROM relation r JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attidentity <> ''
        JOIN pg_catalog.pg_attribute p ON p.attrelid = pg_catalog.pg_partition_root(r.oid) AND p.attname = a.attname
        JOIN pg_catalog.pg_depend d
          ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = p.attrelid
          AND d.refobjsubid = p.attnum AND d.deptype = 'i' AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
        WHERE r.is_partition
      ) AS u
      JOIN pg_catalog.pg_class s ON s.oid = u.sequence AND s.relkind = 'S'
      JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace`,
    ),
    domains: list(
      `pg_catalog.json_build_array(t.oid::int8, t.typbasetype::int8, t.typtypmod, t.typnotnull,
        ${printed('pg_catalog.pg_get_expr(t.typdefaultbin, 0)')})`,
      `FROM pg_catalog.pg_type t WHERE t.typtype = 'd'`,
    ),
    functions: list(
      'pg_catalog.json_build_array(schema, name, volatility, kinds, returns_set)',
      `FROM (
        SELECT CASE WHEN n.oid = pg_catalog.pg_my_temp_schema() THEN 'pg_temp' ELSE n.nspname END AS schema, p.proname AS name,
          pg_catalog.max(pg_catalog.strpos('isv', p.provolatile::pg_catalog.text)) - 1 AS volatility,
          pg_catalog.string_agg(DISTINCT p.prokind::pg_catalog.text, '') AS kinds,
          pg_catalog.bool_or(p.proretset) AS returns_set
        FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
        WHERE ${inPart('p.oid', 'p.pronamespace')} GROUP BY 1, 2
      ) AS named`,
    ),
  };
  return `
WITH path AS MATERIALIZED (SELECT pg_catalog.set_config('search_path', '', true) AS value),
relation AS MATERIALIZED (
  SELECT c.oid, c.relname AS name, c.relkind AS kind, c.relrowsecurity AS row_security,
    CASE c.relpersistence WHEN 't' THEN 'pg_temp' ELSE n.nspname END AS schema,
    c.relispartition AS is_partition, c.relpersistence = 't' AS is_temporary
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE ${inPart('c.oid', 'c.relnamespace')} AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c', 'i', 'I') AND n.nspname <> 'pg_toast'
    AND (c.relpersistence <> 't' OR c.relnamespace = pg_catalog.pg_my_temp_schema())
)
SELECT ${Object.entries(lists)
    .map(([name, sql]) => `${sql}::pg_catalog.text AS ${name}`)
    .join(',\n')}`;
}

/**
 * What the server is: its version, the collations, whether the schema pgring is installed, the session's temporary
 * schema (none until it is used), and a mark of what initdb
 * made there (which tells whether that part is already known from another database).
 */
export const serverSql = `
SELECT pg_catalog.current_setting('server_version_num') AS server_version,
  pg_catalog.to_regclass('pgring.placement') IS NOT NULL AS installed,
  pg_catalog.to_regclass('pgring.function') IS NOT NULL AS declares,
  (SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE n.oid = pg_catalog.pg_my_temp_schema()) AS temporary_schema,
  (SELECT pg_catalog.json_build_array(pg_catalog.to_jsonb(d) ->> 'datlocprovider', d.datcollate)
   FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())::pg_catalog.text AS default_collation,
  (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(c.oid::int8,
      CASE WHEN c.collisdeterministic THEN c.collprovider ELSE 'n' END, c.collcollate))
   FROM pg_catalog.pg_collation c
   WHERE c.collprovider <> 'i' OR NOT c.collisdeterministic)::pg_catalog.text AS collations,
  (SELECT pg_catalog.concat_ws(' ', pg_catalog.count(*), pg_catalog.sum(p.oid::int8))
   FROM pg_catalog.pg_proc p WHERE p.oid < ${firstNormalObjectId}) AS system_functions,
  (SELECT pg_catalog.concat_ws(' ', pg_catalog.count(*), pg_catalog.sum(c.oid::int8))
   FROM pg_catalog.pg_class c WHERE c.oid < ${firstNormalObjectId}) AS system_relations`;

export const placementSql = `
SELECT relation::pg_catalog.oid::pg_catalog.text AS relation, kind,
  pg_catalog.array_to_json(key_columns)::pg_catalog.text AS key
FROM pgring.placement`;
