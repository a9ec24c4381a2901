/** Before the first query of a transaction whose reads are atomic: opens the snapshots of all shards, if it keeps them. */

import { whenAllSettled } from '../../base/all-settled.js';
import { queryRows } from '../backend/command.js';
import type { BackendConnection } from '../backend/connection.js';
import type { AtomicSnapshots, Reader } from './atomic-snapshots.js';
import type { SessionBackends } from './session-backends.js';
import { beginReading, beginReadingOnly, openingOf, setTooLate, type OpenTransaction } from './transaction-state.js';

const keepingLevels: ReadonlySet<string | undefined> = new Set(['repeatable read', 'serializable']);

/** What its reads have in common from now on. `joinOne` opens it on a shard that it uses in any case. */
export async function takeSnapshots(
  state: OpenTransaction,
  backends: SessionBackends,
  snapshots: AtomicSnapshots,
  joinOne: () => Promise<BackendConnection>,
): Promise<'by statement' | 'taken'> {
  const level = await levelOf(state, joinOne);
  if (!keepingLevels.has(level)) return 'by statement';
  if (state.agreement === 'apart') throw setTooLate();
  const readers = await whenAllSettled(
    (state.readsOnly ?? backends.topology.shards.map(({ id }) => id)).map(async (shard): Promise<Reader> => {
      const connection = state.participants.get(shard)?.connection ?? (await backends.connect(shard));
      if (!state.participants.has(shard)) {
        state.participants.set(shard, { shard, connection, wrote: false, took: false });
      }
      return { shard, connection };
    }),
  );
  const opening = openingOf(state);
  if (level === 'serializable') {
    await backends.withBorrowed(
      readers.map(({ shard }) => shard),
      async (witnesses) => await snapshots.open(readers, opening, witnesses),
    );
  } else await snapshots.open(readers, opening);
  return 'taken';
}

/** SHOW takes no snapshot. */
async function levelOf(state: OpenTransaction, joinOne: () => Promise<BackendConnection>): Promise<string | undefined> {
  if (state.begin === beginReading || state.begin === beginReadingOnly) return 'repeatable read';
  const [row] = await queryRows(await joinOne(), 'SHOW transaction_isolation');
  return row?.['transaction_isolation'] ?? undefined;
}
