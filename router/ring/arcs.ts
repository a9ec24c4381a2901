/** The ring: 4,096 equal arcs of the 64-bit hash space (DESIGN.md, "The ring"). */

import { ARC_COUNT } from '../../catalog/topology.js';

/** 32 minus the number of bits that choose an arc. */
const arcShift = 32 - Math.log2(ARC_COUNT);

/** The arc of a hash, from the upper half of its 64 bits (signed or not): their top 12 bits. */
export function arcOf(high32: number): number {
  return high32 >>> arcShift;
}
