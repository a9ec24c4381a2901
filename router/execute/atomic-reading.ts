/** A statement that reads several shards: its own transaction, where it needs one for their snapshots to agree. */

import type { ShardId } from '../../catalog/topology.js';
import { beginReading } from '../transaction/transaction-state.js';
import type { ExecutionContext } from './context.js';

interface Reading {
  /** Ends the transaction, if one was opened for the statement. */
  leave(how: 'commit' | 'rollback'): Promise<void>;
}

/** Opens a transaction if reads are to be atomic and none is open. Whoever holds the reading must leave it. */
export function openReading({ transaction }: ExecutionContext, shards: readonly ShardId[]): Reading {
  if (shards.length < 2 || !transaction.needsReading) return { leave: async () => await Promise.resolve() };
  transaction.begin('implicit', beginReading, shards);
  return {
    leave: async (how) => {
      if (transaction.isOpen) await transaction[how]();
    },
  };
}

let portals = 0;

/** A name for a portal of a statement whose portals are bound before any of them is executed. */
export function nextReadingPortal(): string {
  portals += 1;
  return `pgring_reading_${portals}`;
}
