/**
 * The commit over several shards, in every order in which its owner, servers, connections, recoverers and the cleaner of
 * the commit log can act, fail and die: everywhere or nowhere, the client's answer is true, and nothing stays prepared.
 */

import * as protocol from '../../../router/transaction/commit-protocol.js';
import type { Decisions, Setting } from './commit-world.js';
import { search } from './commit-search.js';

const decisions: Decisions = { ...protocol, keepsFences: true, listsFirst: true };

/** Wrong in one point each; the search must see it. */
const wrong: readonly (readonly [string, Decisions])[] = [
  ['abort rows go while their participant may still prepare', { ...decisions, keepsFences: false }],
  ['rows go that came after the servers were asked', { ...decisions, listsFirst: false }],
  ['rows go while a participant is prepared', { ...decisions, isOver: () => true }],
  ['an owner trusts in rows that may be gone', { ...decisions, afterResolve: (known, found) => trust(known, found) }],
  ['a recoverer aborts without a fence', { ...decisions, judge: judgeWithoutFence }],
  ['a recoverer commits what one participant has prepared', { ...decisions, judge: judgeByOne }],
  ['an owner whose participant is lost rolls the others back', { ...decisions, afterRound: rollBackWhenLost }],
  ['an owner takes a lost decision for a refused one', { ...decisions, afterRound: refuseWhenLost }],
];

function trust(known: protocol.ClientAnswer | undefined, found: protocol.Resolution): protocol.ClientAnswer {
  return protocol.afterResolve(known, found, false);
}

function judgeWithoutFence(sights: readonly protocol.Sight[]): protocol.Verdict {
  const verdict = protocol.judge(sights);
  return verdict.kind === 'fence' ? { kind: 'aborted' } : verdict;
}

function judgeByOne(sights: readonly protocol.Sight[]): protocol.Verdict {
  return sights.some(({ prepared }) => prepared) ? { kind: 'committed' } : protocol.judge(sights);
}

function rollBackWhenLost(...[round, replies, decider]: Parameters<typeof protocol.afterRound>): protocol.OwnerStep {
  if (round.phase !== 'prepare' || !replies.includes('lost')) return protocol.afterRound(round, replies, decider);
  const orders = replies.map((reply): protocol.Order => (reply === 'done' ? 'rollback prepared' : 'rollback'));
  return { kind: 'round', phase: 'roll back', orders, next: { kind: 'finished', answer: 'rolled back' } };
}

function refuseWhenLost(...[round, replies, decider]: Parameters<typeof protocol.afterRound>): protocol.OwnerStep {
  const taken = replies.map((reply) => (reply === 'lost' && round.phase === 'decide' ? 'refused' : reply));
  return protocol.afterRound(round, taken, decider);
}

describe('a commit over several shards, in every order of events', () => {
  // The numbers of states are kept so that a change of the protocol or of the model is seen.
  it.each<[Omit<Setting, 'decisions'>, number]>([
    [{ participants: 2, decider: undefined, recoverers: 1, cleaning: false }, 7475],
    [{ participants: 2, decider: 0, recoverers: 1, cleaning: true }, 21476],
    [{ participants: 2, decider: undefined, recoverers: 'crowd', cleaning: true }, 2853],
    [{ participants: 2, decider: 0, recoverers: 'crowd', cleaning: true }, 948],
    [{ participants: 3, decider: undefined, recoverers: 'crowd', cleaning: true }, 61313],
    [{ participants: 3, decider: 0, recoverers: 'crowd', cleaning: true }, 9151],
    [{ participants: 3, decider: 2, recoverers: 'crowd', cleaning: true }, 28214],
  ])('is atomic, answered truly and always ended: %j, %i states', (setting, states) => {
    const result = search({ ...setting, decisions });
    expect(result.breach).toBeUndefined();
    expect(result.states).toBe(states);
    expect([...result.answers].sort()).toEqual(['committed', 'none', 'rolled back', 'unknown']);
    expect([...result.ends].sort()).toEqual(['aborted', 'committed']);
  });

  it.each(wrong)('would be seen to break if %s', (_what, broken) => {
    const breaches = [undefined, 0].map(
      (decider) => search({ participants: 2, decider, recoverers: 'crowd', cleaning: true, decisions: broken }).breach,
    );
    expect(breaches.some((breach) => breach !== undefined)).toBe(true);
  });
});
