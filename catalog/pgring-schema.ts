/** The schema `pgring` on every server: which tables are placed how, and which distributed transactions committed. */

import { qualifiedName, quoteLiteral, type Placement } from './schema.js';

/** Raise it with every change of the objects below, and add what brings an older version up to date. */
export const pgringSchemaVersion = 5;

/** Any number that no other user of advisory locks takes: the ASCII codes of "pgring". */
const advisoryLock = '123554967187047';

/**
 * One statement that installs or updates the schema; it changes nothing when all is there, and several servers' or
 * proxies' calls wait for each other. Needs a role that may create schemas in the database.
 */
export function installSql(): string {
  return `DO $pgring$
BEGIN
  PERFORM pg_catalog.pg_advisory_xact_lock(${advisoryLock});
  IF pg_catalog.to_regclass('pgring.meta') IS NOT NULL THEN
    IF (SELECT version FROM pgring.meta) >= ${pgringSchemaVersion} THEN
      RETURN;
    END IF;
  END IF;
  PERFORM pg_catalog.set_config('client_min_messages', 'warning', true);

  CREATE SCHEMA IF NOT EXISTS pgring;
  GRANT USAGE ON SCHEMA pgring TO PUBLIC;

  CREATE TABLE IF NOT EXISTS pgring.commit_log (
    gid text PRIMARY KEY,
    state text NOT NULL DEFAULT 'commit' CHECK (state IN ('commit', 'abort')),
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
  );
  COMMENT ON TABLE pgring.commit_log IS 'Outcome of each transaction over several shards, until all have finished it';
  -- A client's role records that its own transaction commits; only pgring's role decides that one aborts.
  GRANT INSERT (gid) ON pgring.commit_log TO PUBLIC;
  -- Which rows a snapshot sees tells which transactions it sees: reads over several shards compare them by this.
  ALTER TABLE pgring.commit_log
    ADD COLUMN IF NOT EXISTS xid xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id();
  CREATE INDEX IF NOT EXISTS commit_log_xid ON pgring.commit_log (xid);
  GRANT SELECT ON pgring.commit_log TO PUBLIC;

  CREATE UNLOGGED TABLE IF NOT EXISTS pgring.waiting (
    session text PRIMARY KEY,
    processes json NOT NULL,
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
  );
  COMMENT ON TABLE pgring.waiting IS
    'Sessions of all proxies that wait for locks, with their processes on the shards; kept on the home shard';

  CREATE TABLE IF NOT EXISTS pgring.placement (
    relation regclass PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('sharded', 'reference', 'home')),
    key_columns int2[] NOT NULL DEFAULT '{}',
    CHECK (pg_catalog.array_position(key_columns, NULL) IS NULL),
    CHECK ((kind = 'sharded') = (pg_catalog.cardinality(key_columns) > 0))
  );
  COMMENT ON TABLE pgring.placement IS 'Where the rows of each table live; key_columns are numbers of pg_attribute';
  GRANT SELECT, INSERT, UPDATE, DELETE ON pgring.placement TO PUBLIC;
  -- Whoever may alter a table may place it; rows of dropped tables may be removed by anybody.
  ALTER TABLE pgring.placement ENABLE ROW LEVEL SECURITY;
  DROP POLICY IF EXISTS everybody_reads ON pgring.placement;
  CREATE POLICY everybody_reads ON pgring.placement FOR SELECT USING (true);
  DROP POLICY IF EXISTS owners_write ON pgring.placement;
  CREATE POLICY owners_write ON pgring.placement USING (
    NOT EXISTS (
      SELECT FROM pg_catalog.pg_class c
      WHERE c.oid = relation AND NOT pg_catalog.pg_has_role(c.relowner, 'USAGE')
    )
  );

  CREATE TABLE IF NOT EXISTS pgring.function (
    identity text PRIMARY KEY,
    argument int2 NOT NULL CHECK (argument >= 0)
  );
  COMMENT ON TABLE pgring.function IS
    'What functions touch whose bodies are not read: rows of the shard key in argument n; 0: no sharded table';
  GRANT SELECT, INSERT, UPDATE, DELETE ON pgring.function TO PUBLIC;
  -- Whoever may replace a function may declare it; what is said of dropped ones may be removed by anybody.
  ALTER TABLE pgring.function ENABLE ROW LEVEL SECURITY;
  DROP POLICY IF EXISTS everybody_reads ON pgring.function;
  CREATE POLICY everybody_reads ON pgring.function FOR SELECT USING (true);
  DROP POLICY IF EXISTS owners_write ON pgring.function;
  CREATE POLICY owners_write ON pgring.function USING (
    NOT EXISTS (
      SELECT FROM pg_catalog.pg_proc p
      WHERE p.oid = pg_catalog.to_regprocedure(identity) AND NOT pg_catalog.pg_has_role(p.proowner, 'USAGE')
    )
  );

  -- An identity column takes its numbers for whoever may INSERT, without a right to the sequence (NextValueExpr in
  -- nodes/primnodes.h); NULL for one who may not, to whom the INSERT says so. SET ROLE shows in its setting only, in here.
  CREATE OR REPLACE FUNCTION pgring.next_identity(sequence pg_catalog.regclass) RETURNS pg_catalog.int8
  LANGUAGE sql VOLATILE STRICT SECURITY DEFINER AS $next$
    SELECT pg_catalog.nextval($1)
    WHERE EXISTS (
      SELECT FROM pg_catalog.pg_depend d
      WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
        AND d.objid OPERATOR(pg_catalog.=) $1
        AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
        AND d.deptype OPERATOR(pg_catalog.=) 'i'
        AND pg_catalog.has_any_column_privilege(
          CASE WHEN pg_catalog.current_setting('role') OPERATOR(pg_catalog.=) 'none' THEN SESSION_USER
            ELSE pg_catalog.current_setting('role')::pg_catalog.name END, d.refobjid, 'INSERT')
    )
  $next$;

  CREATE TABLE IF NOT EXISTS pgring.meta (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    version int NOT NULL
  );
  GRANT SELECT ON pgring.meta TO PUBLIC;
  INSERT INTO pgring.meta (version) VALUES (${pgringSchemaVersion})
    ON CONFLICT (singleton) DO UPDATE SET version = EXCLUDED.version;
END
$pgring$`;
}

/**
 * Records a table's placement; fails when the table (42P01) or a column of the key (23514) does not exist, and (0A000)
 * when the key has a nondeterministic collation: equal values would have different hashes.
 */
export function placeSql(schema: string, name: string, placement: Placement): string {
  const relation = `${quoteLiteral(qualifiedName({ schema, name }))}::pg_catalog.regclass`;
  const key = placement.kind === 'sharded' ? placement.key : [];
  const numbers = key.map(
    (column) =>
      `(SELECT attnum FROM pg_catalog.pg_attribute WHERE attrelid = ${relation} AND attnum > 0 AND attname = ${quoteLiteral(column)})`,
  );
  return (
    `INSERT INTO pgring.placement (relation, kind, key_columns) ` +
    `VALUES (${relation}, '${placement.kind}', ARRAY[${numbers.join(', ')}]::pg_catalog.int2[]) ` +
    `ON CONFLICT (relation) DO UPDATE SET kind = EXCLUDED.kind, key_columns = EXCLUDED.key_columns` +
    (key.length === 0 ? '' : `; ${checkCollationsSql(relation, key)}`)
  );
}

/** Partitions follow their partitioned table when they have no record of their own. */
export function forgetPartitionsSql(schema: string, name: string): string {
  const relation = `${quoteLiteral(qualifiedName({ schema, name }))}::pg_catalog.regclass`;
  return `DELETE FROM pgring.placement WHERE relation IN
    (SELECT relid FROM pg_catalog.pg_partition_tree(${relation}) WHERE relid <> ${relation})`;
}

function checkCollationsSql(relation: string, key: readonly string[]): string {
  return `DO $pgring$
BEGIN
  IF EXISTS (
    SELECT FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_collation c ON c.oid = a.attcollation
     WHERE a.attrelid = ${relation} AND a.attname IN (${key.map(quoteLiteral).join(', ')}) AND NOT c.collisdeterministic
  ) THEN
    RAISE EXCEPTION 'a shard key with a nondeterministic collation is not supported by pgring yet'
      USING ERRCODE = '0A000', HINT = 'Give the column a deterministic collation, or choose another key.';
  END IF;
END
$pgring$`;
}

/** Forgets relations and functions that no longer exist. */
export function pruneSql(): string {
  return `DELETE FROM pgring.placement p
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = p.relation);
    DELETE FROM pgring.function f WHERE pg_catalog.to_regprocedure(f.identity) IS NULL`;
}

/** Records what a function touches, or forgets it. `identity` is its name, qualified and quoted, with its types. */
export function declareSql(identity: string, argument: number): string {
  return `INSERT INTO pgring.function (identity, argument) VALUES (${quoteLiteral(identity)}, ${argument})
    ON CONFLICT (identity) DO UPDATE SET argument = EXCLUDED.argument`;
}
