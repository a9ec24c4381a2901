/** What pgbench's clients do: its own scripts, and scripts for what only a sharded database has. */

/** The scale: 100,000 accounts each. */
export const SCALE = 10;
const ACCOUNTS = SCALE * 100_000;

export interface Workload {
  readonly name: string;
  /** What the statements touch when pgring has several shards. */
  readonly reach: string;
  /** Options of pgbench; a script of our own comes from `script`. */
  readonly parameters: readonly string[];
  readonly script?: string;
}

export const workloads: readonly Workload[] = [
  { name: 'select-only', reach: 'one shard', parameters: ['-b', 'select-only'] },
  {
    name: 'simple-update',
    reach: 'one or two shards a transaction',
    parameters: ['-b', 'simple-update'],
  },
  { name: 'tpcb-like', reach: 'one to all shards a transaction', parameters: ['-b', 'tpcb-like'] },
  { name: 'select-only, a connection each', reach: 'one shard', parameters: ['-b', 'select-only', '-C'] },
  {
    name: 'two accounts',
    reach: 'one or two shards a transaction',
    parameters: [],
    script: [
      `\\set one random(1, ${ACCOUNTS})`,
      `\\set other random(1, ${ACCOUNTS})`,
      'BEGIN;',
      'UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = :one;',
      'UPDATE pgbench_accounts SET abalance = abalance - 1 WHERE aid = :other;',
      'COMMIT;',
    ].join('\n'),
  },
  {
    name: 'ten accounts by key',
    reach: 'the shards of ten keys',
    parameters: [],
    script: [
      `\\set first random(1, ${ACCOUNTS - 10})`,
      `SELECT aid, abalance FROM pgbench_accounts WHERE aid IN (${Array.from({ length: 10 }, (_unused, index) => `:first + ${index}`).join(', ')});`,
    ].join('\n'),
  },
  {
    name: 'a thousand accounts in order',
    reach: 'all shards',
    parameters: [],
    script: [
      `\\set first random(1, ${ACCOUNTS - 1000})`,
      'SELECT * FROM pgbench_accounts WHERE aid BETWEEN :first AND :first + 999 ORDER BY aid;',
    ].join('\n'),
  },
  {
    name: 'a sum over a thousand accounts',
    reach: 'all shards',
    parameters: [],
    script: [
      `\\set first random(1, ${ACCOUNTS - 1000})`,
      'SELECT count(*), sum(abalance) FROM pgbench_accounts WHERE aid BETWEEN :first AND :first + 999;',
    ].join('\n'),
  },
];

export const protocols = ['simple', 'extended', 'prepared'] as const;
export type Protocol = (typeof protocols)[number];
