/** Whether a permutation gave the same on pgring as on one PostgreSQL; and if not, what came first that differed. */

import type { Event, Unplayable } from './play.js';

type Played = readonly Event[] | Unplayable;

export interface Difference {
  /** What it is, in few words: the same for all permutations that differ in the same way. */
  readonly what: string;
  readonly step: string | undefined;
}

const REFUSED = '0A000';

function isPlayed(played: Played): played is readonly Event[] {
  return Array.isArray(played);
}

/** Undefined: they agree. `expected` is what one PostgreSQL gave. */
export function compare(expected: Played, given: Played): Difference | undefined {
  if (!isPlayed(given)) {
    if (!isPlayed(expected) && expected.message === given.message) return undefined;
    return {
      what: given.sqlstate === REFUSED ? `refused: ${given.message}` : `setup: ${given.message}`,
      step: undefined,
    };
  }
  if (!isPlayed(expected)) return { what: 'the setup fails on one PostgreSQL', step: undefined };
  for (const [index, event] of expected.entries()) {
    const other = given[index];
    const what = differenceOf(event, other);
    if (what !== undefined) return { what, step: (other ?? event).step };
  }
  return given.length > expected.length
    ? { what: 'more steps complete', step: given[expected.length]?.step }
    : undefined;
}

function differenceOf(expected: Event, given: Event | undefined): string | undefined {
  if (given === undefined) return 'a step does not complete';
  if (given.kind === 'ended' && given.sqlstate === REFUSED) {
    if (expected.kind === 'ended' && expected.sqlstate === REFUSED) return undefined;
    return `refused: ${given.lines.find((line) => line.startsWith('ERROR'))?.slice('ERROR:  '.length) ?? ''}`;
  }
  if (given.kind === 'hangs') return 'waits without end';
  if (given.step !== expected.step) return 'steps complete in another order';
  if (given.kind === 'waiting') return expected.kind === 'waiting' ? undefined : 'waits where one server does not';
  if (expected.kind !== 'ended' || given.late !== expected.late) return 'does not wait where one server does';
  if (given.sqlstate !== expected.sqlstate) {
    return `${given.sqlstate ?? 'no error'} where one server gives ${expected.sqlstate ?? 'none'}`;
  }
  return given.lines.join('\n') === expected.lines.join('\n') ? undefined : 'another result';
}
