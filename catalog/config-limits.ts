/** Every bound that pgring keeps, with its default and the range that may be configured. One table for file and code. */

interface LimitRange {
  readonly default: number;
  readonly minimum: number;
  readonly maximum: number;
}

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;
const hourMs = 3_600_000;

function count(value: number, minimum = 1, maximum = 1_000_000): LimitRange {
  return { default: value, minimum, maximum };
}

function timeMs(value: number): LimitRange {
  return { default: value, minimum: 1, maximum: 24 * hourMs };
}

/** A time that bounds nothing unless it is given: 0. */
function optionalTimeMs(): LimitRange {
  return { default: 0, minimum: 0, maximum: 24 * hourMs };
}

/** A message longer than 1 GB is refused by PostgreSQL itself (MaxAllocSize), so no byte limit goes above. */
function bytes(value: number, minimum = kibibyte): LimitRange {
  return { default: value, minimum, maximum: 1024 * mebibyte - 1 };
}

/** `limits:` in the file, where each name is written in snake case (`messageBytes` is `message_bytes`). */
export const limitRanges = {
  /** Client connections at one time; one more gets 53300. */
  clients: count(1000),
  /** Client connections in one role at one time; 0: as many as `clients`. */
  clientsPerUser: count(0, 0),
  /** Client connections to one database at one time; 0: as many as `clients`. */
  clientsPerDatabase: count(0, 0),
  /** Connections that have not proved yet who they are; one more gets 53300. */
  strangers: count(500),
  /** The longest message that a client or a server may send. */
  messageBytes: bytes(256 * mebibyte, 64 * kibibyte),
  /** From accepting a connection to its complete startup packet. */
  startupTimeoutMs: timeMs(10_000),
  /** From accepting a connection to the end of its log-in; then 57014. */
  logInTimeoutMs: timeMs(60_000),
  /** Failed log-ins from one address that are answered within `authentication_failure_ms`; more are refused with 28000. */
  authenticationFailures: count(30),
  /** After that time as many failures are forgotten. */
  authenticationFailureMs: timeMs(60_000),
  /** How long what the home shard says of a role's password is kept. */
  roleSecretsMs: timeMs(5000),
  /** How long a statement may run; then 57014. 0: as long as its settings let it. */
  statementTimeoutMs: optionalTimeMs(),
  /** How long a client may leave a transaction idle; then its session ends with 25P03. 0: for ever. */
  idleInTransactionTimeoutMs: optionalTimeMs(),
  /** How long a transaction may take; then its session ends with 25P04. 0: for ever. */
  transactionTimeoutMs: optionalTimeMs(),
  /** How long a client may do nothing outside of transactions; then its session ends with 57P05. 0: for ever. */
  idleSessionTimeoutMs: optionalTimeMs(),
  /** Memory of the process: above it no client is let in, and the one for whom most is held is ended, with 53200; or 0. */
  memoryBytes: { default: 0, minimum: 0, maximum: 1024 * 1024 * mebibyte },
  /** Opening a connection to a server, authentication included. */
  connectTimeoutMs: timeMs(5000),
  /** One query that pgring sends for itself: introspection, recovery, health. */
  controlTimeoutMs: timeMs(30_000),
  /** One operation on the topology store. */
  storeTimeoutMs: timeMs(5000),
  /** Sessions that may have a connection to one shard at one time, over all databases and roles. */
  serverConnectionsPerShard: count(50, 1, 10_000),
  /** Of these, for one database and role. */
  serverConnectionsPerRole: count(10_000, 1, 10_000),
  /** So many more sessions may have connections at one time, to different shards; and so many more connections a shard may have for those that have one to another. */
  serverConnectionsReserve: count(10, 0, 10_000),
  /** Connections to one shard, beside those, on which pgring finishes statements that no shard can answer. */
  finishingConnectionsPerShard: count(10, 1, 10_000),
  /** Connections to each shard that are kept open for a database and role in use, once it was used. */
  serverConnectionsMinimum: count(0, 0, 10_000),
  /** Connections to one shard that are opened at one time. */
  serverConnectsAtOnce: count(8, 1, 1_000),
  /** A connection to a server that is so old is closed when no transaction is on it; up to a fifth earlier, by chance. */
  serverLifetimeMs: timeMs(3_600_000),
  /** An unused connection is asked whether it is alive before it is lent, after that time. */
  serverCheckAfterMs: timeMs(30_000),
  /** An unused connection to a server is closed after that time. */
  serverIdleTimeoutMs: timeMs(600_000),
  /** How long a statement waits for a free connection to a server. */
  queueTimeoutMs: timeMs(30_000),
  /** Bytes of a client's pipeline that are held until its Sync. */
  pipelineBytes: bytes(16 * mebibyte),
  /** Bytes that wait for one slow client before the servers that feed it are paused. */
  clientBufferBytes: bytes(mebibyte),
  /** Bytes of rows that one statement may bring together on one server when the shards cannot answer it alone. */
  combineBytes: { default: 1024 * mebibyte, minimum: kibibyte, maximum: 1024 * 1024 * mebibyte },
  /** Rows that it may so bring together. */
  combineRows: count(100_000_000, 1, 1_000_000_000_000),
  /** Plans that are kept for statements that differ only in their literals. */
  planCacheEntries: count(10_000, 0),
  /** Bytes that these plans may take, roughly. */
  planCacheBytes: bytes(64 * mebibyte, 0),
  /** Prepared statements that one client may hold. */
  preparedStatements: count(10_000),
  /** Bytes of the messages by which one client has prepared named statements. */
  preparedBytes: bytes(64 * mebibyte),
  /** Different texts of prepared statements that pgring has one name for, for all clients. */
  statementDefinitions: count(10_000),
  /** Prepared statements that one server connection has; the one that was not used for longest makes room. */
  serverPreparedStatements: count(200),
  /** How long a statement may run before it is asked whether it is part of a deadlock over several shards. */
  deadlockTimeoutMs: timeMs(1000),
  /** How often each proxy looks for prepared transactions whose owner is gone. */
  recoveryIntervalMs: timeMs(5000),
  /** A transaction that has been prepared for so long is taken for abandoned, and finished by whoever finds it. */
  abandonedAfterMs: timeMs(10_000),
  /** How long rows of `pgring.commit_log` are kept; the same for all proxies of a cluster, or the shortest holds. */
  commitLogRetentionMs: timeMs(600_000),
  /** How long a stopping proxy waits for transactions in progress. */
  drainTimeoutMs: timeMs(30_000),
} as const satisfies Readonly<Record<string, LimitRange>>;

type LimitName = keyof typeof limitRanges;

export type Limits = { readonly [name in LimitName]: number };

export const limitNames = Object.keys(limitRanges) as readonly LimitName[];

/** The defaults, with some of them replaced. */
export function makeLimits(chosen: Partial<Limits> = {}): Limits {
  const entries = limitNames.map((name) => [name, chosen[name] ?? limitRanges[name].default]);
  return Object.freeze(Object.fromEntries(entries) as unknown as Limits);
}

/** `messageBytes` as the file spells it. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
