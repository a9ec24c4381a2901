/** Opens the topology store that the configuration names. */

import type { Config } from '../config.js';
import { FileTopologyStore } from './file.js';
import { RedisTopologyStore } from './redis.js';
import type { TopologyStore } from './store.js';

/** Connects to nothing yet: the first operation does. */
export function openTopologyStore(config: Config): TopologyStore {
  const { store, limits } = config;
  return store.kind === 'file'
    ? new FileTopologyStore(store.path)
    : new RedisTopologyStore(store.url, store.key, limits.storeTimeoutMs);
}
