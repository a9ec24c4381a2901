/** Circles of waits: which are deadlocks over several shards, and whose transaction is to fail. */

import fc from 'fast-check';
import {
  findDeadlocks,
  isConfirmed,
  type ServerProcess,
  type SessionProcesses,
  type Wait,
} from '../../../router/deadlock/wait-graph.js';

const TIMEOUT_MS = 1000;

const part = (shard: number, pid: number, began = 100 + pid): ServerProcess => ({ shard, pid, began: `${began}.0` });

function wait(waiter: ServerProcess, blocker: ServerProcess, waitedMs = 5000): Wait {
  return { waiter, blocker, since: '200.5', waitedMs, lock: 'ShareLock on transaction 745' };
}

/** Session n has process n on every shard, and began later than session n - 1. */
const session = (number: number, shards: readonly number[]): SessionProcesses => ({
  session: `session ${number}`,
  processes: shards.map((shard) => part(shard, number)),
});

describe('findDeadlocks', () => {
  const two = [session(1, [1, 2]), session(2, [1, 2])];

  it('finds two sessions that wait for each other on two shards, and chooses the younger', () => {
    const waits = [wait(part(1, 1), part(1, 2)), wait(part(2, 2), part(2, 1))];
    const [found, ...others] = findDeadlocks(waits, two, TIMEOUT_MS);
    expect(others).toEqual([]);
    expect(found?.victim).toBe('session 2');
    expect(found?.waits).toEqual([waits[1], waits[0]]);
  });

  it('finds a circle that goes through a process of no known session', () => {
    const sessions = [session(1, [1, 3]), session(2, [2, 1]), session(8, [2, 3])];
    const open = [wait(part(1, 1), part(1, 2)), wait(part(2, 2), part(2, 9)), wait(part(2, 9), part(2, 8))];
    expect(findDeadlocks(open, sessions, TIMEOUT_MS)).toEqual([]);
    const closed = [...open, wait(part(3, 8), part(3, 1))];
    expect(findDeadlocks(closed, sessions, TIMEOUT_MS)).toMatchObject([{ victim: 'session 8' }]);
  });

  it('leaves alone what one server sees, what waits in no circle, and what has waited for a moment only', () => {
    const onOne = [wait(part(1, 1), part(1, 2)), wait(part(1, 2), part(1, 1))];
    expect(findDeadlocks(onOne, two, TIMEOUT_MS)).toEqual([]);
    const chain = [wait(part(1, 1), part(1, 2)), wait(part(2, 1), part(2, 2))];
    expect(findDeadlocks(chain, two, TIMEOUT_MS)).toEqual([]);
    const young = [wait(part(1, 1), part(1, 2)), wait(part(2, 2), part(2, 1), 900)];
    expect(findDeadlocks(young, two, TIMEOUT_MS)).toEqual([]);
  });

  it('does not take another transaction of the same process for the one that is known', () => {
    const waits = [wait(part(1, 1), part(1, 2)), wait(part(2, 2, 777), part(2, 1))];
    expect(findDeadlocks(waits, two, TIMEOUT_MS)).toEqual([]);
  });

  it('breaks every circle, with no more victims than that needs', () => {
    const shard = fc.integer({ min: 1, max: 3 });
    const edge = fc.record({ shard, from: fc.integer({ min: 1, max: 6 }), to: fc.integer({ min: 1, max: 6 }) });
    const sessions = [1, 2, 3, 4, 5, 6].map((number) => session(number, [1, 2, 3]));
    fc.assert(
      fc.property(fc.array(edge, { maxLength: 14 }), (edges) => {
        const waits = edges.map(({ shard: on, from, to }) => wait(part(on, from), part(on, to)));
        const deadlocks = findDeadlocks(waits, sessions, TIMEOUT_MS);
        const victims = deadlocks.map(({ victim }) => victim);
        expect(new Set(victims).size).toBe(victims.length);
        for (const { waits: circle, victim } of deadlocks) {
          expect(`session ${circle[0]?.waiter.pid}`).toBe(victim);
          for (const [index, each] of circle.entries()) {
            expect(each.blocker.pid).toBe(circle[(index + 1) % circle.length]?.waiter.pid);
          }
          const pids = circle.map(({ waiter }) => waiter.pid);
          expect(Math.max(...pids)).toBe(circle[0]?.waiter.pid);
        }
        const left = waits.filter(({ waiter, blocker }) => {
          return ![waiter, blocker].some(({ pid }) => victims.includes(`session ${pid}`));
        });
        expect(findDeadlocks(left, sessions, TIMEOUT_MS)).toEqual([]);
      }),
      { seed: 5, numRuns: 2000 },
    );
  });
});

describe('isConfirmed', () => {
  const first = wait(part(1, 1), part(1, 2));
  const second = wait(part(2, 2), part(2, 1));
  const [deadlock] = findDeadlocks([first, second], [session(1, [1, 2]), session(2, [1, 2])], TIMEOUT_MS);

  it('wants each wait once more: the same, for the same transaction', () => {
    if (deadlock === undefined) throw new Error('no deadlock');
    expect(isConfirmed(deadlock, [first, second])).toBe(true);
    expect(isConfirmed(deadlock, [second])).toBe(false);
    expect(isConfirmed(deadlock, [first, { ...second, since: '201.5' }])).toBe(false);
    expect(isConfirmed(deadlock, [first, { ...second, blocker: part(2, 1, 999) }])).toBe(false);
  });
});
