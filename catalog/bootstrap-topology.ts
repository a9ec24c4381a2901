/** Brings the stored topology and the configured servers together when pgring starts. */

import { PgError, sqlstate } from '../base/errors.js';
import { ConfigError, type ConfigProblem } from './config-error.js';
import type { Config } from './config.js';
import type { TopologyStore } from './store/store.js';
import type { Shard, ShardId, Topology } from './topology.js';

/** Proxies that start together all try; each failure means that another one succeeded. */
const attempts = 20;

const reshardHint =
  'Which shard holds which rows is kept in the topology store. A change of the shards or of their weights moves rows, ' +
  'so it needs resharding (pgring reshard), not only another configuration.';

/**
 * The topology to start with. An empty store gets one made of the configured shards, with the arcs that `assign`
 * gives them. Later on only a shard's address may differ from the stored one: then the configured address is stored.
 */
export async function ensureTopology(
  store: TopologyStore,
  config: Config,
  assign: (shards: readonly Shard[]) => readonly ShardId[],
): Promise<Topology> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const stored = await store.read();
    const wanted =
      stored === undefined ? firstTopology(config, assign) : withConfiguredAddresses(stored, config, store);
    if (wanted === stored) return stored;
    if (await store.compareAndSwap(stored?.epoch ?? 0, wanted)) return wanted;
  }
  throw new PgError(
    sqlstate.cannotConnectNow,
    `the topology in ${store.description} kept changing while pgring started`,
    { severity: 'FATAL', hint: 'Do two proxies have configurations that name different addresses for one shard?' },
  );
}

function firstTopology(config: Config, assign: (shards: readonly Shard[]) => readonly ShardId[]): Topology {
  const shards = config.shards.map(({ name, host, port, weight }, index) => ({
    id: index + 1,
    name,
    host,
    port,
    weight,
  }));
  const home = shards.find((shard) => shard.name === config.home)?.id ?? 0;
  return { epoch: 1, shards, home, arcs: assign(shards) };
}

/** The stored topology itself when the addresses agree. */
function withConfiguredAddresses(stored: Topology, config: Config, store: TopologyStore): Topology {
  const problems = differences(stored, config, store.description);
  if (problems.length > 0) throw new ConfigError(config.source, problems);
  let changed = false;
  const shards = stored.shards.map((shard) => {
    const configured = config.shards.find((each) => each.name === shard.name) ?? shard;
    if (configured.host === shard.host && configured.port === shard.port) return shard;
    changed = true;
    return { ...shard, host: configured.host, port: configured.port };
  });
  return changed ? { ...stored, epoch: stored.epoch + 1, shards } : stored;
}

function differences(stored: Topology, config: Config, where: string): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const differ = (path: string, expected: string, found: string, hint: string) => {
    problems.push({ path, line: undefined, column: undefined, expected, found, hint });
  };
  for (const [index, shard] of config.shards.entries()) {
    const known = stored.shards.find((each) => each.name === shard.name);
    if (known === undefined) {
      const names = stored.shards.map((each) => each.name).join(', ');
      differ(
        `shards[${index}].name`,
        `one of the shards in ${where} (${names})`,
        JSON.stringify(shard.name),
        reshardHint,
      );
    } else if (known.weight !== shard.weight) {
      differ(`shards[${index}].weight`, `${known.weight}, as in ${where}`, String(shard.weight), reshardHint);
    }
  }
  for (const known of stored.shards) {
    if (config.shards.some((shard) => shard.name === known.name)) continue;
    differ(
      'shards',
      `the shard ${known.name}, which holds rows by the topology in ${where}`,
      'no such shard',
      reshardHint,
    );
  }
  const home = stored.shards.find((shard) => shard.id === stored.home)?.name;
  if (home !== undefined && home !== config.home) {
    differ(
      'home',
      `${home}, as in ${where}`,
      config.home,
      `Home tables and sequences live on ${home}: write \`home: ${home}\`.`,
    );
  }
  return problems;
}
