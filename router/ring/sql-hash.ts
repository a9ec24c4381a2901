/** The ring's hash as an SQL expression, the same on PostgreSQL 15 to 18: any server can say whose row it is. */

import { assert } from '../../base/assert.js';
import { refuse } from '../../base/errors.js';
import { ARC_COUNT } from '../../catalog/topology.js';
import { explainUnhashable, keyTypeOf } from './key-types.js';

interface KeyExpression {
  /** A column or expression, quoted as needed; it is repeated in the result. */
  readonly sql: string;
  /** Base type oid, below any domain. */
  readonly typeOid: number;
  /** Leaves out what only NULL needs. */
  readonly notNull?: boolean;
}

function columnHash({ sql, typeOid }: KeyExpression, seed: string): string {
  const type = keyTypeOf(typeOid);
  if (type === undefined) throw refuse('a shard key of this type', explainUnhashable(typeOid, `with oid ${typeOid}`));
  if (type.hashFunction !== undefined) return `pg_catalog.${type.hashFunction}(${sql}, ${seed})`;
  // hash_record_extended of one column is the hash of that column, by its type's default operator class.
  return `pg_catalog.hash_record_extended(ROW(${sql}), ${seed})`;
}

/** A bigint expression: the hash of a key, whose NULL columns contribute nothing; never NULL. */
export function hashExpression(keyColumns: readonly KeyExpression[]): string {
  assert(keyColumns.length > 0, 'a key has a column');
  return keyColumns.reduce((seed, column) => {
    const hash = columnHash(column, seed);
    return column.notNull === true ? hash : `CASE WHEN (${column.sql}) IS NULL THEN ${seed} ELSE ${hash} END`;
  }, "'0'::bigint");
}

const arcBits = Math.log2(ARC_COUNT);

/** An integer expression: the arc of a key, from 0 to ARC_COUNT - 1. */
export function arcExpression(keyColumns: readonly KeyExpression[]): string {
  return `((${hashExpression(keyColumns)} >> ${64 - arcBits}) & ${ARC_COUNT - 1})::integer`;
}

/** Up to so many runs of arcs are written as ranges; an array constant of more is searched by hashing. */
const rangeLimit = 2;

/** A predicate that holds for the keys on the given arcs; never NULL. */
export function ownedBy(arcs: readonly number[], keyColumns: readonly KeyExpression[]): string {
  const sorted = [...new Set(arcs)].sort((left, right) => left - right);
  assert(
    sorted.every((arc) => Number.isInteger(arc) && arc >= 0 && arc < ARC_COUNT),
    `arcs are integers from 0 to ${ARC_COUNT - 1}`,
  );
  if (sorted.length === 0) return 'false';
  if (sorted.length === ARC_COUNT) return 'true';
  const arc = arcExpression(keyColumns);
  const starts = sorted.filter((value, index) => index === 0 || sorted[index - 1] !== value - 1);
  const ends = sorted.filter((value, index) => sorted[index + 1] !== value + 1);
  if (starts.length > rangeLimit) return `(${arc} = ANY ('{${sorted.join(',')}}'::integer[]))`;
  const ranges = starts.map((start, index) =>
    start === ends[index] ? `${arc} = ${start}` : `${arc} BETWEEN ${start} AND ${ends[index]}`,
  );
  return `(${ranges.join(' OR ')})`;
}
