/** What must happen on several shards as one: inside the client's transaction, or in one of its own. */

import type { ShardId } from '../../catalog/topology.js';
import type { ExecutionContext } from './context.js';

/**
 * Runs the work inside the open transaction, or opens an implicit one and commits it. Errors roll back all of it.
 * `opening`: another than the usual one, for what reads only these shards.
 */
export async function inTransaction<T>(
  context: ExecutionContext,
  work: () => Promise<T>,
  opening?: { readonly begin: string; readonly shards: readonly ShardId[] },
): Promise<T> {
  const { transaction } = context;
  if (transaction.isOpen) return await work();
  transaction.begin('implicit', opening?.begin ?? 'BEGIN', opening?.shards);
  let result: T;
  try {
    result = await work();
  } catch (error) {
    await transaction.rollback();
    throw error;
  }
  await transaction.commit();
  return result;
}
