/** The setting pgring.cross_shard_reads. */

import { PgError, sqlstate } from '../base/errors.js';

/** `atomic`: a statement that reads several shards never sees part of a transaction over several shards. */
export type CrossShardReads = 'per_shard' | 'atomic';

export const crossShardReadsName = 'pgring.cross_shard_reads';

/** Checks a value as PostgreSQL checks those of its own settings. Errors: 22023. */
export function readCrossShardReads(value: string): CrossShardReads {
  const word = value.toLowerCase();
  if (word === 'per_shard' || word === 'atomic') return word;
  throw new PgError(
    sqlstate.invalidParameterValue,
    `invalid value for parameter "${crossShardReadsName}": "${value}"`,
    {
      hint: 'Available values: per_shard, atomic.',
    },
  );
}
