/** Bounds of the pool of server connections, and what a session asks of it. */

import type { AppliedSettings } from './applied-settings.js';
import type { BackendConnection, BackendIdentity } from './connection.js';

export interface PoolLimits {
  readonly connectTimeoutMs: number;
  /** Sessions that may have a connection to one shard at one time, over all identities. */
  readonly connectionsPerShard: number;
  /** Of these, for one database and role. */
  readonly connectionsPerRole: number;
  /** As many more for sessions that have one already, to another shard. */
  readonly reserve: number;
  /** Connections to one shard on which statements are finished, beside those. */
  readonly finishing: number;
  /** So many are kept open for an identity that was in use lately. */
  readonly minimum: number;
  /** Connections to one shard that may be opening at one time. */
  readonly connectsAtOnce: number;
  /** How long a session waits for a free place. */
  readonly queueTimeoutMs: number;
  /** A connection that nobody used for so long is ended. */
  readonly idleTimeoutMs: number;
  /** One that is so old is ended when nobody has it. */
  readonly lifetimeMs: number;
  /** One that nobody used for so long is asked whether it is alive before it is lent. */
  readonly checkAfterMs: number;
}

/**
 * `session`: the connection that a session has to a shard, one at most. `finishing`: another beside it, on which pgring
 * finishes a statement or asks something.
 */
export type Purpose = 'session' | 'finishing';

/** Who wants a connection, and which is best. */
export interface Wish {
  /** The session: the same object each time. */
  readonly owner: object;
  readonly purpose: Purpose;
  /** The settings that it is to get. */
  readonly settings: AppliedSettings;
}

const keys = new WeakMap<BackendIdentity, string>();

/** Equal for identities whose connections are alike. */
export function identityKey(identity: BackendIdentity): string {
  let key = keys.get(identity);
  if (key === undefined) {
    key = JSON.stringify([identity.database, identity.user, identity.password, ...identity.parameters]);
    keys.set(identity, key);
  }
  return key;
}

/** Whether the connection can be used without a word to the server. */
export function isReadyFor(connection: BackendConnection, { owner, settings }: Wish): boolean {
  if (connection.settings.key !== settings.key) return false;
  return connection.numbersOf === undefined || connection.numbersOf === owner;
}
