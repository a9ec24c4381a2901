/** What an execution did, for EXPLAIN ANALYZE: filled while it runs, complete when its rows have been read. */

import type { ShardId } from '../../catalog/topology.js';

export interface ShardShipment {
  readonly shard: ShardId;
  rows: number;
  /** As the shard sent them. */
  bytes: number;
}

export interface ShipmentReport {
  /** Index among the plan's shipments. */
  readonly shipment: number;
  /** How the rows were handed to where the statement is finished. */
  carrier: 'array parameters' | 'temporary table' | 'kept temporary table';
  readonly shards: readonly ShardShipment[];
}

export interface ExecutionReport {
  readonly shipments: readonly ShipmentReport[];
}
