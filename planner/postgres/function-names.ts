/** Names of PostgreSQL's own functions and of its extensions', by what they do. */

import type { FuncCall } from 'libpg-query';

export const randomFunctions: ReadonlySet<string> = new Set([
  'random',
  'random_normal',
  'gen_random_uuid',
  'uuidv4',
  'uuidv7',
  'clock_timestamp',
  'timeofday',
]);

export const sequenceFunctions: ReadonlySet<string> = new Set(['nextval', 'currval', 'lastval', 'setval']);

/** Of these, the ones that change nothing: they tell what the session took last. */
export const currentValueFunctions: ReadonlySet<string> = new Set(['currval', 'lastval']);

/** The number of the transaction, and what it sees. */
export const transactionFunctions =
  /^(txid_current(_if_assigned|_snapshot)?|pg_current_(xact_id(_if_assigned)?|snapshot))$/;

/** Stable functions without arguments that tell of the session, its transaction or its server: the home shard's. */
export const sessionFunctions =
  /^(pg_backend_pid|txid_current(_if_assigned|_snapshot)?|pg_current_(xact_id(_if_assigned)?|snapshot)|inet_(server|client)_(addr|port)|pg_postmaster_start_time|pg_conf_load_time|pg_my_temp_schema)$/;

/** Stable built-in functions that depend on more than their arguments and the settings, though they have arguments. */
const serverStable =
  /^(pg_|has_|txid_|inet_|to_reg|row_security_active|obj_description|col_description|shobj_description|format_type|getdatabaseencoding|query_to|table_to|schema_to|database_to|cursor_to|ts_stat|lo_)/;

const conversionStable = /^pg_(typeof|column_size|client_encoding|size_pretty|size_bytes)$/;

/** Whether a stable built-in function tells of one server. */
export function localStable(name: string): boolean {
  return serverStable.test(name) && !conversionStable.test(name);
}

/** utils/adt/xml.c, ts_stat() and the two-argument ts_rewrite(): they run SQL through SPI. */
const queryFunctions =
  /^((query|table|schema|database)_to_xml(schema|_and_xmlschema)?|cursor_to_xml(schema)?|ts_stat)$/;

/** Whether a call of a built-in function reads tables that its arguments name. */
export function runsQueries(name: string, call: FuncCall): boolean {
  return queryFunctions.test(name) || (name === 'ts_rewrite' && call.args?.length === 2);
}

/** Extensions of PostgreSQL's own distribution none of whose functions reads a table that is not named to it. */
export const harmlessExtensions: ReadonlySet<string> = new Set([
  'bloom',
  'btree_gin',
  'btree_gist',
  'citext',
  'cube',
  'earthdistance',
  'fuzzystrmatch',
  'hstore',
  'intarray',
  'isn',
  'ltree',
  'pg_trgm',
  'pgcrypto',
  'seg',
  'unaccent',
  'uuid-ossp',
]);
