/**
 * The shape of pgring.yaml. Each schema's error text completes the sentence "expected …", so that whatever rule of it
 * fails, the report says what would be right.
 */

import { z } from 'zod';
import { authentication, clientTls, serverTls } from './access-schema.js';
import { limitNames, limitRanges, snakeCase } from './config-limits.js';
import { listenAddressForm, parseListenAddress } from './listen-address.js';
import { parseIdentifier, parseTableName } from './names.js';
import { integer, mapping, oneOf, text } from './schema-parts.js';

const secretForm = 'a string, {env: NAME of an environment variable} or {file: path}';

/** A password or an address with one: itself, or the place to read it from. */
const secret = z.union(
  [z.string(), z.strictObject({ env: z.string().min(1) }), z.strictObject({ file: z.string().min(1) })],
  { error: secretForm },
);

const identifier = text('a column name').refine((value) => parseIdentifier(value) !== undefined, {
  error: 'a column name, in double quotes where SQL needs them',
});

const shard = mapping({
  /** Names the shard for good: in commands, messages and the topology. Its address may change, its name may not. */
  name: text('a name of letters, digits, _ and -').regex(/^[A-Za-z0-9_-]{1,63}$/, {
    error: 'a name of letters, digits, _ and - (at most 63)',
  }),
  /** A host name, an address, or the absolute folder of the server's Unix socket. */
  host: text('a host name, an address, or the absolute folder of a Unix socket').default('127.0.0.1'),
  port: integer(1, 65_535, 'a port').default(5432),
  /** Its share of the rows, relative to the other shards' weights. */
  weight: z
    .number({ error: 'a number above 0' })
    .positive({ error: 'a number above 0' })
    .max(1_000_000, { error: 'a number up to 1000000' })
    .default(1),
  /** For this server in place of `server_tls`. */
  tls: serverTls.optional(),
});

const tableRule = z.union(
  [
    /** Rows are spread by this column, or by these columns together. */
    z.strictObject({ shard_key: z.union([identifier, z.array(identifier).min(1).max(32)]) }),
    /** reference: a full copy on every shard. home: the whole table on the home shard. */
    z.strictObject({ placement: z.enum(['reference', 'home']) }),
  ],
  { error: '{shard_key: column or [columns]}, {placement: reference} or {placement: home}' },
);

const store = z.discriminatedUnion(
  'kind',
  [
    /** A file beside this one, for proxies on one machine. */
    mapping({ kind: z.literal('file'), path: text('a path').default('pgring.topology.json') }),
    /** Redis, for proxies on several machines. `key` sets apart clusters that share a Redis server. */
    mapping({ kind: z.literal('redis'), url: secret, key: text('a key').default('pgring') }),
  ],
  { error: 'a mapping with kind: file or kind: redis' },
);

const limits = mapping(
  Object.fromEntries(
    limitNames.map((name) => {
      const range = limitRanges[name];
      return [snakeCase(name), integer(range.minimum, range.maximum).default(range.default)];
    }),
  ),
);

export const configSchema = mapping({
  /** Where clients connect. Default: 127.0.0.1:6432. */
  listen: z
    .array(
      text(listenAddressForm).refine((value) => parseListenAddress(value) !== undefined, { error: listenAddressForm }),
      { error: `a list of addresses (each ${listenAddressForm})` },
    )
    .min(1, { error: 'at least one address' })
    .default(['127.0.0.1:6432']),
  /** The PostgreSQL servers that hold the rows. */
  shards: z
    .array(shard, { error: 'a list of shards (each {name, host, port, weight})' })
    .min(1, {
      error: 'at least one shard',
    })
    .max(1024, { error: 'at most 1024 shards' }),
  /** The shard with home tables and sequences that answers catalog queries. Default: the first. */
  home: text('the name of a shard').optional(),
  /** The role that pgring itself uses: introspection, recovery of transactions, health checks. */
  control: mapping({
    user: text('a role name').default('postgres'),
    password: secret.optional(),
    /** The database for questions that concern no database of a client's. */
    database: text('a database name').default('postgres'),
  }).prefault({}),
  /** Secrets of roles: clients prove themselves by them, and pgring itself to the servers in a client's role. */
  users: z
    .array(mapping({ name: text('a role name'), password: secret }), { error: 'a list of {name, password}' })
    .default([]),
  /** Who may come in, and how that is proved. */
  authentication: authentication.optional(),
  /** Encryption between clients and pgring. */
  tls: clientTls.optional(),
  /** Encryption between pgring and the servers. */
  server_tls: serverTls.optional(),
  /** Where the topology is kept: which shard owns which part of the hash ring. */
  store: store.prefault({ kind: 'file' }),
  /** Where new tables go (DESIGN.md, "Placement without configuration"). */
  placement: mapping({
    /** A table with one of these columns is sharded by the first that it has. */
    shard_keys: z.array(identifier, { error: 'a list of column names' }).default([]),
    /** Rules by table name (`orders` in any schema, or `sales.orders`); stronger than shard_keys. */
    tables: z
      .record(
        z.string().refine((name) => parseTableName(name) !== undefined, { error: 'a table name, or schema.table' }),
        tableRule,
        { error: 'a mapping from table names to rules' },
      )
      .default({}),
  }).prefault({}),
  pooling: mapping({
    /** When a client's session gives its server connections back: after each transaction, or when it ends. */
    mode: oneOf('transaction', 'session').default('transaction'),
  }).prefault({}),
  /** See config-limits.ts. */
  limits: limits.prefault({}),
  /** A second parser compares the facts that decide a route: not at all, with a warning, or with an error. */
  cross_check: oneOf('off', 'log', 'refuse').default('off'),
  /**
   * The default of the setting pgring.cross_shard_reads. atomic: a statement that reads several shards never sees part of
   * a transaction over several shards.
   */
  cross_shard_reads: oneOf('per_shard', 'atomic').default('per_shard'),
  log: mapping({ level: oneOf('silent', 'error', 'warn', 'info', 'debug', 'trace').default('info') }).prefault({}),
});

export type ConfigDocument = z.infer<typeof configSchema>;
export type SecretSource = z.infer<typeof secret>;
