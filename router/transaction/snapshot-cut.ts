/**
 * Whether snapshots of several shards agree: each transaction that committed on several of them is seen on all or on
 * none. A transaction over several shards writes its row of pgring.commit_log on each of them, so a snapshot sees the
 * row where it sees the rest. Pure; atomic-snapshots.ts asks the servers. docs/decisions/0012-atomic-reads.md has the
 * reasoning, tests/router/transaction/snapshot-cut.test.ts tries all orders of small histories.
 */

import type { ShardId } from '../../catalog/topology.js';
import { parseGlobalId } from './global-id.js';

/** As pg_current_snapshot() tells it. */
export interface ServerSnapshot {
  /** All before it have ended. */
  readonly minimum: bigint;
  /** The first that had not begun. */
  readonly maximum: bigint;
  readonly running: ReadonlySet<bigint>;
}

/** Reads `xmin:xmax:xid,xid`. */
export function parseSnapshot(text: string): ServerSnapshot {
  const [minimum = '', maximum = '', running = ''] = text.split(':');
  return {
    minimum: BigInt(minimum),
    maximum: BigInt(maximum),
    running: new Set(running === '' ? [] : running.split(',').map(BigInt)),
  };
}

/** Whether a transaction that has committed had done so when the snapshot was taken. */
export function sees(snapshot: ServerSnapshot, transaction: bigint): boolean {
  if (transaction < snapshot.minimum) return true;
  return transaction < snapshot.maximum && !snapshot.running.has(transaction);
}

/** What one shard tells before and after the snapshots that are to agree are taken on it. */
export interface ShardView {
  readonly shard: ShardId;
  /** Taken before anything else of any shard's view. */
  readonly before: ServerSnapshot;
  /**
   * Taken just before what reads has its own snapshots; undefined where everything has the very same snapshot, which also
   * `recent` was read by.
   */
  readonly certain: ServerSnapshot | undefined;
  /** Names of prepared transactions, read when every shard's `before` had been taken, and before what reads its own. */
  readonly prepared: ReadonlySet<string>;
  /** Committed transactions that `before` does not see, by name; read just after. */
  readonly recent: ReadonlyMap<string, bigint>;
}

/** Transactions by name that a shard was asked for in addition; those without a committed row are missing. */
export type Answers = ReadonlyMap<ShardId, ReadonlyMap<string, bigint>>;

/** `either`: it committed while the snapshots were taken. */
type Standing = 'seen' | 'unseen' | 'either';

/** What each shard must be asked, in the snapshot if there is one, before the views tell anything. */
export function openQuestions(views: readonly ShardView[]): ReadonlyMap<ShardId, readonly string[]> {
  const questions = new Map<ShardId, string[]>();
  for (const [globalId, participants] of candidates(views)) {
    for (const { shard, recent, prepared } of participants) {
      if (recent.has(globalId) || prepared.has(globalId)) continue;
      const known = questions.get(shard);
      if (known === undefined) questions.set(shard, [globalId]);
      else known.push(globalId);
    }
  }
  return questions;
}

/** Transactions that are, or may be, seen on one shard and not on another. */
export function findTorn(views: readonly ShardView[], answers: Answers): readonly string[] {
  const torn: string[] = [];
  for (const [globalId, participants] of candidates(views)) {
    const standings = participants.map((view) => standing(view, globalId, answers.get(view.shard)?.get(globalId)));
    if (standings.some((each) => each !== standings[0] || each === 'either')) torn.push(globalId);
  }
  return torn;
}

/** Those of the transactions that have several participants among the shards. */
export function concerning(globalIds: Iterable<string>, views: readonly ShardView[]): readonly string[] {
  return [...globalIds].filter((globalId) => participantsOf(globalId, views).length > 1);
}

function participantsOf(globalId: string, views: readonly ShardView[]): readonly ShardView[] {
  const shards = parseGlobalId(globalId)?.participants ?? [];
  return views.filter(({ shard }) => shards.includes(shard));
}

/** Every transaction that is mentioned and has several participants among the shards. */
function candidates(views: readonly ShardView[]): ReadonlyMap<string, readonly ShardView[]> {
  const found = new Map<string, readonly ShardView[]>();
  for (const { recent, prepared } of views) {
    for (const globalId of [...recent.keys(), ...prepared]) {
      if (found.has(globalId)) continue;
      const participants = participantsOf(globalId, views);
      if (participants.length > 1) found.set(globalId, participants);
    }
  }
  return found;
}

function standing(view: ShardView, globalId: string, answer: bigint | undefined): Standing {
  const recent = view.recent.get(globalId);
  if (recent !== undefined) return view.certain === undefined || sees(view.certain, recent) ? 'seen' : 'either';
  if (view.prepared.has(globalId)) return 'unseen';
  // Asked by a later snapshot, the shard may tell of what committed only then.
  return answer !== undefined && sees(view.before, answer) ? 'seen' : 'unseen';
}
