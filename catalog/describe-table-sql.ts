/** The queries behind createTableSql: PostgreSQL prints its own definitions; PostgreSQL 13 to 18. */

import { printed } from './load-sql.js';
import { qualifiedName, quoteLiteral } from './schema.js';

function asRegclass(schema: string, name: string): string {
  return `${quoteLiteral(qualifiedName({ schema, name }))}::pg_catalog.regclass`;
}

/** One row: what the table is, and whether it has what createTableSql does not print. Fails when there is no table. */
export function obstaclesSql(schema: string, name: string): string {
  return `
SELECT c.relkind AS kind, c.relpersistence AS persistence, c.reloftype <> 0 AS typed,
  EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE c.oid IN (h.inhrelid, h.inhparent)) AS inherits,
  EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal) AS triggers,
  EXISTS (SELECT FROM pg_catalog.pg_rewrite w WHERE w.ev_class = c.oid) AS rules,
  c.relrowsecurity OR EXISTS (SELECT FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid) AS policies
FROM pg_catalog.pg_class c WHERE c.oid = ${asRegclass(schema, name)}`;
}

/** An identity column's or a sequence's own options. */
const sequenceOptions = `pg_catalog.format('INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s CACHE %s%s',
  q.seqincrement, q.seqmin, q.seqmax, q.seqstart, q.seqcache, CASE WHEN q.seqcycle THEN ' CYCLE' END)`;

/** Rows of (step, place, sql): statements in the order of step and place. */
export function definitionSql(schema: string, name: string): string {
  const column = `pg_catalog.format('%I %s%s%s%s', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
    CASE WHEN a.attcollation <> y.typcollation THEN
      (SELECT pg_catalog.format(' COLLATE %I.%I', n.nspname, o.collname)
       FROM pg_catalog.pg_collation o JOIN pg_catalog.pg_namespace n ON n.oid = o.collnamespace
       WHERE o.oid = a.attcollation) END,
    CASE
      WHEN a.attidentity <> '' THEN pg_catalog.format(' GENERATED %s AS IDENTITY (%s)',
        CASE a.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END,
        (SELECT pg_catalog.format('SEQUENCE NAME %I.%I ', n.nspname, s.relname) || ${sequenceOptions}
         FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_sequence q ON q.seqrelid = d.objid
         JOIN pg_catalog.pg_class s ON s.oid = q.seqrelid JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace
         WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
           AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
           AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum AND d.deptype = 'i'))
      WHEN a.attgenerated <> '' THEN pg_catalog.format(' GENERATED ALWAYS AS (%s) %s', e.expression,
        CASE a.attgenerated WHEN 's' THEN 'STORED' ELSE 'VIRTUAL' END)
      WHEN e.expression IS NOT NULL THEN ' DEFAULT ' || e.expression
    END,
    CASE WHEN a.attnotnull THEN ' NOT NULL' END)`;
  const columns = `(SELECT pg_catalog.string_agg(${column}, ', ' ORDER BY a.attnum)
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
    LEFT JOIN LATERAL (
      SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS expression
      FROM pg_catalog.pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum
    ) AS e ON true
    WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped)`;
  const alterColumn = `pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I SET ', t.name, a.attname)`;
  return `
WITH path AS MATERIALIZED (SELECT pg_catalog.set_config('search_path', '', true) AS value),
t AS MATERIALIZED (
  SELECT c.*, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name, n.nspname
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.oid = ${asRegclass(schema, name)}
),
used AS MATERIALIZED (
  SELECT DISTINCT s.oid, CASE s.relpersistence WHEN 'u' THEN 'UNLOGGED ' END AS persistence,
    pg_catalog.format('%I.%I', n.nspname, s.relname) AS name
  FROM t JOIN pg_catalog.pg_attrdef e ON e.adrelid = t.oid
  JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = e.oid
    AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
  JOIN pg_catalog.pg_class s ON s.oid = d.refobjid AND s.relkind = 'S'
  JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace
)
SELECT step::pg_catalog.text, place::pg_catalog.text, sql FROM (
  SELECT 1 AS step, 0::int8 AS place, pg_catalog.format('CREATE SCHEMA IF NOT EXISTS %I', nspname) AS sql FROM t
  UNION ALL
  SELECT 2, 0, pg_catalog.format('CREATE %sSEQUENCE IF NOT EXISTS %s AS %s ', used.persistence, used.name,
    pg_catalog.format_type(q.seqtypid, NULL)) || ${sequenceOptions}
  FROM used JOIN pg_catalog.pg_sequence q ON q.seqrelid = used.oid
  UNION ALL
  SELECT 3, 0, ${printed(`pg_catalog.format('CREATE %sTABLE %s (%s)%s%s%s',
    CASE t.relpersistence WHEN 'u' THEN 'UNLOGGED ' END, t.name, ${columns},
    CASE t.relkind WHEN 'p' THEN ' PARTITION BY ' || pg_catalog.pg_get_partkeydef(t.oid) END,
    (SELECT pg_catalog.format(' USING %I', m.amname) FROM pg_catalog.pg_am m WHERE m.oid = t.relam AND m.amname <> 'heap'),
    ' WITH (' || pg_catalog.array_to_string(t.reloptions, ', ') || ')')`)} FROM t
  UNION ALL
  SELECT 4, d.refobjsubid, pg_catalog.format('ALTER SEQUENCE %s OWNED BY %s.%I', used.name, t.name, a.attname)
  FROM t JOIN pg_catalog.pg_depend d ON d.refobjid = t.oid AND d.deptype = 'a'
    AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
    AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
  JOIN used ON used.oid = d.objid
  JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
  UNION ALL
  SELECT 5, a.attnum, ${alterColumn} || 'STORAGE ' ||
    CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END
  FROM t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
  WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attstorage <> y.typstorage
  UNION ALL
  SELECT 6, a.attnum, ${alterColumn} || 'COMPRESSION ' ||
    CASE pg_catalog.to_jsonb(a) ->> 'attcompression' WHEN 'l' THEN 'lz4' ELSE 'pglz' END
  FROM t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid
  WHERE a.attnum > 0 AND NOT a.attisdropped AND pg_catalog.to_jsonb(a) ->> 'attcompression' IN ('l', 'p')
  UNION ALL
  SELECT 7, a.attnum, ${alterColumn} || 'STATISTICS ' || a.attstattarget
  FROM t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid
  WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attstattarget >= 0
  UNION ALL
  -- Keys before foreign keys, which may refer to keys of the table itself. Not null is part of the columns.
  SELECT CASE n.contype WHEN 'f' THEN 10 ELSE 8 END, n.oid::int8, ${printed(
    `pg_catalog.format('ALTER TABLE %s ADD CONSTRAINT %I %s', t.name, n.conname, pg_catalog.pg_get_constraintdef(n.oid))`,
  )}
  FROM t JOIN pg_catalog.pg_constraint n ON n.conrelid = t.oid WHERE n.contype IN ('p', 'u', 'c', 'x', 'f')
  UNION ALL
  SELECT 9, x.indexrelid::int8, ${printed('pg_catalog.pg_get_indexdef(x.indexrelid)')}
  FROM t JOIN pg_catalog.pg_index x ON x.indrelid = t.oid
  WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_constraint n WHERE n.conindid = x.indexrelid AND n.conrelid = t.oid)
  UNION ALL
  SELECT 11, s.oid::int8, ${printed('pg_catalog.pg_get_statisticsobjdef(s.oid)')}
  FROM t JOIN pg_catalog.pg_statistic_ext s ON s.stxrelid = t.oid
  UNION ALL
  SELECT 12, 0, pg_catalog.format('ALTER TABLE %s REPLICA IDENTITY %s', t.name, CASE t.relreplident
    WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING'
    ELSE (SELECT pg_catalog.format('USING INDEX %I', i.relname) FROM pg_catalog.pg_index x
          JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = t.oid AND x.indisreplident) END)
  FROM t WHERE t.relreplident <> 'd'
  UNION ALL
  SELECT 13, d.objsubid, CASE d.objsubid
    WHEN 0 THEN pg_catalog.format('COMMENT ON TABLE %s IS %L', t.name, d.description)
    ELSE pg_catalog.format('COMMENT ON COLUMN %s.%I IS %L', t.name, a.attname, d.description) END
  FROM t JOIN pg_catalog.pg_description d ON d.objoid = t.oid
    AND d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
  LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.objsubid AND d.objsubid > 0
  UNION ALL
  SELECT 14, 0, pg_catalog.format('ALTER TABLE %s OWNER TO %I', t.name, pg_catalog.pg_get_userbyid(t.relowner)) FROM t
  UNION ALL
  -- An owner may have taken rights from itself.
  SELECT 15, 0, pg_catalog.format('REVOKE ALL ON TABLE %s FROM PUBLIC, %I', t.name, pg_catalog.pg_get_userbyid(t.relowner))
  FROM t WHERE t.relacl IS NOT NULL
  UNION ALL
  SELECT 16, pg_catalog.row_number() OVER (ORDER BY g.column, g.ordinality),
    pg_catalog.format('GRANT %s%s ON TABLE %s TO %s%s', g.privilege_type, g.column, g.name,
      CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(g.grantee)) END,
      CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' END)
  FROM (
    SELECT t.name, '' AS column, r.* FROM t, pg_catalog.aclexplode(t.relacl) WITH ORDINALITY AS r
    UNION ALL
    SELECT t.name, pg_catalog.format(' (%I)', a.attname), r.*
    FROM t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped,
      pg_catalog.aclexplode(a.attacl) WITH ORDINALITY AS r
  ) AS g
) AS statement
ORDER BY statement.step, statement.place`;
}
