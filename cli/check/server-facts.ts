/** What one server says about itself: all that the probes judge, asked for in one connection. */

import { Client } from 'pg';
import { openLog } from '../../base/log.js';
import type { Config, ShardConfig } from '../../catalog/config.js';
import { connectControl } from '../../router/backend/control-client.js';
import { openServerTls } from '../../router/backend/server-tls.js';

export interface ServerFacts {
  readonly version: string;
  readonly majorVersion: number;
  readonly maxPreparedTransactions: number;
  readonly maxConnections: number;
  readonly inRecovery: boolean;
  readonly mayCreateSchema: boolean;
  readonly schemaOwned: boolean | undefined;
  readonly superuser: boolean;
  readonly user: string;
  readonly database: string;
  readonly encoding: string;
  /** Provider, locale and version of the database's collation, as one text. */
  readonly collation: string;
}

/** A shard of the configuration, with what its server said, or why it said nothing. */
export interface ProbedServer {
  readonly index: number;
  readonly shard: ShardConfig;
  readonly answer:
    { readonly kind: 'facts'; readonly facts: ServerFacts } | { readonly kind: 'failure'; readonly error: unknown };
}

const CONNECT_TIMEOUT_MS = 5_000;
/** What files say that change meanwhile interests nobody here. */
const silent = openLog('silent');

/** datlocprovider came with PostgreSQL 15, and datlocale has been called daticulocale before 17: hence the JSON. */
const QUESTION = `
SELECT version() AS version,
       current_setting('server_version_num')::int / 10000 AS major_version,
       current_setting('max_prepared_transactions')::int AS max_prepared_transactions,
       current_setting('max_connections')::int AS max_connections,
       pg_is_in_recovery() AS in_recovery,
       has_database_privilege(current_database(), 'CREATE') AS may_create_schema,
       (SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = 'pgring') AS schema_owned,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,
       current_user::text AS user,
       current_database()::text AS database,
       pg_encoding_to_char(encoding) AS encoding,
       concat_ws(' ',
         'provider ' || coalesce(CASE to_jsonb(d) ->> 'datlocprovider'
           WHEN 'b' THEN 'builtin' WHEN 'i' THEN 'icu' WHEN 'c' THEN 'libc' END, 'libc'),
         'locale ' || coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', datcollate),
         'version ' || (to_jsonb(d) ->> 'datcollversion')) AS collation
FROM pg_database d WHERE datname = current_database()`;

/** The row of QUESTION. */
interface Answer {
  readonly version: string;
  readonly major_version: number;
  readonly max_prepared_transactions: number;
  readonly max_connections: number;
  readonly in_recovery: boolean;
  readonly may_create_schema: boolean;
  readonly schema_owned: boolean | null;
  readonly superuser: boolean;
  readonly user: string;
  readonly database: string;
  readonly encoding: string;
  readonly collation: string;
}

/** Asks all servers of the configuration at once, with the control role. */
export async function askServers(config: Config): Promise<readonly ProbedServer[]> {
  return await Promise.all(
    config.shards.map(async (shard, index): Promise<ProbedServer> => {
      try {
        return { index, shard, answer: { kind: 'facts', facts: await ask(config, shard) } };
      } catch (error) {
        return { index, shard, answer: { kind: 'failure', error } };
      }
    }),
  );
}

/** A connection in a role; the caller ends it. */
export async function connectAs(
  shard: ShardConfig,
  role: { readonly user: string; readonly password: string | undefined; readonly database: string },
): Promise<Client> {
  const tls = openServerTls([shard], silent).get(shard.name);
  return await connectControl({ ...shard, tls }, (ssl) => {
    const client = new Client({
      host: shard.host,
      port: shard.port,
      user: role.user,
      // A function keeps pg from looking into PGPASSWORD and ~/.pgpass, where pgring does not look either.
      password: () => role.password ?? '',
      ssl,
      database: role.database,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: CONNECT_TIMEOUT_MS,
      application_name: 'pgring check',
    });
    // A connection that breaks after its query is told by the query's own failure.
    client.on('error', () => undefined);
    return client;
  });
}

async function ask(config: Config, shard: ShardConfig): Promise<ServerFacts> {
  const client = await connectAs(shard, config.control);
  try {
    const { rows } = await client.query<Answer>(QUESTION);
    const [row] = rows;
    if (row === undefined) throw new Error('the server gave no answer about its database');
    return {
      version: row.version,
      majorVersion: row.major_version,
      maxPreparedTransactions: row.max_prepared_transactions,
      maxConnections: row.max_connections,
      inRecovery: row.in_recovery,
      mayCreateSchema: row.may_create_schema,
      schemaOwned: row.schema_owned ?? undefined,
      superuser: row.superuser,
      user: row.user,
      database: row.database,
      encoding: row.encoding,
      collation: row.collation,
    };
  } finally {
    await client.end();
  }
}
