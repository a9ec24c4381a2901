/**
 * A model of one commit over several shards, as an exhaustive search sees it: all that servers, connections, the owner,
 * its own resolver, other recoverers and the cleaner of the commit log can do next, in any order. What they decide is
 * decided by the functions that pgring runs (router/transaction/commit-protocol.ts); what is modelled here is the world.
 *
 * What is left out, and why nothing is lost by it:
 * - INSERT and PREPARE in one message are one step. Between them a recoverer's fence would wait and then look again,
 *   which changes nothing; a server that dies there has done neither.
 * - A fence is one step for the same reason; that its answer is lost is not left out.
 * - Time: recoverers act at any moment, and rows are removed at any moment. The owner knows only that so much time has
 *   passed that rows may be gone; it may believe so at any time, and must when one is.
 */

import type { Reply, Sight } from '../../../router/transaction/commit-protocol.js';
import { crowdMoves, newCrowd, observed } from './commit-crowd.js';
import {
  abortRowMoves,
  answered,
  answerOf,
  at,
  atStep,
  finishedOn,
  idle,
  replied,
  withRecoverer,
  withServer,
  type Decisions,
  type Recoverer,
  type Server,
  type Setting,
  type World,
} from './commit-world.js';

export function begin({ participants, decider, recoverers, decisions }: Setting): World {
  const servers = Array.from({ length: participants }, (): Server => {
    return { transaction: 'open', row: undefined, message: undefined, cut: false };
  });
  const world: World = {
    servers,
    owner: { kind: 'dead' },
    recoverers: Array.from({ length: recoverers === 'crowd' ? 1 : recoverers + 1 }, () => idle),
    cleaner: idle,
    removed: false,
    crowd: recoverers === 'crowd' ? newCrowd(servers) : undefined,
  };
  return atStep(world, decisions.beginCommit(participants, decider));
}

/** Every world that can come next. */
export function* successors(world: World, setting: Setting): Generator<World> {
  const { crowd } = world;
  if (crowd === undefined) {
    yield* commonMoves(world, setting);
    yield* singleMoves(world, setting);
    return;
  }
  for (const next of commonMoves(world, setting)) yield observed(next, crowd, setting.decisions);
  for (const next of crowdMoves(world, crowd, setting)) yield observed(next, crowd, setting.decisions);
}

function* commonMoves(world: World, setting: Setting): Generator<World> {
  yield* ownerMoves(world, setting);
  for (const [place] of world.servers.entries()) yield* serverMoves(world, place);
}

function* singleMoves(world: World, setting: Setting): Generator<World> {
  for (const [index, recoverer] of world.recoverers.entries()) {
    yield* recovererMoves(world, index, setting.decisions, true);
    if (recoverer.kind !== 'idle') yield withRecoverer(world, index, idle);
  }
  if (setting.cleaning) yield* cleanerMoves(world, setting.decisions);
}

/** What is wrong with a world, if anything. */
export function breach({ servers, owner }: World): string | undefined {
  const committed = servers.some(({ transaction }) => transaction === 'committed');
  const missing = servers.some(({ transaction }) => transaction === 'aborted' || transaction === 'open');
  if (committed && missing) return 'committed on one server and not on another';
  const answer = answerOf(owner);
  if (answer === 'committed' && missing) return 'the client was told of a commit that is not everywhere';
  if (answer === 'rolled back' && committed) return 'the client was told of a rollback that is none';
  return undefined;
}

/** All fall silent: each message on its way arrives or does not, and servers end what is not prepared. */
export function* settled(servers: readonly Server[]): Generator<readonly Server[]> {
  const place = servers.findIndex(({ message, transaction }) => message !== undefined || transaction === 'open');
  const server = servers[place];
  if (server === undefined) {
    yield servers;
    return;
  }
  yield* settled(servers.with(place, { ...server, ...restarted(server) }));
  if (server.message === undefined) return;
  for (const { after } of carriedOut(server)) yield* settled(servers.with(place, after));
}

/** One recoverer alone, with nothing in its way. */
export function recoverUndisturbed(servers: readonly Server[], decisions: Decisions): World {
  let world: World = {
    servers,
    owner: { kind: 'dead' },
    recoverers: [idle, idle],
    cleaner: idle,
    removed: true,
    crowd: undefined,
  };
  for (let steps = 0; steps < 10 * servers.length; steps += 1) {
    const next = recovererMoves(world, 1, decisions, false).next();
    if (next.done === true) break;
    world = next.value;
  }
  return world;
}

function* ownerMoves(world: World, { decisions, decider }: Setting): Generator<World> {
  const { owner, servers } = world;
  if (owner.kind === 'dead' || owner.step.kind === 'finished') return;
  yield {
    ...world,
    owner: { kind: 'dead' },
    recoverers: world.recoverers.with(0, idle),
    servers: servers.map((server) => (server.cut ? server : { ...server, cut: true })),
  };
  for (const [place, server] of servers.entries()) {
    if (!server.cut) yield replied(withServer(world, place, { ...server, cut: true }), place, 'lost');
  }
  const { step, replies } = owner;
  if (step.kind === 'resolve') yield* answered(world, 'unknown', decisions);
  else if (step.orders.every((order, place) => order === undefined || replies[place] !== undefined)) {
    yield atStep(world, decisions.afterRound(step, replies, decider));
  }
}

function* serverMoves(world: World, place: number): Generator<World> {
  const server = at(world.servers, place);
  if (server.message !== undefined) {
    for (const { after, reply } of carriedOut(server)) {
      yield server.cut ? withServer(world, place, after) : replied(withServer(world, place, after), place, reply);
    }
  }
  // It restarts; or, when the connection is cut, only the message is lost or the end of the connection noticed.
  const after = { ...server, ...restarted(server) };
  if (!server.cut) yield replied(withServer(world, place, after), place, 'lost');
  else if (server.message !== undefined || server.transaction === 'open') yield withServer(world, place, after);
}

/** What is not prepared is gone. */
function restarted({ transaction }: Server): Pick<Server, 'transaction' | 'message' | 'cut'> {
  return { transaction: transaction === 'open' ? 'aborted' : transaction, message: undefined, cut: true };
}

/** The ways in which a server can carry out the owner's message. */
function* carriedOut(server: Server): Generator<{ readonly after: Server; readonly reply: Reply }> {
  const { transaction, row, message } = server;
  const ended = { ...server, message: undefined };
  switch (message) {
    case 'record and prepare':
    case 'record and commit':
      // For any reason of its own, or because of the row that is there.
      yield { after: { ...ended, transaction: 'aborted' }, reply: 'refused' };
      if (transaction !== 'open' || row !== undefined) return;
      if (message === 'record and prepare') yield { after: { ...ended, transaction: 'prepared' }, reply: 'done' };
      else yield { after: { ...ended, transaction: 'committed', row: 'commit' }, reply: 'done' };
      return;
    case 'commit prepared':
    case 'rollback prepared':
      if (transaction === 'prepared') yield { after: finishedOn(ended, message === 'commit prepared'), reply: 'done' };
      else yield { after: ended, reply: 'refused' };
      return;
    case 'rollback':
      yield { after: { ...ended, transaction: transaction === 'open' ? 'aborted' : transaction }, reply: 'done' };
      return;
    case undefined:
  }
}

/** `disturbed`: others act in between and answers are lost. */
function* recovererMoves(world: World, index: number, decisions: Decisions, disturbed: boolean): Generator<World> {
  const { servers, owner } = world;
  const recoverer = at(world.recoverers, index);
  const become = (next: Recoverer, after = world): World => withRecoverer(after, index, next);
  switch (recoverer.kind) {
    case 'idle': {
      const asked = index === 0 && owner.kind === 'at' && owner.step.kind === 'resolve';
      const found = index > 0 && servers.some(({ transaction }) => transaction === 'prepared');
      if (asked || found) yield become({ kind: 'asking', sights: [] });
      return;
    }
    case 'asking': {
      const { row, transaction } = at(servers, recoverer.sights.length);
      yield become(
        concluded([...recoverer.sights, { logged: row, prepared: transaction === 'prepared' }], world, decisions),
      );
      // The row is read as of the statement's beginning, what is prepared a little later.
      if (disturbed && row !== undefined) {
        yield become(concluded([...recoverer.sights, { logged: undefined, prepared: false }], world, decisions));
      }
      return;
    }
    case 'fencing': {
      const { participant, prepared } = recoverer;
      const server = at(servers, participant);
      if (server.row !== undefined || server.transaction === 'prepared') {
        yield become(idle);
        return;
      }
      const fenced = withServer(world, participant, { ...server, row: 'abort' });
      yield become({ kind: 'finishing', outcome: 'aborted', prepared }, fenced);
      if (disturbed) yield become(idle, fenced);
      return;
    }
    case 'finishing': {
      const { outcome, prepared } = recoverer;
      const place = prepared.indexOf(true);
      const server = servers[place];
      if (server !== undefined) {
        const after =
          server.transaction === 'prepared'
            ? withServer(world, place, finishedOn(server, outcome === 'committed'))
            : world;
        yield become({ ...recoverer, prepared: prepared.with(place, false) }, after);
      } else if (index === 0) yield* answered(become(idle), outcome, decisions);
      else yield become(idle);
    }
  }
}

function concluded(sights: readonly Sight[], { servers }: World, decisions: Decisions): Recoverer {
  if (sights.length < servers.length) return { kind: 'asking', sights };
  const prepared = sights.map((sight) => sight.prepared);
  const verdict = decisions.judge(sights);
  return verdict.kind === 'fence'
    ? { kind: 'fencing', participant: verdict.participant, prepared }
    : { kind: 'finishing', outcome: verdict.kind, prepared };
}

function* cleanerMoves(world: World, decisions: Decisions): Generator<World> {
  const { servers, cleaner } = world;
  yield* abortRowMoves(world, decisions);
  if (cleaner.kind !== 'idle') yield { ...world, cleaner: idle };
  switch (cleaner.kind) {
    case 'idle': {
      const listed = servers.map(({ row }) => row === 'commit' || !decisions.listsFirst);
      if (listed.includes(true)) yield { ...world, cleaner: { kind: 'asking', listed, prepared: [] } };
      return;
    }
    case 'asking': {
      const prepared = [...cleaner.prepared, at(servers, cleaner.prepared.length).transaction === 'prepared'];
      const { listed } = cleaner;
      if (prepared.length < servers.length) yield { ...world, cleaner: { kind: 'asking', listed, prepared } };
      else yield { ...world, cleaner: decisions.isOver(prepared) ? { kind: 'removing', listed } : idle };
      return;
    }
    case 'removing': {
      const place = cleaner.listed.indexOf(true);
      const server = servers[place];
      if (server === undefined) {
        yield { ...world, cleaner: idle };
        return;
      }
      const next: World = { ...world, cleaner: { kind: 'removing', listed: cleaner.listed.with(place, false) } };
      // A server that cannot be reached keeps its row.
      yield next;
      if (server.row === 'commit') yield { ...withServer(next, place, { ...server, row: undefined }), removed: true };
    }
  }
}
