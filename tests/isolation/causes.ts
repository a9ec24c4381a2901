/** Why permutations differ that are not refused: found by hand, by specification and by what is seen first. */

const serializable = 'SERIALIZABLE finds cycles within a shard only (consistency.md)';
const explained = 'the step is an EXPLAIN, whose text is not the same';
const cancelled = 'pg_backend_pid() is that of one of several servers: who cancels it cancels nothing on the others';
const detached = 'DETACH … CONCURRENTLY goes from shard to shard, and waits on one before it begins on the next';

/** For all specifications. */
const common: Readonly<Record<string, string>> = {
  'no error where one server gives 40001': serializable,
};

const particular: Readonly<Record<string, string>> = {
  'detach-partition-concurrently-2': detached,
  'detach-partition-concurrently-3': cancelled,
  'detach-partition-concurrently-4': `${cancelled}; ${detached}`,
  'drop-index-concurrently-1': explained,
  horizons: 'CREATE TABLE tells by a NOTICE where the table lies',
  'index-only-bitmapscan': explained,
  'merge-join': explained,
  'multixact-no-forget': 'the column that is updated is the shard key, so the row is deleted and inserted',
  'partition-drop-index-locking': 'pg_locks is that of the home shard',
  'predicate-gist': 'the index of one shard has fewer pages, which are locked as a whole: a false positive',
  'receipt-report': 'the snapshot of each shard is taken when it is first used (with per_shard reads)',
};

/** A refusal tells its own cause. */
export function causeOf(spec: string, what: string): string {
  const cause = what.startsWith('refused') ? undefined : (common[what] ?? particular[spec]);
  return cause === undefined ? what : `${what}: ${cause}`;
}
