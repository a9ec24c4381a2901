/** What must happen on several shards as one: inside the client's transaction, or in one of its own. */

import type { ExecutionContext } from './context.js';

/** Runs the work inside the open transaction, or opens an implicit one and commits it. Errors roll back all of it. */
export async function inTransaction<T>(context: ExecutionContext, work: () => Promise<T>): Promise<T> {
  const { transaction } = context;
  if (transaction.isOpen) return await work();
  transaction.begin('implicit', 'BEGIN');
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
