/** Where the topology is kept so that every proxy sees the same one. */

import type { Topology } from '../topology.js';
import type { PgError } from '../../base/errors.js';

export interface TopologyStore {
  /** For messages: where the topology is kept, without secrets. */
  readonly description: string;

  /** The newest topology; undefined when none was ever stored. */
  read(signal?: AbortSignal): Promise<Topology | undefined>;

  /**
   * Stores `next`, whose epoch must be expectedEpoch + 1, if the stored epoch is expectedEpoch (0: nothing is stored).
   * False: another came first and nothing was changed. When it throws, the outcome is unknown: read again.
   */
  compareAndSwap(expectedEpoch: number, next: Topology): Promise<boolean>;

  /**
   * Calls the listener with the stored topology, if there is one, and then with each newer one. Epochs only grow;
   * states that were replaced at once may be left out, the newest never is. While the store is out of reach the
   * watch goes on trying, and tells `onTrouble` once for each outage.
   */
  watch(listener: (topology: Topology) => void, onTrouble?: (error: PgError) => void): TopologyWatch;

  /** Ends all watches. Later calls of the other methods fail. */
  close(): Promise<void>;
}

export interface TopologyWatch {
  /** Resolves when the listener will not be called any more. */
  close(): Promise<void>;
}
