/** What a read over several shards may do to transactions that are in its way; over connections of pgring's own role. */

import type { Client } from 'pg';
import type { Logger } from '../../base/log.js';
import { quoteLiteral } from '../../catalog/schema.js';
import type { ShardId, Topology } from '../../catalog/topology.js';
import type { HeldCommits, ReadingHelper } from './atomic-snapshots.js';
import { parseGlobalId } from './global-id.js';
import { SnapshotMemory } from './snapshot-memory.js';
import type { ControlAccess, Recovery } from './recovery.js';

/** The longest that commits over several shards wait for a read that has its lock, or waits for it. */
const HOLD_MS = 1_000;
const REQUEST_MS = 100;
const NOT_PREPARED = '42704';

export function makeReadingHelper(
  access: ControlAccess,
  topology: () => Topology,
  recovery: Recovery,
  log: Logger,
): ReadingHelper {
  /** Connects to those shards that can be reached. */
  const connectAll = async (ids: readonly ShardId[], database: string): Promise<readonly Client[]> => {
    const shards = topology().shards.filter(({ id }) => ids.includes(id));
    const clients = await Promise.allSettled(shards.map(async (shard) => await access.connect(shard, database)));
    return clients.flatMap((client) => (client.status === 'fulfilled' ? [client.value] : []));
  };
  const endAll = async (clients: readonly Client[]): Promise<void> => {
    await Promise.all(clients.map(async (client) => await client.end()));
  };
  return {
    oldMs: recovery.rowsKeptMs / 2,
    memory: new SnapshotMemory(),

    resolve: async (globalId, database) => await recovery.resolve(globalId, database),

    finishCommitted: async (globalId, database) => {
      const clients = await connectAll(parseGlobalId(globalId)?.participants ?? [], database);
      for (const client of clients) {
        try {
          await client.query(`COMMIT PREPARED ${quoteLiteral(globalId)}`);
          log.info({ globalId }, 'a read has finished a transaction that was half committed');
        } catch (error) {
          if (!isNotPrepared(error)) log.warn({ globalId, error }, 'a half committed transaction cannot be finished');
        }
      }
      await endAll(clients);
    },

    /**
     * A request for SHARE lets no later transaction insert its row, whether it is granted or not: locks are given in the
     * order of the requests (src/backend/storage/lmgr/README). Those that have theirs on all participants go on.
     */
    holdCommits: async (shards, database): Promise<HeldCommits> => {
      const clients = await connectAll(shards, database);
      const requests = clients.map(async (client) => {
        await client.query(
          `BEGIN; SET LOCAL lock_timeout = ${REQUEST_MS}; SET LOCAL idle_in_transaction_session_timeout = ${HOLD_MS};
           LOCK TABLE pgring.commit_log IN SHARE MODE`,
        );
      });
      return {
        release: async () => {
          // Each comes behind its request: when that was granted or refused.
          const ends = clients.map(async (client) => {
            await client.query('ROLLBACK');
            await client.end();
          });
          for (const { status } of await Promise.allSettled([...requests, ...ends])) {
            if (status === 'rejected') log.debug('a read has held back commits without its lock');
          }
        },
      };
    },
  };
}

function isNotPrepared(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === NOT_PREPARED;
}
