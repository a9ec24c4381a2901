/** Which kinds of tables a statement names, wherever it names them. */

import { isSharded } from './distribution.js';
import { occurrencesOf, type Occurrence } from './pins.js';
import type { Query } from '../bind/query.js';

/** How a statement's tables are spread. */
export interface Spread {
  readonly all: readonly Occurrence[];
  readonly sharded: readonly Occurrence[];
  readonly home: boolean;
  readonly reference: boolean;
}

export function spreadOf(query: Query): Spread {
  return spreadOfOccurrences(occurrencesOf(query));
}

export function spreadOfOccurrences(all: readonly Occurrence[]): Spread {
  const has = (...kinds: string[]): boolean => all.some(({ entry }) => kinds.includes(entry.kind));
  return { all, sharded: all.filter(isSharded), home: has('home', 'catalog'), reference: has('reference') };
}
