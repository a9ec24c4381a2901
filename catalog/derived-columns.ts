/** The columns that PostgreSQL has given to a table, as other servers can be told to make them. */

import type { RunQuery } from './load.js';
import { present } from '../base/assert.js';
import { printed } from './load-sql.js';
import { qualifiedName, quoteIdentifier, quoteLiteral } from './schema.js';

export interface DerivedColumn {
  readonly name: string;
  readonly typeOid: number;
  /** The type below any domain. */
  readonly baseTypeOid: number;
  readonly typeModifier: number;
  /** Name, type and collation, as CREATE TABLE takes them. */
  readonly definition: string;
}

/** The search path is set for the rest of the transaction: run it where that is undone. */
export async function readDerivedColumns(
  query: RunQuery,
  table: { readonly schema: string; readonly name: string },
): Promise<readonly DerivedColumn[]> {
  const rows = await query(columnsSql(table));
  return rows.map((row) => {
    const read = (name: string): string => present(row[name], `${name} of a column`);
    const name = read('name');
    const collation = row['collation'] ?? null;
    return {
      name,
      typeOid: Number(read('type')),
      baseTypeOid: Number(read('base_type')),
      typeModifier: Number(read('modifier')),
      definition: `${quoteIdentifier(name)} ${read('type_name')}${collation === null ? '' : ` COLLATE ${collation}`}`,
    };
  });
}

function columnsSql(table: { readonly schema: string; readonly name: string }): string {
  return `
WITH RECURSIVE path AS MATERIALIZED (SELECT pg_catalog.set_config('search_path', '', true) AS value),
base AS (
  SELECT a.attnum AS number, t.oid AS type, t.typtype AS kind, t.typbasetype AS below
  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  WHERE a.attrelid = ${quoteLiteral(qualifiedName(table))}::pg_catalog.regclass AND a.attnum > 0
  UNION ALL
  SELECT b.number, t.oid, t.typtype, t.typbasetype
  FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.below WHERE b.kind = 'd'
)
SELECT a.attname AS name, a.atttypid AS type, b.type AS base_type, a.atttypmod AS modifier,
  ${printed('pg_catalog.format_type(a.atttypid, a.atttypmod)')} AS type_name,
  CASE WHEN a.attcollation <> t.typcollation
    THEN pg_catalog.concat(pg_catalog.quote_ident(n.nspname), '.', pg_catalog.quote_ident(o.collname)) END AS collation
FROM pg_catalog.pg_attribute a JOIN base b ON b.number = a.attnum AND b.kind <> 'd'
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_collation o ON o.oid = a.attcollation
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = o.collnamespace
WHERE a.attrelid = ${quoteLiteral(qualifiedName(table))}::pg_catalog.regclass AND a.attnum > 0
ORDER BY a.attnum`;
}
