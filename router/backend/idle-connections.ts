/** Connections that nobody has, and which of them is best for whoever comes: the one used last, if it fits. */

import type { Shard } from '../../catalog/topology.js';
import { canBecome } from './applied-settings.js';
import type { BackendConnection, BackendIdentity } from './connection.js';
import { identityKey, isReadyFor, type Wish } from './pool-limits.js';

/** How well a connection fits; below 0 not at all. */
const fit = { none: -1, takesNumbers: 0, settings: 1, ownNumbers: 2, ready: 3, readyWithOwnNumbers: 4 } as const;

export class IdleConnections {
  readonly #byIdentity = new Map<string, BackendConnection[]>();
  /** One that is idle for longer may be dead. */
  readonly #checkAfterMs: number;
  #size = 0;

  constructor(checkAfterMs: number) {
    this.#checkAfterMs = checkAfterMs;
  }

  get size(): number {
    return this.#size;
  }

  /** Those of one identity, the one used last at the end. */
  of(key: string): readonly BackendConnection[] {
    return this.#byIdentity.get(key) ?? [];
  }

  *all(): Iterable<BackendConnection> {
    for (const connections of this.#byIdentity.values()) yield* connections;
  }

  add(connection: BackendConnection): void {
    const key = identityKey(connection.identity);
    const idle = this.#byIdentity.get(key);
    if (idle === undefined) this.#byIdentity.set(key, [connection]);
    else idle.push(connection);
    this.#size += 1;
  }

  remove(connection: BackendConnection): void {
    const key = identityKey(connection.identity);
    const idle = this.#byIdentity.get(key);
    const place = idle?.indexOf(connection) ?? -1;
    if (idle === undefined || place < 0) return;
    idle.splice(place, 1);
    if (idle.length === 0) this.#byIdentity.delete(key);
    this.#size -= 1;
  }

  /** One that can be used without a word to the server, and was in use a moment ago. */
  takeReady(shard: Shard, identity: BackendIdentity, wish: Wish): BackendConnection | undefined {
    const [connection, how] = this.#best(shard, identity, wish);
    if (connection === undefined || how < fit.ready) return undefined;
    if (performance.now() - connection.usedAt > this.#checkAfterMs) return undefined;
    this.remove(connection);
    return connection;
  }

  /** The best one. `mayOpen`: where it holds what another session may ask for, a new one is better. */
  takeBest(shard: Shard, identity: BackendIdentity, wish: Wish, mayOpen: boolean): BackendConnection | undefined {
    const [connection, how] = this.#best(shard, identity, wish);
    if (connection === undefined || (how === fit.takesNumbers && mayOpen)) return undefined;
    this.remove(connection);
    return connection;
  }

  /** The one that nobody has used for the longest time. */
  oldest(): BackendConnection | undefined {
    let oldest: BackendConnection | undefined;
    for (const [first] of this.#byIdentity.values()) {
      if (first !== undefined && (oldest === undefined || first.usedAt < oldest.usedAt)) oldest = first;
    }
    return oldest;
  }

  #best(
    { host, port }: Shard,
    identity: BackendIdentity,
    wish: Wish,
  ): readonly [BackendConnection | undefined, number] {
    const idle = this.#byIdentity.get(identityKey(identity));
    let best: BackendConnection | undefined;
    let how: number = fit.none;
    for (let place = (idle?.length ?? 0) - 1; place >= 0; place -= 1) {
      const connection = idle?.[place];
      if (connection === undefined) continue;
      if (connection.address.host !== host || connection.address.port !== port) {
        connection.end();
        continue;
      }
      const found = fitOf(connection, wish);
      if (found <= how) continue;
      best = connection;
      how = found;
      if (found === fit.readyWithOwnNumbers) break;
    }
    return [best, how];
  }
}

function fitOf(connection: BackendConnection, wish: Wish): number {
  const isOwn = connection.numbersOf === wish.owner;
  if (isReadyFor(connection, wish)) return isOwn ? fit.readyWithOwnNumbers : fit.ready;
  if (!canBecome(connection.settings, wish.settings)) return fit.none;
  if (isOwn) return fit.ownNumbers;
  return connection.numbersOf === undefined ? fit.settings : fit.takesNumbers;
}
