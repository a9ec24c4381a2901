/** What the shards but the home shard measure, for pg_relation_size() and its family (planner/checks/sizes.ts). */

import { quoteLiteral } from '../../catalog/schema.js';
import type { ShardId } from '../../catalog/topology.js';
import type { SizeFunction } from '../../planner/postgres/size-functions.js';
import { queryRow } from './query-row.js';
import { allShards, type ExecutionContext } from './context.js';

/** What is measured there, by a name that is the same on every shard; null size: only its oid was asked for. */
type Measured = readonly [name: string, oid: number, size: number | null];

/** The sums as a JSON object. */
export async function measureOthers(context: ExecutionContext, measure: SizeFunction): Promise<string> {
  const { topology } = context;
  const others = allShards(topology).filter((shard) => shard !== topology.home);
  const ask = async (shard: ShardId, isHome: boolean): Promise<readonly Measured[]> => {
    const [json] = await queryRow(context, shard, measureSql(context, measure, isHome));
    return JSON.parse(json?.toString('utf8') ?? '[]') as readonly Measured[];
  };
  const [home, ...lists] = await Promise.all([
    ask(topology.home, true),
    ...others.map(async (shard) => await ask(shard, false)),
  ]);
  const sums = new Map<string, number>();
  for (const [name, , size] of lists.flat()) sums.set(name, (sums.get(name) ?? 0) + (size ?? 0));
  const isGlobal = measure === 'pg_database_size' || measure === 'pg_tablespace_size';
  const result: Record<string, number> = {};
  for (const [name, oid] of home ?? []) {
    const sum = sums.get(name);
    if (sum === undefined) continue;
    if (isGlobal) {
      result[`oid ${oid}`] = sum;
      result[`name ${name}`] = sum;
    } else {
      // The keys of forks end with the fork.
      const fork = measure === 'pg_relation_size' ? (/ (\w+)$/.exec(name)?.[1] ?? 'main') : undefined;
      if (fork === undefined || fork === 'main') result[String(oid)] = sum;
      if (fork !== undefined) result[`${oid} ${fork}`] = sum;
    }
  }
  return JSON.stringify(result);
}

function measureSql(context: ExecutionContext, measure: SizeFunction, isHome: boolean): string {
  const size = (call: string): string => (isHome ? 'NULL::pg_catalog.int8' : call);
  switch (measure) {
    case 'pg_database_size':
      return `SELECT pg_catalog.json_agg(pg_catalog.json_build_array(d.datname, d.oid::pg_catalog.int8,
          CASE WHEN pg_catalog.has_database_privilege(d.oid, 'CONNECT') OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')
            THEN ${size('pg_catalog.pg_database_size(d.oid)')} END))
        FROM pg_catalog.pg_database d`;
    case 'pg_tablespace_size':
      return `SELECT pg_catalog.json_agg(pg_catalog.json_build_array(t.spcname, t.oid::pg_catalog.int8,
          CASE WHEN t.spcname = 'pg_default' OR pg_catalog.has_tablespace_privilege(t.oid, 'CREATE')
              OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')
              OR t.oid = (SELECT d.dattablespace FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
            THEN ${size('pg_catalog.pg_tablespace_size(t.oid)')} END))
        FROM pg_catalog.pg_tablespace t`;
    case 'pg_relation_size':
      return relationsSql(
        context,
        size('pg_catalog.pg_relation_size(p.oid, f.fork)'),
        ', f.fork',
        " CROSS JOIN (VALUES ('main'), ('fsm'), ('vm'), ('init')) AS f (fork)",
      );
    default:
      return relationsSql(context, size(`pg_catalog.${measure}(p.oid)`), '', '');
  }
}

/** The sharded relations, their indexes, and both of their TOAST tables, found from the relations' names. */
function relationsSql(context: ExecutionContext, size: string, nameEnd: string, more: string): string {
  const sharded = [...context.catalog.relations()].filter(
    ({ kind, placement }) => placement.kind === 'sharded' && (kind === 'table' || kind === 'partitioned table'),
  );
  const array = (values: readonly string[]): string =>
    `ARRAY[${values.map((value) => quoteLiteral(value)).join(', ')}]::pg_catalog.text[]`;
  return `
WITH main AS (
  SELECT c.oid, w.schema, w.name, c.reltoastrelid AS toast
  FROM ROWS FROM (pg_catalog.unnest(${array(sharded.map(({ schema }) => schema))}),
    pg_catalog.unnest(${array(sharded.map(({ name }) => name))})) AS w (schema, name)
  JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema
  JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
),
part AS (
  SELECT oid, schema, name, 'table' AS kind FROM main
  UNION ALL
  SELECT i.indexrelid, m.schema, c.relname, 'index'
  FROM main m JOIN pg_catalog.pg_index i ON i.indrelid = m.oid JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  UNION ALL
  SELECT toast, schema, name, 'toast' FROM main WHERE toast <> 0
  UNION ALL
  SELECT i.indexrelid, m.schema, m.name, 'toast index' FROM main m JOIN pg_catalog.pg_index i ON i.indrelid = m.toast
)
SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
  pg_catalog.concat_ws(' ', p.kind, pg_catalog.quote_ident(p.schema), pg_catalog.quote_ident(p.name)${nameEnd}), p.oid::pg_catalog.int8, ${size}))
FROM part p${more}`;
}
