/** Why a statement does not stop at a lower rung of the planner's ladder, in words for EXPLAIN. */

import type { Obstacles } from '../plan/plan.js';
import { keyAlternatives } from '../route/pins.js';
import { keyColumns } from '../route/routing.js';
import type { Spread } from '../route/spread.js';

/** Why no one shard can run it. */
export function pinObstacle(spread: Spread): string {
  const elsewhere = spread.all.find(({ entry }) => entry.kind === 'home' || entry.kind === 'catalog')?.entry;
  if (elsewhere !== undefined) {
    const name = elsewhere.relation?.name ?? elsewhere.alias ?? '';
    return `"${name}" is on the home shard, the sharded tables are not`;
  }
  for (const occurrence of spread.sharded) {
    const { relation } = occurrence.entry;
    const lists = keyAlternatives(occurrence);
    const key = keyColumns(relation)
      .map(({ name }) => name)
      .join(', ');
    if (lists.length === 0) return `"${relation?.name ?? ''}" is not restricted by its shard key (${key})`;
    if (!lists.some(([first, ...more]) => more.length === 0 && first?.kind === 'tuple')) {
      return `"${relation?.name ?? ''}" may have several values of its shard key (${key})`;
    }
  }
  return 'its tables are not restricted to one and the same shard key';
}

/** As lines of text. */
export function describeObstacles({ oneShard, scatter }: Obstacles): readonly string[] {
  return [
    ...(oneShard === undefined ? [] : [`Not on one shard: ${oneShard}`]),
    ...(scatter === undefined ? [] : [`Not the union of the shards' answers: ${scatter}`]),
  ];
}
