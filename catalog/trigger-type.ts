/** Bits of pg_trigger.tgtype, which CreateTrigStmt has too (src/include/catalog/pg_trigger.h). */

import type { Trigger } from './code.js';

const ROW = 1;
const BEFORE = 2;
const INSTEAD = 64;
const events = [
  [4, 'insert'],
  [8, 'delete'],
  [16, 'update'],
  [32, 'truncate'],
] as const;

export function readTriggerType(bits: number): Pick<Trigger, 'timing' | 'isForEachRow' | 'events'> {
  return {
    timing: (bits & BEFORE) !== 0 ? 'before' : (bits & INSTEAD) !== 0 ? 'instead of' : 'after',
    isForEachRow: (bits & ROW) !== 0,
    events: events.filter(([bit]) => (bits & bit) !== 0).map(([, event]) => event),
  };
}
