/** What one call of a function costs, in processor time and in memory that it leaves to the collector. */

import { median } from '../support/table.js';

export interface Cost {
  /** Of the processor's time, so that other programs on the machine do not count. */
  readonly microseconds: number;
  /** Heap bytes; buffers outside the heap are not among them. */
  readonly bytes: number;
}

const WARM_UP_MS = 500;
const BATCH_MS = 20;

export function measureCost(call: (index: number) => void, forMs: number): Cost {
  const calls = warmUp(call);
  const times: number[] = [];
  const end = performance.now() + forMs;
  let index = 0;
  while (performance.now() < end) {
    const before = process.cpuUsage();
    for (let count = 0; count < calls; count += 1) call(index++);
    const { user, system } = process.cpuUsage(before);
    times.push((user + system) / calls);
  }
  return { microseconds: median(times), bytes: allocated(call) };
}

/** Lets the compiler do its work, and returns how many calls fill a batch. */
function warmUp(call: (index: number) => void): number {
  const start = performance.now();
  let calls = 0;
  while (performance.now() - start < WARM_UP_MS) call(calls++);
  return Math.max(1, Math.round((calls / WARM_UP_MS) * BATCH_MS));
}

/** Few enough calls that the young generation holds all that they allocate: nothing is collected meanwhile. */
function allocated(call: (index: number) => void): number {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('start Node with --expose-gc and --max-semi-space-size=256');
  const figures: number[] = [];
  for (let round = 0; round < 9; round += 1) {
    gc();
    const before = process.memoryUsage().heapUsed;
    for (let index = 0; index < 100; index += 1) call(index);
    figures.push((process.memoryUsage().heapUsed - before) / 100);
  }
  return Math.max(0, median(figures));
}
