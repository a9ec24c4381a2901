/** TABLESAMPLE: a sample of each shard's rows is a sample of all rows, so the shards take it, also of rows they ship. */

import type { Node } from 'libpg-query';

import type { StatementText } from '../tree/text.js';
import { walkNodes } from '../tree/tree.js';

export interface Extent {
  readonly start: number;
  readonly end: number;
}

/** Where the clause is, by the location of the relation's name. */
export function sampleExtents(roots: readonly Node[], text: StatementText): ReadonlyMap<number, Extent> {
  const extents = new Map<number, Extent>();
  walkNodes(roots, (node) => {
    if (!('RangeTableSample' in node)) return true;
    const { relation, location } = node.RangeTableSample;
    if (relation === undefined || !('RangeVar' in relation)) return true;
    let first = text.tokenIndexAt(location ?? 0);
    while (text.word(first) !== 'tablesample') first -= 1;
    let last = first;
    while (text.word(last) !== '(') last += 1;
    last = text.closingIndex(last);
    if (text.word(last + 1) === 'repeatable') last = text.closingIndex(last + 2);
    extents.set(relation.RangeVar.location ?? 0, { start: text.startOf(first), end: text.endOf(last) });
    return true;
  });
  return extents;
}
