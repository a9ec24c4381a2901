/** What the model of a commit is made of (commit-model.ts): the world, and the smallest changes of it. */

import type * as protocol from '../../../router/transaction/commit-protocol.js';
import type { ClientAnswer, Order, OwnerStep, Reply, Sight } from '../../../router/transaction/commit-protocol.js';

/** The decisions; a test replaces one to see that the search finds what it breaks. */
export type Decisions = Pick<typeof protocol, 'beginCommit' | 'afterRound' | 'afterResolve' | 'judge' | 'isOver'> & {
  /** An abort row stays while the participant's own transaction is open. */
  readonly keepsFences: boolean;
  /** Rows to remove are listed before the servers are asked what they have prepared. */
  readonly listsFirst: boolean;
};

/** One server's part. */
export interface Server {
  readonly transaction: 'open' | 'prepared' | 'committed' | 'aborted';
  readonly row: 'commit' | 'abort' | undefined;
  /** The owner's message that has not been carried out. */
  readonly message: Order;
  /** The owner's connection is gone; the server may not have noticed. */
  readonly cut: boolean;
}

type Owner =
  | { readonly kind: 'dead' }
  | { readonly kind: 'at'; readonly step: OwnerStep; readonly replies: readonly (Reply | undefined)[] };

export type Recoverer =
  | { readonly kind: 'idle' }
  | { readonly kind: 'asking'; readonly sights: readonly Sight[] }
  | { readonly kind: 'fencing'; readonly participant: number; readonly prepared: readonly boolean[] }
  | { readonly kind: 'finishing'; readonly outcome: 'committed' | 'aborted'; readonly prepared: readonly boolean[] };

type Cleaner =
  | { readonly kind: 'idle' }
  | { readonly kind: 'asking'; readonly listed: readonly boolean[]; readonly prepared: readonly boolean[] }
  | { readonly kind: 'removing'; readonly listed: readonly boolean[] };

/** Recoverers and cleaners that are not told apart (commit-crowd.ts). */
export interface Crowd {
  /** Of each server, all that could be seen there so far. */
  readonly sights: readonly (readonly Sight[])[];
  /** Servers that could be seen to have nothing prepared after a commit row could be seen anywhere. */
  readonly cleared: readonly boolean[];
}

export interface World {
  readonly servers: readonly Server[];
  readonly owner: Owner;
  /** The owner's own first, which runs only while the owner waits for it. */
  readonly recoverers: readonly Recoverer[];
  readonly cleaner: Cleaner;
  /** A commit row of the transaction has been removed. */
  readonly removed: boolean;
  /** Instead of recoverers and a cleaner that are told apart. */
  readonly crowd: Crowd | undefined;
}

export interface Setting {
  readonly participants: number;
  readonly decider: number | undefined;
  /** Recoverers beside the owner's own; a crowd: any number of them, and of cleaners. */
  readonly recoverers: number | 'crowd';
  readonly cleaning: boolean;
  readonly decisions: Decisions;
}

export const idle = { kind: 'idle' } as const;

/** What the client has been told. */
export function answerOf(owner: Owner): ClientAnswer | undefined {
  return owner.kind === 'at' && owner.step.kind === 'finished' ? owner.step.answer : undefined;
}

export function finishedOn(server: Server, commit: boolean): Server {
  return commit ? { ...server, transaction: 'committed', row: 'commit' } : { ...server, transaction: 'aborted' };
}

/** Any abort row that is not needed may go at any moment. */
export function* abortRowMoves(world: World, decisions: Decisions): Generator<World> {
  const { servers } = world;
  for (const [place, server] of servers.entries()) {
    const needed = server.transaction === 'open' && decisions.keepsFences;
    if (server.row === 'abort' && !needed) yield withServer(world, place, { ...server, row: undefined });
  }
}

/** The owner has its resolver's answer. Rows that are gone, it knows only that they may be. */
export function* answered(world: World, resolution: protocol.Resolution, decisions: Decisions): Generator<World> {
  const { owner } = world;
  if (owner.kind !== 'at' || owner.step.kind !== 'resolve') return;
  for (const late of world.removed ? [true] : [false, true]) {
    yield atStep(
      { ...world, recoverers: world.recoverers.with(0, idle) },
      { kind: 'finished', answer: decisions.afterResolve(owner.step.answer, resolution, late) },
    );
  }
}

/** The owner has come to that step; its messages are on their way, or cannot be sent. */
export function atStep(world: World, step: OwnerStep): World {
  if (step.kind !== 'round') return { ...world, owner: { kind: 'at', step, replies: [] } };
  const { servers } = world;
  return {
    ...world,
    owner: {
      kind: 'at',
      step,
      replies: step.orders.map((order, place) => (order !== undefined && at(servers, place).cut ? 'lost' : undefined)),
    },
    servers: servers.map((server, place) => {
      const order = step.orders[place];
      return order === undefined || server.cut ? server : { ...server, message: order };
    }),
  };
}

/** The owner hears from one server, if it waits for it. */
export function replied(world: World, place: number, reply: Reply): World {
  const { owner } = world;
  if (owner.kind !== 'at' || owner.step.kind !== 'round') return world;
  if (owner.step.orders[place] === undefined || owner.replies[place] !== undefined) return world;
  return { ...world, owner: { ...owner, replies: owner.replies.with(place, reply) } };
}

export function withServer(world: World, place: number, server: Server): World {
  return { ...world, servers: world.servers.with(place, server) };
}

export function withRecoverer(world: World, index: number, recoverer: Recoverer): World {
  return { ...world, recoverers: world.recoverers.with(index, recoverer) };
}

export function at<T>(list: readonly T[], place: number): T {
  const value = list[place];
  if (value === undefined) throw new Error(`nothing at place ${place}`);
  return value;
}
