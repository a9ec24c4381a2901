/** The checker finds each anomaly where it is planted, and none in a history without. */

import { encodeItem, HistoryChecker, type Anomaly, type Plan } from './checker.js';

const last = (transaction: number): number => encodeItem({ transaction, last: true });
const first = (transaction: number): number => encodeItem({ transaction, last: false });

function lists(...items: readonly (readonly number[])[]): ReadonlyMap<number, readonly number[]> {
  return new Map(items.map((each, index) => [index, each]));
}

/** Transactions 1 and 2 over lists 0 and 1; 3 appends to list 0 twice. */
function begun(): HistoryChecker {
  const checker = new HistoryChecker();
  const plans: readonly Plan[] = [
    { number: 1, lists: [0, 1], twice: undefined },
    { number: 2, lists: [0, 1], twice: undefined },
    { number: 3, lists: [1], twice: 0 },
  ];
  for (const plan of plans) checker.begin(plan);
  return checker;
}

const rest = lists([last(1), last(2), first(3), last(3)], [last(1), last(2), last(3)]);

function allCommitted(checker: HistoryChecker): void {
  for (const number of [1, 2, 3]) checker.end(number, 'committed');
}

describe('the checker of histories', () => {
  it('has nothing against a history without anomalies', () => {
    const checker = begun();
    checker.read(lists([], []));
    checker.read(lists([last(1)], [last(1)]));
    checker.replace(1, 7, 0);
    checker.replace(2, 7, 1);
    checker.read(rest);
    checker.compare(rest, rest);
    allCommitted(checker);
    checker.finish(rest, new Map([[7, 2]]));
    expect([...checker.found]).toEqual([]);
    expect(checker.reads).toBe(3);
  });

  it.each<[Anomaly, (checker: HistoryChecker) => void]>([
    ['fractured', (checker) => checker.read(lists([last(1)], []))],
    ['intermediate', (checker) => checker.read(lists([first(3)], [last(3)]))],
    [
      'aborted',
      (checker) => {
        checker.begin({ number: 4, lists: [0, 1], twice: undefined });
        checker.read(lists([last(4)], [last(4)]));
        checker.end(4, 'aborted');
      },
    ],
    ['diverged', (checker) => checker.read(lists([last(2), last(1)], [last(1), last(2)]))],
    [
      'lost append',
      (checker) => {
        checker.begin({ number: 4, lists: [0, 1], twice: undefined });
        checker.end(4, 'committed');
      },
    ],
    [
      'lost update',
      (checker) => {
        checker.replace(1, 7, 0);
        checker.replace(2, 7, 0);
      },
    ],
    ['unrepeatable', (checker) => checker.compare(lists([last(1)], [last(1)]), rest)],
  ])('finds what is %s', (anomaly, plant) => {
    const checker = begun();
    plant(checker);
    allCommitted(checker);
    checker.finish(rest, new Map());
    expect([...checker.found.keys()]).toContain(anomaly);
    expect(checker.examples).not.toEqual([]);
  });

  it('takes what happened for committed where nobody knows, and else for aborted', () => {
    const checker = begun();
    for (const number of [1, 2]) checker.end(number, 'committed');
    checker.end(3, 'unknown');
    checker.finish(lists([last(1), last(2)], [last(1), last(2), last(3)]), new Map());
    expect([...checker.found.keys()]).toEqual(['lost append']);
  });
});
