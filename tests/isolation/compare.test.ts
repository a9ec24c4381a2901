/** What differs first between one PostgreSQL and pgring is found. */

import { compare } from './compare.js';
import type { Event } from './play.js';

const ended = (step: string, lines: readonly string[] = [], sqlstate?: string, late = false): Event => ({
  kind: 'ended',
  step,
  late,
  lines,
  sqlstate,
});
const waiting = (step: string): Event => ({ kind: 'waiting', step });
const expected = [ended('a', ['1']), waiting('b'), ended('c'), ended('b', [], '40P01', true)];

describe('the comparison of permutations', () => {
  it('has nothing against the same', () => {
    expect(compare(expected, [...expected])).toBeUndefined();
    const setup = { kind: 'unplayable', sqlstate: '42601', message: 'syntax error' } as const;
    expect(compare(setup, setup)).toBeUndefined();
  });

  it.each<[string, readonly Event[]]>([
    ['another result', [ended('a', ['2']), ...expected.slice(1)]],
    ['does not wait where one server does', [ended('a', ['1']), ended('b')]],
    ['waits where one server does not', [waiting('a')]],
    ['waits without end', [ended('a', ['1']), waiting('b'), { kind: 'hangs', step: 'c' }]],
    ['no error where one server gives 40P01', [...expected.slice(0, 3), ended('b', [], undefined, true)]],
    ['a step does not complete', expected.slice(0, 3)],
    ['more steps complete', [...expected, ended('d')]],
    ['steps complete in another order', [ended('c'), ...expected.slice(1)]],
    ['refused: no', [ended('a', ['ERROR:  no'], '0A000')]],
  ])('finds that it is %s', (what, given) => {
    expect(compare(expected, given)?.what).toBe(what);
  });

  it('names what cannot be set up', () => {
    expect(compare(expected, { kind: 'unplayable', sqlstate: '0A000', message: 'no' })?.what).toBe('refused: no');
  });
});
