/** What all sessions of a proxy have in common. */

import type { Logger } from '../base/log.js';
import type { Topology } from '../catalog/topology.js';
import type { BackendPool } from '../router/backend/pool.js';
import type { ShardMap } from '../router/ring/shard-map.js';
import type { ReadingHelper } from '../router/transaction/atomic-snapshots.js';
import type { TransactionResolver } from '../router/transaction/two-phase-commit.js';
import type { CancelKeys } from './cancel-keys.js';
import type { Databases } from './databases.js';
import type { Definitions } from './definitions.js';
import type { StatementPlanner } from './statement-planner.js';

export interface ProxyParts {
  readonly pool: BackendPool;
  readonly databases: Databases;
  readonly planner: StatementPlanner;
  readonly resolver: TransactionResolver;
  readonly readingHelper: ReadingHelper;
  readonly sessions: CancelKeys;
  readonly log: Logger;
  readonly pooling: 'transaction' | 'session';
  readonly definitions: Definitions;
  /** See SessionPins. */
  readonly numberReaders: Set<string>;
  readonly prepared: { readonly statements: number; readonly bytes: number };
  readonly combineBytes: number;
  readonly combineRows: number;
  readonly topology: () => Topology;
  readonly shardMap: () => ShardMap;
}
