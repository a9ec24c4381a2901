/** What a session's search path means, as names of schemas. */

/** A temporary schema at the front of the path is not among current_schemas() until it exists (namespace.c). */
export const searchPathSql = `
SELECT name FROM (
  SELECT 'pg_temp' AS name, 0 AS place WHERE pg_catalog.pg_my_temp_schema() = 0
    AND pg_catalog.current_setting('search_path') ~ '^ *"?pg_temp"? *(,|$)'
  UNION ALL
  SELECT CASE WHEN n.oid = pg_catalog.pg_my_temp_schema() THEN 'pg_temp' ELSE n.nspname END, s.place
  FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY AS s (name, place)
  JOIN pg_catalog.pg_namespace n ON n.nspname = s.name
) AS path ORDER BY place`;
