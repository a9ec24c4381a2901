/** The schemas in which the session's unqualified names are looked for. */

import { queryRows } from '../router/backend/command.js';
import type { BackendConnection } from '../router/backend/connection.js';

/** A temporary schema at the front of the path is not among current_schemas() until it exists (namespace.c). */
const searchPathSql = `
SELECT name FROM (
  SELECT 'pg_temp' AS name, 0 AS place WHERE pg_catalog.pg_my_temp_schema() = 0
    AND pg_catalog.current_setting('search_path') ~ '^ *"?pg_temp"? *(,|$)'
  UNION ALL
  SELECT CASE WHEN n.oid = pg_catalog.pg_my_temp_schema() THEN 'pg_temp' ELSE n.nspname END, s.place
  FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY AS s (name, place)
  JOIN pg_catalog.pg_namespace n ON n.nspname = s.name
) AS path ORDER BY place`;

/** The names of the schemas, in order, as the connection's own settings say. */
export async function readSearchPath(connection: BackendConnection): Promise<readonly string[]> {
  const rows = await queryRows(connection, searchPathSql);
  return rows.map((row) => row['name'] ?? '');
}
