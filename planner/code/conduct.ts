/** What a piece of code does beyond computing a value from its arguments. */

import type { Relation } from '../../catalog/schema.js';
import type { SessionTrace } from '../postgres/session-trace.js';
import type { Callee } from './routines.js';

/**
 * What its value depends on beside its arguments, the session's settings and the tables that it reads, in the order of
 * how little it can be moved:
 * - `plain`: nothing
 * - `time`: the transaction's time, which each server has of its own
 * - `random`: every evaluation may differ, and where it happens does not matter
 * - `server`: what one server has: sequences, locks, the oids of its catalog; the home shard's are the cluster's
 */
export type Dependence = 'plain' | 'time' | 'random' | 'server';

export interface Conduct {
  readonly reads: ReadonlySet<Relation>;
  readonly writes: ReadonlySet<Relation>;
  /** The functions among all that are called whose own bodies touch tables. */
  readonly readers: ReadonlySet<Callee>;
  /** It reads the catalog, or names a relation that the catalog has not: a temporary table, which is at home. */
  readonly readsCatalog: boolean;
  readonly depends: Dependence;
  /** It makes or drops temporary tables, or was declared and may. */
  readonly changesTemporary: boolean;
  /** It may NOTIFY or LISTEN: PostgreSQL prepares no transaction that has. */
  readonly notifies: boolean;
  /** What it may leave in the session. */
  readonly leaves: ReadonlySet<SessionTrace>;
  /** Why nothing certain can be said, as the object of "because of"; undefined when all was read. */
  readonly unread: string | undefined;
}

const order: readonly Dependence[] = ['plain', 'time', 'random', 'server'];

function worse(left: Dependence, right: Dependence): Dependence {
  return order.indexOf(left) > order.indexOf(right) ? left : right;
}

/** Collects a Conduct. */
export class ConductBuilder implements Conduct {
  readonly reads = new Set<Relation>();
  readonly writes = new Set<Relation>();
  readonly readers = new Set<Callee>();
  readonly leaves = new Set<SessionTrace>();
  readsCatalog = false;
  changesTemporary = false;
  notifies = false;
  depends: Dependence = 'plain';
  unread: string | undefined;

  dependsOn(dependence: Dependence): void {
    this.depends = worse(this.depends, dependence);
  }

  cannotRead(reason: string): void {
    this.unread ??= reason;
  }

  add(other: Conduct): void {
    for (const relation of other.reads) this.reads.add(relation);
    for (const relation of other.writes) this.writes.add(relation);
    for (const callee of other.readers) this.readers.add(callee);
    for (const trace of other.leaves) this.leaves.add(trace);
    this.readsCatalog ||= other.readsCatalog;
    this.changesTemporary ||= other.changesTemporary;
    this.notifies ||= other.notifies;
    this.dependsOn(other.depends);
    this.unread ??= other.unread;
  }
}

/** Where the rows of a relation are that is no view: materialized views and sequences are at home. */
export function placementOf(relation: Relation): Relation['placement']['kind'] {
  return relation.kind === 'materialized view' || relation.kind === 'sequence' ? 'home' : relation.placement.kind;
}

export function touchedOf(conduct: Conduct, placement: Relation['placement']['kind']): Relation | undefined {
  return [...conduct.writes, ...conduct.reads].find((relation) => placementOf(relation) === placement);
}

/**
 * What a call may be treated as:
 * - `anywhere`: as a built-in function with that dependence
 * - `with copies`: wherever reference tables are read, in the session's own transaction
 * - `at home`: only on the home shard
 * - `nowhere`: its tables lie on several shards, or it cannot be read
 */
type Reachable = 'anywhere' | 'with copies' | 'at home' | 'nowhere';

export function reachableOf(conduct: Conduct): Reachable {
  if (conduct.unread !== undefined || touchedOf(conduct, 'sharded') !== undefined) return 'nowhere';
  if ([...conduct.writes].some((relation) => placementOf(relation) === 'reference')) return 'nowhere';
  if (conduct.writes.size > 0 || conduct.readsCatalog || conduct.depends === 'server') return 'at home';
  if (touchedOf(conduct, 'home') !== undefined) return 'at home';
  return conduct.reads.size > 0 ? 'with copies' : 'anywhere';
}

/** Whether a server that runs it is as before: a sequence or a lock is not. */
export function changesNothing(conduct: Conduct): boolean {
  return conduct.writes.size === 0 && conduct.depends !== 'server';
}

/** The ways out, for a call that is refused; `signature` is the function as a regprocedure is written. */
export function waysOut(conduct: Conduct, signature: string): string {
  const declare = signature.endsWith('()')
    ? ''
    : `declare the argument that is the shard key, SELECT create_distributed_function('${signature}', '$1'), and call it alone; `;
  const second =
    conduct.unread === undefined
      ? 'make its tables home or reference tables'
      : `if it touches no sharded table, say so: SELECT create_distributed_function('${signature}')`;
  const ways = `${declare}${second}; or run its statements from the client.`;
  return `${ways.charAt(0).toUpperCase()}${ways.slice(1)}`;
}

/** What is wrong with a conduct that is reachable `nowhere`, as a relative clause. */
export function whyNowhere(conduct: Conduct): string {
  if (conduct.unread !== undefined) return `which cannot be read because of ${conduct.unread},`;
  const sharded = touchedOf(conduct, 'sharded');
  if (sharded !== undefined) {
    return `which ${conduct.writes.has(sharded) ? 'writes to' : 'reads'} the sharded table "${sharded.name}",`;
  }
  const reference = [...conduct.writes].find((relation) => placementOf(relation) === 'reference');
  return `which writes to the reference table "${reference?.name ?? ''}",`;
}
