/** Oids of what DDL has made in a transaction that is still open: only its own connections know them. */

import { assert } from '../base/assert.js';
import { makeOidMap, readOidList, type OidList, type OidMap } from '../catalog/oid-map.js';
import type { ShardId } from '../catalog/topology.js';
import { queryRows } from '../router/backend/command.js';
import type { SessionTransaction } from '../router/transaction/session-transaction.js';

/** For each shard of the transaction but the home shard: its oids and the home shard's for the same things. */
export async function readTransactionOids(
  transaction: SessionTransaction,
  homeShard: ShardId,
): Promise<ReadonlyMap<ShardId, OidMap | undefined>> {
  const read = async (shard: ShardId): Promise<OidList> => {
    const connection = await transaction.enter(shard, false);
    return await readOidList(async (sql) => await queryRows(connection, sql));
  };
  const others = transaction.shards.filter((shard) => shard !== homeShard);
  const [home, ...lists] = await Promise.all([homeShard, ...others].map(read));
  assert(home !== undefined, 'the home shard is among those read');
  const maps = lists.map((list) => makeOidMap(home, list));
  return new Map(others.map((shard, index) => [shard, maps[index]]));
}
