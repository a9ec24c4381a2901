/** How large relations are, as the servers that hold them tell: the sum over the shards, asked again from time to time. */

import { quoteLiteral } from '../../catalog/schema.js';
import { queryRows } from '../backend/command.js';
import { allShards, type ExecutionContext } from './context.js';

/** For how many uses an answer is good. */
const USES = 100;

interface KnownBytes {
  readonly bytes: readonly number[];
  usesLeft: number;
}

const known = new WeakMap<object, KnownBytes>();

/** Bytes of each relation (qualified and quoted), remembered with `plan`. */
export async function relationBytes(
  context: ExecutionContext,
  plan: object,
  relations: readonly string[],
): Promise<readonly number[]> {
  const remembered = known.get(plan);
  if (remembered !== undefined && remembered.usesLeft > 0) {
    remembered.usesLeft -= 1;
    return remembered.bytes;
  }
  const names = relations.map((relation) => `pg_catalog.to_regclass(${quoteLiteral(relation)})`);
  const sql = `SELECT coalesce((SELECT pg_catalog.sum(pg_catalog.pg_relation_size(t.relid))
      FROM pg_catalog.pg_partition_tree(r.oid) AS t), pg_catalog.pg_relation_size(r.oid), 0) AS bytes
    FROM ROWS FROM (pg_catalog.unnest(ARRAY[${names.join(', ')}])) WITH ORDINALITY AS r (oid, place) ORDER BY r.place`;
  const answers = await Promise.all(
    allShards(context.topology).map(
      async (shard) => await queryRows(await context.transaction.enter(shard, false), sql),
    ),
  );
  const bytes = relations.map((_relation, index) =>
    answers.reduce((sum, rows) => sum + Number(rows[index]?.['bytes'] ?? 0), 0),
  );
  known.set(plan, { bytes, usesLeft: USES });
  return bytes;
}
