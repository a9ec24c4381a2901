/** What `pgring check` reports. */

export interface Finding {
  /** An error keeps pgring from working; a warning costs something under load or later. */
  readonly severity: 'error' | 'warning';
  /** The key's path in the configuration, such as `shards[1].port`. */
  readonly path: string;
  /** What the path is about, for people: `shard "b" (db2:5432)`. */
  readonly subject: string;
  readonly expected: string;
  readonly found: string;
  /** What to do about it. */
  readonly advice: string;
}
