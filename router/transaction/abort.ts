/** A transaction that has failed on one shard fails on the others. */

import { quoteIdentifier } from '../../catalog/schema.js';
import { runCommand } from '../backend/command.js';
import type { OpenTransaction } from './transaction-state.js';
import type { Participant } from './two-phase-commit.js';

/** Participants on which it has not failed. */
export function ignorantOf({ participants }: OpenTransaction): readonly Participant[] {
  return [...participants.values()].filter(({ connection }) => {
    return !connection.closed && connection.status === 'T' && connection.outstandingReady === 0;
  });
}

/**
 * As on one server it keeps no lock that it took after its newest savepoint, however long its client takes to say
 * ROLLBACK. A connection that is lost meanwhile has none either.
 */
export async function abortEverywhere(transaction: OpenTransaction): Promise<void> {
  const savepoint = transaction.log.findLast((entry) => entry.kind === 'savepoint');
  const ignorant = ignorantOf(transaction);
  if (savepoint === undefined) for (const { shard } of ignorant) transaction.participants.delete(shard);
  const sql = savepoint === undefined ? 'ROLLBACK' : `ROLLBACK TO SAVEPOINT ${quoteIdentifier(savepoint.name)}`;
  await Promise.all(
    ignorant.map(async ({ connection }) => {
      await runCommand(connection, sql).catch((error: unknown) => {
        if (!connection.closed) throw error;
      });
    }),
  );
}
