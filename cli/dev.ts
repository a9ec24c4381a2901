/** `pgring dev`: PostgreSQL servers from npm and a proxy in front of them. */

import { openLog } from '../base/log.js';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeConfig } from '../catalog/config.js';
import { type ListenAddress, parseListenAddress } from '../catalog/listen-address.js';
import type { EmbeddedServer } from './embedded/server.js';
import { maximumConnections } from './embedded/settings.js';
import { type Shards, openShards } from './embedded/shards.js';
import { Failure, exitCode, messageOf } from './failure.js';
import { type Interrupt, aborted, watchInterrupt } from './interrupt.js';
import { Progress } from './progress.js';
import {
  type OpenProxy,
  connectionString,
  listeningAddress,
  openProxy,
  psqlCommand,
  requireFreeAddresses,
  trustWarning,
} from './proxy.js';

export interface DevOptions {
  readonly shards: number | undefined;
  readonly listen: string;
  readonly data: string;
  readonly ephemeral: boolean;
  readonly fast: boolean;
}

const DRAIN_MS = 5_000;
/** Connections to each server that are left to its superuser, to pgring itself, and to whoever looks at it directly. */
const SPARE_CONNECTIONS = 50;
const FIRST_RESTART_MS = 1_000;
const LAST_RESTART_MS = 30_000;

/** Runs until a signal comes; returns the exit code. */
export async function runDev(options: DevOptions): Promise<number> {
  const listen = readListen(options.listen);
  await requireFreeAddresses([listen]);
  using interrupt = watchInterrupt();
  const ending = new AbortController();
  let shards: Shards;
  try {
    shards = await startShards(options, interrupt, ending.signal);
  } catch (error) {
    if (!interrupt.stop.aborted) throw error;
    say('stopped while starting');
    return exitCode.success;
  }
  let proxy: OpenProxy | undefined;
  try {
    proxy = await startProxyBefore(shards, listen);
    announce(shards, listeningAddress(proxy.proxy, listen), options.ephemeral);
    await aborted(interrupt.stop);
    say('stopping (Ctrl-C again to hurry) …');
  } finally {
    ending.abort();
    await closeAll(shards, proxy, interrupt);
  }
  say('stopped');
  return exitCode.success;
}

function readListen(text: string): ListenAddress {
  const listen = parseListenAddress(text);
  if (listen !== undefined) return listen;
  throw new Failure(`--listen ${text} is no address`, {
    exitCode: exitCode.usage,
    hint: 'Give host:port, such as 127.0.0.1:6432 or *:6432, or the absolute folder of a Unix socket.',
  });
}

async function startShards(options: DevOptions, interrupt: Interrupt, ending: AbortSignal): Promise<Shards> {
  let progress: Progress | undefined;
  try {
    return await openShards({
      folder: options.ephemeral ? undefined : options.data,
      count: options.shards,
      fsync: !options.fast,
      abort: interrupt.stop,
      onPlan: ({ count, fresh, place }) => {
        const what = count === 1 ? 'one PostgreSQL server' : `${count} PostgreSQL servers`;
        say(`${fresh ? 'making and starting' : 'starting'} ${what} in ${place}`);
        progress = new Progress(
          process.stdout,
          Array.from({ length: count }, (_, index) => `shard${index + 1}`),
        );
      },
      progress: (server, state) => {
        const text = { starting: 'starting', ready: `ready on port ${server.port}`, failed: 'failed' }[state];
        progress?.update(server.name, state === 'ready' ? 'done' : state === 'failed' ? 'failed' : 'running', text);
      },
      onUnexpectedExit: (server) => {
        void restart(server, AbortSignal.any([interrupt.stop, ending]));
      },
    });
  } finally {
    progress?.close();
  }
}

async function startProxyBefore(shards: Shards, listen: ListenAddress): Promise<OpenProxy> {
  const config = makeConfig({
    source: 'pgring dev',
    listen: [listen],
    shards: shards.servers.map(({ name, host, port, socketDirectory }) => ({
      name,
      host: socketDirectory ?? host,
      port,
    })),
    control: { user: 'postgres', password: undefined, database: 'postgres' },
    limits: { serverConnectionsPerShard: maximumConnections - SPARE_CONNECTIONS },
    store: { kind: 'file', path: join(shards.folder, 'topology.json') },
  });
  return await openProxy(config, openLog(config.log.level, join(shards.folder, 'logs', 'proxy.log')));
}

function announce(shards: Shards, listen: ListenAddress, ephemeral: boolean): void {
  say(`pgring ready: ${connectionString(listen, 'postgres')}`);
  say(`  try: ${psqlCommand(listen, 'postgres')}`);
  const folder = relative(process.cwd(), shards.folder) || '.';
  say(
    ephemeral
      ? '  Ctrl-C stops it and removes its data.'
      : `  Ctrl-C stops it; the data stays in ${folder.startsWith('..') ? shards.folder : folder}.`,
  );
  const warning = trustWarning([listen]);
  if (warning !== undefined) say(`  ${warning}`);
}

/**
 * Starts a server again that crashed or was killed, later after each failure. One that was stopped properly, by
 * somebody's hand, stays down: that somebody wants it so.
 */
async function restart(server: EmbeddedServer, stop: AbortSignal): Promise<void> {
  if (server.lastExitCode === 0) {
    say(`${server.name} was stopped; pgring goes on without it`);
    return;
  }
  for (let waitMs = FIRST_RESTART_MS; !stop.aborted; waitMs = Math.min(waitMs * 2, LAST_RESTART_MS)) {
    say(`${server.name} ended unexpectedly; starting it again in ${waitMs / 1000} s`);
    try {
      await sleep(waitMs, undefined, { signal: stop });
      await server.start(stop);
      say(`${server.name} is back on port ${server.port}`);
      return;
    } catch (error) {
      if (!stop.aborted) say(`${server.name}: ${messageOf(error)}`);
    }
  }
}

async function closeAll(shards: Shards, proxy: OpenProxy | undefined, interrupt: Interrupt): Promise<void> {
  const hurried = aborted(interrupt.hurry).then(async () => {
    await proxy?.close(0);
    await shards.close({ hurry: true });
  });
  const orderly = async (): Promise<void> => {
    try {
      await proxy?.close(DRAIN_MS);
    } finally {
      await shards.close();
    }
  };
  await Promise.race([orderly(), hurried]);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
