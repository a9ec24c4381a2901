/** The proxy: listens for clients and gives each a session. */

import { chmod, unlink } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Logger } from '../base/log.js';
import { ensureTopology } from '../catalog/bootstrap-topology.js';
import type { Config } from '../catalog/config.js';
import { unixSocketPath, type ListenAddress } from '../catalog/listen-address.js';
import type { TopologyStore } from '../catalog/store/store.js';
import { loadParser } from '../planner/parse/parser.js';
import { BackendPool } from '../router/backend/pool.js';
import { openServerTls, withEncryption } from '../router/backend/server-tls.js';
import { assignArcs } from '../router/ring/assign.js';
import { ShardMap } from '../router/ring/shard-map.js';
import { Door } from './authentication/door.js';
import { CancelKeys } from './cancel-keys.js';
import { Client } from './client.js';
import { ClientCounts } from './client-counts.js';
import { Databases } from './databases.js';
import { Definitions } from './definitions.js';
import { DeadlockMonitor } from '../router/deadlock/deadlock-monitor.js';
import { Recovery } from '../router/transaction/recovery.js';
import { makeReadingHelper } from '../router/transaction/reading-helper.js';
import { SessionClock } from './session-clock.js';
import { StatementPlanner } from './statement-planner.js';

export interface RunningProxy {
  /** `host:port` or a socket's path, in the order of the configuration. */
  readonly addresses: readonly string[];
  /** Takes no more clients; the others end when their transactions have ended, or when the time is over. */
  close(drainMs: number): Promise<void>;
  /** Takes over who may come in, what is encrypted, and limits of clients. Errors: files that cannot be used. */
  reload(config: Config): void;
}

/** Anybody may connect; who they are is the log-in's business (unix_socket_permissions of PostgreSQL). */
const SOCKET_MODE = 0o777;

export async function startProxy(options: {
  readonly config: Config;
  readonly store: TopologyStore;
  readonly log: Logger;
}): Promise<RunningProxy> {
  const { config, store, log } = options;
  let current = config;
  await loadParser();
  const serverTls = openServerTls(config.shards, log);
  let topology = withEncryption(await ensureTopology(store, config, (shards) => assignArcs(shards)), serverTls);
  let shardMap = new ShardMap(topology);
  const databases = new Databases(config, () => topology, log);
  const watch = store.watch(
    (stored) => {
      const next = withEncryption(stored, serverTls);
      databases.noteTopology(topology, next);
      topology = next;
      shardMap = new ShardMap(next);
      log.info({ epoch: next.epoch, shards: next.shards.length }, 'the topology has changed');
    },
    (error) => {
      log.warn({ error: error.message }, 'the topology store is out of reach; the last known topology stays in use');
    },
  );
  const { limits } = config;
  const pool = new BackendPool({
    connectTimeoutMs: limits.connectTimeoutMs,
    connectionsPerShard: limits.serverConnectionsPerShard,
    queueTimeoutMs: limits.queueTimeoutMs,
    idleTimeoutMs: limits.serverIdleTimeoutMs,
    connectionsPerRole: limits.serverConnectionsPerRole,
    reserve: limits.serverConnectionsReserve,
    finishing: limits.finishingConnectionsPerShard,
    minimum: limits.serverConnectionsMinimum,
    connectsAtOnce: limits.serverConnectsAtOnce,
    lifetimeMs: limits.serverLifetimeMs,
    checkAfterMs: limits.serverCheckAfterMs,
  });
  const recovery = new Recovery(
    databases,
    () => topology,
    {
      intervalMs: limits.recoveryIntervalMs,
      abandonedMs: limits.abandonedAfterMs,
      retentionMs: limits.commitLogRetentionMs,
    },
    log,
  );
  recovery.start();
  const clients = new Set<Client>();
  const deadlocks = new DeadlockMonitor(
    databases,
    () => topology,
    () => [...clients].flatMap(({ backends }) => backends ?? []),
    limits.deadlockTimeoutMs,
    log,
  );
  deadlocks.start();
  const sessions = new CancelKeys();
  const context = {
    config: () => current,
    door: new Door(
      () => current,
      async (work) => await databases.askHome(work),
      log,
    ),
    counts: new ClientCounts(
      () => current.limits,
      () => clock.isFull,
    ),
    cancelKeys: sessions,
    clients,
    parts: {
      pool,
      databases,
      planner: new StatementPlanner(config, log),
      resolver: recovery,
      readingHelper: makeReadingHelper(databases, () => topology, recovery, log),
      sessions,
      log,
      pooling: config.pooling.mode,
      numberReaders: new Set<string>(),
      definitions: new Definitions(limits.statementDefinitions, limits.serverPreparedStatements),
      prepared: { statements: limits.preparedStatements, bytes: limits.preparedBytes },
      combineBytes: limits.combineBytes,
      combineRows: limits.combineRows,
      topology: () => topology,
      shardMap: () => shardMap,
    },
  };
  databases.onChange = () => {
    context.door.forgetSecrets();
  };
  const clock = new SessionClock(
    () => current.limits,
    () => clients,
    log,
  );
  const servers: Server[] = [];
  const addresses: string[] = [];
  try {
    for (const address of config.listen) {
      const server = createServer({ noDelay: true, keepAlive: true }, (socket: Socket) => {
        Client.receive(socket, address.kind === 'unix', context);
      });
      addresses.push(await listen(server, address));
      servers.push(server);
    }
  } catch (error) {
    for (const server of servers) server.close();
    clock.close();
    await watch.close();
    await recovery.close();
    await deadlocks.close();
    await databases.close();
    throw error;
  }
  return {
    addresses,
    reload: (next) => {
      const before = current;
      current = next;
      try {
        context.door.reload();
      } catch (error) {
        current = before;
        throw error;
      }
    },
    close: async (drainMs) => {
      const closed = servers.map(
        async (server) =>
          await new Promise<void>((resolve) => {
            server.close(() => {
              resolve();
            });
          }),
      );
      clock.close();
      for (const client of clients) client.drain();
      const timer = setTimeout(() => {
        for (const client of clients) client.destroy();
      }, drainMs);
      await Promise.all(closed);
      clearTimeout(timer);
      await Promise.all([...clients].map(async (client) => await client.ended));
      await watch.close();
      await recovery.close();
      await deadlocks.close();
      pool.close();
      await databases.close();
    },
  };
}

/** Starts listening; returns the address with the port that the system chose for port 0. */
async function listen(server: Server, address: ListenAddress): Promise<string> {
  if (address.kind === 'unix') {
    const path = unixSocketPath(address);
    await removeStaleSocket(path);
    await bind(server, { path });
    await chmod(path, SOCKET_MODE);
    return path;
  }
  await bind(server, { host: address.host, port: address.port });
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
  return `${address.host.includes(':') ? `[${address.host}]` : address.host}:${port}`;
}

async function bind(server: Server, where: { path: string } | { host: string; port: number }): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** A socket file that nobody listens on was left by a proxy that was killed. */
async function removeStaleSocket(path: string): Promise<void> {
  const inUse = await new Promise<boolean>((resolve) => {
    const probe = connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => {
      resolve(false);
    });
  });
  if (!inUse) await unlink(path).catch(() => undefined);
}
