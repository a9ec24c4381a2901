/** How findings name a shard. */

import type { ShardConfig } from '../../catalog/config.js';

/** `shard "b" (db2:5432)` */
export function subjectOf(shard: ShardConfig): string {
  return `shard "${shard.name}" (${shard.host.startsWith('/') ? `${shard.host}, port ` : `${shard.host}:`}${shard.port})`;
}
