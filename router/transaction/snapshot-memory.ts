/**
 * Snapshots that were taken a moment ago, by server. A read that compares snapshots needs an earlier one of each server;
 * any will do, and one that a read before it has found to agree with others saves it a round trip, and questions.
 */

import type { BackendAddress } from '../backend/connection.js';

/** An older one still would do, but all that was committed since is looked at. */
const AGE_MS = 250;

export class SnapshotMemory {
  readonly #kept = new Map<string, { readonly snapshot: string; readonly takenAt: number }>();

  recall(address: BackendAddress): string | undefined {
    const kept = this.#kept.get(keyOf(address));
    return kept !== undefined && performance.now() - kept.takenAt < AGE_MS ? kept.snapshot : undefined;
  }

  keep(address: BackendAddress, snapshot: string): void {
    this.#kept.set(keyOf(address), { snapshot, takenAt: performance.now() });
  }
}

function keyOf({ host, port }: BackendAddress): string {
  return `${host} ${port}`;
}
