/**
 * Any number of recoverers and cleaners, however slow, without telling them apart. All that one of them can ever know of a
 * server is what could be seen there at some moment; so whatever follows from any combination of what could be seen, from
 * different moments too, is something that one of them may do, now or later. That is more than real ones can do: they
 * need time to ask. So what holds here holds for them.
 */

import type { Sight, Verdict } from '../../../router/transaction/commit-protocol.js';
import {
  abortRowMoves,
  answered,
  finishedOn,
  withServer,
  type Crowd,
  type Decisions,
  type Server,
  type Setting,
  type World,
} from './commit-world.js';

export function newCrowd(servers: readonly Server[]): Crowd {
  return { sights: servers.map((server) => [sightOf(server)]), cleared: servers.map(() => false) };
}

/** The crowd sees what has come about. */
export function observed(world: World, crowd: Crowd, decisions: Decisions): World {
  const { servers } = world;
  const isNews = (server: Server, place: number): boolean => {
    return crowd.sights[place]?.some((sight) => isSame(sight, sightOf(server))) === false;
  };
  const sights = servers.some(isNews)
    ? servers.map((server, place) => {
        const known = crowd.sights[place] ?? [];
        return isNews(server, place) ? [...known, sightOf(server)].sort(inOrder) : known;
      })
    : crowd.sights;
  const listed = !decisions.listsFirst || sights.some((each) => each.some(({ logged }) => logged === 'commit'));
  const clears = (server: Server, place: number): boolean => {
    return crowd.cleared[place] === true || (listed && server.transaction !== 'prepared');
  };
  const cleared = servers.some((server, place) => clears(server, place) !== crowd.cleared[place])
    ? servers.map(clears)
    : crowd.cleared;
  if (sights === crowd.sights && cleared === crowd.cleared) return world;
  return { ...world, crowd: { sights, cleared } };
}

export function* crowdMoves(world: World, crowd: Crowd, { decisions, cleaning }: Setting): Generator<World> {
  const { servers } = world;
  for (const verdict of verdictsOf(crowd.sights, decisions)) {
    if (verdict.kind === 'fence') {
      const server = servers[verdict.participant];
      if (server === undefined || server.row !== undefined || server.transaction === 'prepared') continue;
      yield withServer(world, verdict.participant, { ...server, row: 'abort' });
    } else {
      for (const [place, server] of servers.entries()) {
        if (server.transaction !== 'prepared') continue;
        yield withServer(world, place, finishedOn(server, verdict.kind === 'committed'));
      }
      yield* answered(world, verdict.kind, decisions);
    }
  }
  if (!cleaning) return;
  yield* abortRowMoves(world, decisions);
  if (!decisions.isOver(crowd.cleared.map((cleared) => !cleared))) return;
  for (const [place, server] of servers.entries()) {
    if (server.row === 'commit') {
      yield { ...withServer(world, place, { ...server, row: undefined }), removed: true };
    }
  }
}

const verdicts = new WeakMap<object, WeakMap<object, readonly Verdict[]>>();

/** All that can follow from any combination of what could be seen. */
function verdictsOf(sights: Crowd['sights'], decisions: Decisions): readonly Verdict[] {
  const ofDecisions = verdicts.get(decisions) ?? new WeakMap<object, readonly Verdict[]>();
  verdicts.set(decisions, ofDecisions);
  const known = ofDecisions.get(sights);
  if (known !== undefined) return known;
  let combinations: readonly (readonly Sight[])[] = [[]];
  for (const each of sights) {
    combinations = combinations.flatMap((combination) => each.map((sight) => [...combination, sight]));
  }
  const found = new Map<string, Verdict>();
  for (const combination of combinations) {
    const verdict = decisions.judge(combination);
    found.set(verdict.kind === 'fence' ? `fence ${verdict.participant}` : verdict.kind, verdict);
  }
  const result = [...found.values()];
  ofDecisions.set(sights, result);
  return result;
}

function sightOf({ row, transaction }: Server): Sight {
  return { logged: row, prepared: transaction === 'prepared' };
}

function isSame(one: Sight, other: Sight): boolean {
  return one.logged === other.logged && one.prepared === other.prepared;
}

function inOrder(one: Sight, other: Sight): number {
  return rank(one) - rank(other);
}

function rank({ logged, prepared }: Sight): number {
  return (logged === undefined ? 0 : logged === 'commit' ? 2 : 4) + (prepared ? 1 : 0);
}
