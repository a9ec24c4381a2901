/** The kinds of faults, and how each is brought about while clients move money. */

import { setTimeout as sleep } from 'node:timers/promises';
import { faultPoints, participantPlaces, type FaultAction, type FaultPoint } from '../../base/fault-point.js';
import type { Dice } from '../oracle/dice.js';
import type { ProxyProcess, Stage } from './stage.js';

/** What came about, by name. */
export type Tally = Map<string, number>;

/** How long an armed proxy may take to come to the place where it dies. */
const REACH_MS = 40_000;
const LOOK_MS = 20;
/** An armed proxy dies at one of so many times that the place is reached, so that it has many transactions in progress. */
const TIMES = 12;
/** The same for places that few transactions come to. */
const RARE_TIMES = 4;
const KILLS_A_ROUND = 5;

const isOwners = (place: FaultPoint): boolean => !place.startsWith('recovery') && !place.includes('clean');

const isRare = (place: FaultPoint): boolean => !isOwners(place) || place.includes('roll') || place.includes('deci');

/** Places of a transaction's owner, and those of recoverers and cleaners. */
const owners: readonly FaultPoint[] = faultPoints.filter(isOwners);
const others: readonly FaultPoint[] = faultPoints.filter((place) => !isOwners(place));

/** A step at which proxies die, lose a connection, or are asked to cancel. */
export interface Step {
  readonly place: FaultPoint;
  readonly action: FaultAction;
}

export const allSteps: readonly Step[] = [
  ...owners.map((place) => ({ place, action: 'kill' }) as const),
  ...others.map((place) => ({ place, action: 'kill' }) as const),
  ...participantPlaces.map((place) => ({ place, action: 'cut' }) as const),
  ...participantPlaces.map((place) => ({ place, action: 'cancel' }) as const),
];

export function describeStep({ place, action }: Step): string {
  switch (action) {
    case 'kill':
      return `killed at "${place}"`;
    case 'cut':
      return `connection cut at "${place}"`;
    case 'cancel':
      return `cancelled at "${place}"`;
  }
}

/**
 * Steps for one round, one a proxy; takes them from the list. Recoverers and cleaners die one in a round, and of what
 * the others have left: those die too, so that nobody else cleans up after them.
 */
export function takeSteps(steps: Step[], count: number): readonly Step[] {
  const taken: Step[] = [];
  const take = (wanted: (step: Step) => boolean): boolean => {
    const at = steps.findIndex(wanted);
    if (at >= 0) taken.push(...steps.splice(at, 1));
    return at >= 0;
  };
  const alone = take(({ place }) => !isOwners(place));
  const wanted = ({ place, action }: Step): boolean => isOwners(place) && (!alone || action === 'kill');
  while (taken.length < count && take(wanted));
  return taken;
}

/** Proxies that have nothing else to do die in the middle of a PREPARE, which is what recoverers most need. */
function withHelpers(steps: readonly Step[], count: number): readonly Step[] {
  const places = ['prepare sent', 'all prepared'] as const;
  const helpers = Array.from({ length: Math.max(0, count - steps.length) }, (_unused, index): Step => {
    return { place: places[index % places.length] ?? 'prepared', action: 'kill' };
  });
  return [...steps, ...helpers];
}

/**
 * Arms each proxy with a step and waits until all have come to theirs. Returns the steps that were not reached. `again`:
 * it is not the first try.
 */
export async function failAtSteps(
  stage: Stage,
  steps: readonly Step[],
  dice: Dice,
  tally: Tally,
  again = false,
): Promise<readonly Step[]> {
  const needHelp = again || steps.some(({ place }) => !isOwners(place));
  const armed = (needHelp ? withHelpers(steps, stage.proxies.length) : steps).map((step, index) => ({
    step,
    proxy: proxyAt(stage, index),
  }));
  await Promise.all(
    armed.map(async ({ step, proxy }) => {
      await proxy.kill();
      const once = step.place === 'recovery fenced';
      const time = 1 + dice.below(once ? 1 : isRare(step.place) ? RARE_TIMES : TIMES);
      await proxy.start(`${step.action === 'kill' ? '' : `${step.action} `}${step.place}:${time}`);
    }),
  );
  const deadline = performance.now() + REACH_MS;
  while (armed.some(({ proxy }) => !proxy.faulted) && performance.now() < deadline) await sleep(LOOK_MS);
  const missed: Step[] = [];
  for (const { step, proxy } of armed) {
    if (proxy.faulted) count(tally, describeStep(step));
    else if (steps.includes(step)) missed.push(step);
  }
  // The dead are replaced when the last has died: one of them dies of what the others have left.
  await Promise.all(
    armed.map(async ({ step, proxy }) => {
      if (step.action === 'kill' || !proxy.faulted) await replace(proxy);
    }),
  );
  return missed;
}

/** Kills proxies at any time, some at once, and starts others in their place. */
export async function killProxies(stage: Stage, dice: Dice, tally: Tally): Promise<void> {
  for (let kill = 0; kill < KILLS_A_ROUND;) {
    await sleep(dice.below(400));
    const victims = dice.once(4) ? stage.proxies : [dice.pick(stage.proxies)];
    await Promise.all(victims.map(async (proxy) => await replace(proxy)));
    count(tally, 'a proxy killed at a random time', victims.length);
    kill += victims.length;
  }
}

/** Kills a server, with a proxy at the same time or not, and starts it again. */
export async function killShard(stage: Stage, index: number, dice: Dice, tally: Tally): Promise<void> {
  const server = stage.servers[index];
  if (server === undefined) throw new Error(`no server ${index}`);
  await sleep(dice.below(300));
  const proxy = dice.once(2) ? dice.pick(stage.proxies) : undefined;
  await Promise.all([server.kill(), proxy?.kill()]);
  count(tally, `shard ${index + 1} killed`);
  if (proxy !== undefined) count(tally, 'a proxy killed together with a shard');
  await sleep(dice.below(1500));
  await server.start();
  await proxy?.start();
}

/** Breaks connections between proxies and servers: some at once, all of a server's, or after a silence. */
export async function cutConnections(stage: Stage, dice: Dice, tally: Tally): Promise<void> {
  for (let cut = 0; cut < KILLS_A_ROUND; cut += 1) {
    await sleep(dice.below(300));
    const relay = dice.pick(stage.relays);
    const way = dice.pick(['some', 'all', 'silence'] as const);
    if (way === 'silence') {
      relay.hold();
      await sleep(dice.below(1500));
      count(tally, 'connections cut after a silence', relay.releaseByCut(dice));
    } else count(tally, `connections cut, ${way} of a shard's at once`, relay.cut(dice, way === 'all' ? 1 : 4));
  }
}

function proxyAt(stage: Stage, index: number): ProxyProcess {
  const proxy = stage.proxies[index];
  if (proxy === undefined) throw new Error(`no proxy ${index}`);
  return proxy;
}

async function replace(proxy: ProxyProcess): Promise<void> {
  await proxy.kill();
  await proxy.start();
}

function count(tally: Tally, name: string, times = 1): void {
  tally.set(name, (tally.get(name) ?? 0) + times);
}
