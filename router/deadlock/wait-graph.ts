/**
 * Who waits for whom, over all shards, and which of them wait in a circle. Without any I/O: deadlock-monitor.ts brings
 * what the servers tell.
 */

import type { ShardId } from '../../catalog/topology.js';

/**
 * A server process in one transaction of its. The server gives its process id to another process some day, but not with
 * the same beginning, so whatever is known of it holds for ever.
 */
export interface ServerProcess {
  readonly shard: ShardId;
  readonly pid: number;
  /** When its transaction began: seconds since 1970, as the server writes them. */
  readonly began: string;
}

/** A process that waits for a lock. */
export interface Wait {
  readonly waiter: ServerProcess;
  readonly blocker: ServerProcess;
  /** When the waiting began, as the server writes it: the same wait has the same. */
  readonly since: string;
  readonly waitedMs: number;
  /** `ShareLock on transaction 745` */
  readonly lock: string;
}

/** Processes that are parts of one transaction over several shards: none of them ends before all can. */
export interface SessionProcesses {
  readonly session: string;
  readonly processes: readonly ServerProcess[];
}

export interface Deadlock {
  /** The session with the youngest transaction of the circle. */
  readonly victim: string;
  /** The circle, from the victim on: each waits for the next, the last for the first. */
  readonly waits: readonly Wait[];
}

interface Node {
  readonly name: string;
  readonly session: string | undefined;
  readonly began: number;
}

interface Edge {
  readonly from: Node;
  readonly to: Node;
  readonly wait: Wait;
}

/**
 * A process of no known session counts only when it has waited so much longer: time for its pgring to make it known, for
 * it may have to be the victim.
 */
const STRANGERS_PATIENCE = 3;

/**
 * Circles over more than one shard, of waits that are at least so old. Those on one shard its server finds. Each is
 * broken, in thought, before the next is looked for; who sees the same finds the same.
 */
export function findDeadlocks(
  waits: readonly Wait[],
  sessions: readonly SessionProcesses[],
  timeoutMs: number,
): readonly Deadlock[] {
  const nodes = nodesOf(waits, sessions);
  let edges = waits
    .map((wait) => ({ from: nodeOf(nodes, wait.waiter), to: nodeOf(nodes, wait.blocker), wait }))
    .filter(({ from, to, wait }) => {
      return from !== to && wait.waitedMs >= timeoutMs * (from.session === undefined ? STRANGERS_PATIENCE : 1);
    })
    .sort((left, right) => compareNodes(left.from, right.from) || compareNodes(left.to, right.to));
  const deadlocks: Deadlock[] = [];
  for (let circle = findCircle(edges); circle !== undefined; circle = findCircle(edges)) {
    const found = circle;
    const members = found.map(({ from }) => from).sort(compareNodes);
    const victim = members.findLast(({ session }) => session !== undefined) ?? members.at(-1);
    const shards = new Set(found.map(({ wait }) => wait.waiter.shard));
    if (shards.size > 1 && victim?.session !== undefined) {
      const at = found.findIndex(({ from }) => from === victim);
      const ordered = [...found.slice(at), ...found.slice(0, at)];
      deadlocks.push({ victim: victim.session, waits: ordered.map(({ wait }) => wait) });
    }
    edges = edges.filter(({ from, to }) => from !== victim && to !== victim);
  }
  return deadlocks;
}

/** All waits of the deadlock go on: so they did all the time between the two looks, and nobody in the circle moved. */
export function isConfirmed(deadlock: Deadlock, again: readonly Wait[]): boolean {
  return deadlock.waits.every((wait) => {
    return again.some((other) => {
      return (
        sameProcess(wait.waiter, other.waiter) && wait.since === other.since && sameProcess(wait.blocker, other.blocker)
      );
    });
  });
}

function sameProcess(one: ServerProcess, other: ServerProcess): boolean {
  return processKey(one) === processKey(other);
}

export function processKey({ shard, pid, began }: ServerProcess): string {
  return `${shard} ${pid} ${began}`;
}

function nodesOf(waits: readonly Wait[], sessions: readonly SessionProcesses[]): Map<string, Node> {
  const nodes = new Map<string, Node>();
  for (const { session, processes } of sessions) {
    const began = Math.min(...processes.map((process) => Number(process.began)));
    const node = { name: session, session, began };
    for (const process of processes) nodes.set(processKey(process), node);
  }
  for (const process of waits.flatMap(({ waiter, blocker }) => [waiter, blocker])) {
    const key = processKey(process);
    if (!nodes.has(key)) nodes.set(key, { name: key, session: undefined, began: Number(process.began) });
  }
  return nodes;
}

function nodeOf(nodes: ReadonlyMap<string, Node>, process: ServerProcess): Node {
  const key = processKey(process);
  return nodes.get(key) ?? { name: key, session: undefined, began: Number(process.began) };
}

/** The youngest last. */
function compareNodes(left: Node, right: Node): number {
  return left.began - right.began || (left.name < right.name ? -1 : Number(left.name > right.name));
}

/** Edges that form a circle; undefined when there is none. */
function findCircle(edges: readonly Edge[]): readonly Edge[] | undefined {
  const leaving = new Map<Node, Edge[]>();
  for (const edge of edges) {
    const list = leaving.get(edge.from);
    if (list === undefined) leaving.set(edge.from, [edge]);
    else list.push(edge);
  }
  const done = new Set<Node>();
  for (const start of leaving.keys()) {
    const path: Edge[] = [];
    const untried = [[...(leaving.get(start) ?? [])]];
    while (untried.length > 0) {
      const edge = untried.at(-1)?.shift();
      if (edge === undefined) {
        untried.pop();
        const left = path.pop();
        if (left !== undefined) done.add(left.to);
        continue;
      }
      const at = path.findIndex(({ from }) => from === edge.to);
      if (at >= 0) return [...path.slice(at), edge];
      if (done.has(edge.to)) continue;
      path.push(edge);
      untried.push([...(leaving.get(edge.to) ?? [])]);
    }
    done.add(start);
  }
  return undefined;
}
