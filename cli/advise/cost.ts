/**
 * What a placement costs, in rows of work on the busiest shard. It is a rough measure that only has to put the
 * alternatives in the order in which a person who knows the tables would.
 */

import type { Placement } from '../../catalog/schema.js';
import type { AdvisedTable } from './schema.js';

/** Bytes of an ordinary row: a table with wider ones counts as more rows. */
const ROW_BYTES = 100;
/** Asking all shards instead of one. */
const SPREAD = 500;
/** A table that no statement can join in place with rows of other shards. */
const APART = 500;
/** Where rows were not counted: what a table without foreign keys has, and how much more one has that points at others. */
const GUESSED_ROWS = 1_000;
const GUESSED_GROWTH = 8;
const GUESSED_DEPTH = 5;
/** A table that nothing ties to others is as likely the large one. */
const GUESSED_ALONE = 10_000;
/** Copies are for tables that are read more than written; beyond this, each row more counts double. */
const LARGE_COPY = 50_000;
/** A key with fewer values than this for each shard spreads badly. */
const VALUES_PER_SHARD = 16;

export type Sizes = ReadonlyMap<number, number>;

/** The size of every table, in rows of ordinary width, guessed from the foreign keys where nobody counted. */
export function measure(tables: readonly AdvisedTable[]): Sizes {
  const byOid = new Map(tables.map((table) => [table.oid, table]));
  const isCounted = tables.some(({ rows }) => rows !== undefined && rows > 0);
  const depths = new Map<number, number>();
  const depthOf = (table: AdvisedTable): number => {
    const known = depths.get(table.oid);
    if (known !== undefined) return known;
    depths.set(table.oid, 0);
    const below = table.foreignKeys.flatMap(({ target }) => {
      const found = target === table.oid ? undefined : byOid.get(target);
      return found === undefined ? [] : [depthOf(found) + 1];
    });
    const depth = Math.min(Math.max(0, ...below), GUESSED_DEPTH);
    depths.set(table.oid, depth);
    return depth;
  };
  const targets = new Set(tables.flatMap(({ foreignKeys }) => foreignKeys.map(({ target }) => target)));
  return new Map(
    tables.map((table) => {
      if (isCounted) return [table.oid, Math.max(table.rows ?? 0, (table.bytes ?? 0) / ROW_BYTES)];
      const isAlone = table.foreignKeys.length === 0 && !targets.has(table.oid);
      return [table.oid, isAlone ? GUESSED_ALONE : GUESSED_ROWS * GUESSED_GROWTH ** depthOf(table)];
    }),
  );
}

/** What it costs to have one table there, without regard to the others. */
export function placementCost(
  table: AdvisedTable,
  placement: Placement,
  { size, isTied, shards }: { readonly size: number; readonly isTied: boolean; readonly shards: number },
): number {
  switch (placement.kind) {
    case 'sharded': {
      const column = table.columns.find(({ name }) => name === placement.key[0]);
      const values = column?.distinct ?? Number.POSITIVE_INFINITY;
      const used = Math.max(1, Math.min(shards, values / VALUES_PER_SHARD));
      // Of equally good keys the one that stands first in the primary key, then in the table.
      const primary = table.uniqueKeys.find((key) => key.primary)?.columns ?? [];
      const place = primary.includes(placement.key[0] ?? '')
        ? primary.indexOf(placement.key[0] ?? '')
        : primary.length + table.columns.findIndex(({ name }) => name === placement.key[0]);
      return SPREAD + size / used + place;
    }
    case 'reference': {
      const written = Math.min(table.writes ?? 0, size * 10) * 0.1 * (shards - 1);
      return size + Math.max(0, size - LARGE_COPY) + written;
    }
    case 'home':
      return APART + size * (isTied ? 1.5 : 1);
    default:
      return placement satisfies never;
  }
}

/** What two tables save that a foreign key joins on one shard. */
export function togetherGain(size: number, shards: number): number {
  return (0.5 * size) / shards + SPREAD / 2;
}
