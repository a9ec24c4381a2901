/** Four shards behind breakable networks, and several proxies as processes of their own, which can be killed and armed. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { faultPointVariable } from '../../base/fault-point.js';
import { startServers, type TestServer, type TestServers } from '../support/cluster.js';
import { temporaryFolder, type TemporaryFolder } from '../support/folder.js';
import { chooseFreePort } from '../support/ports.js';
import { startPgring, type PgringProcess } from '../support/process.js';
import { Relay } from './relay.js';

export const DATABASE = 'postgres';

interface StageOptions {
  readonly shards: number;
  readonly proxies: number;
  readonly fsync: boolean;
  /** More lines of `limits:`. */
  readonly limits?: Readonly<Record<string, number>>;
}

/** Short times, so that what a dead proxy left is soon taken up, and so that recoverers meet owners that live. */
const limits = {
  recovery_interval_ms: 300,
  abandoned_after_ms: 1000,
  commit_log_retention_ms: 4000,
  server_connections_per_shard: 100,
} as const;

export class ProxyProcess {
  readonly port: number;
  readonly #config: string;
  #process: PgringProcess | undefined;

  constructor(port: number, config: string) {
    this.port = port;
    this.#config = config;
  }

  /** `fault`: a value of PGRING_FAULT_POINT. */
  async start(fault?: string): Promise<void> {
    this.#process = await startPgring(['start', '--config', this.#config], {
      environment: fault === undefined ? {} : { [faultPointVariable]: fault },
    });
  }

  /** A fault that the proxy was armed with has come about. */
  get faulted(): boolean {
    return /^fault: /m.test(this.output);
  }

  get output(): string {
    return this.#process?.output() ?? '';
  }

  async kill(): Promise<void> {
    await this.#process?.stop('SIGKILL');
    this.#process = undefined;
  }

  async stop(): Promise<number | null | undefined> {
    return await this.#process?.stop();
  }
}

export interface Stage {
  readonly servers: readonly TestServer[];
  readonly relays: readonly Relay[];
  readonly proxies: readonly ProxyProcess[];
  close(): Promise<void>;
}

/** Starts all of it. Proxies reach the servers through the relays; the tests themselves go to the servers. */
export async function openStage(options: StageOptions): Promise<Stage> {
  const servers = await startServers({
    count: options.shards,
    fsync: options.fsync,
    settings: { max_connections: 300, max_prepared_transactions: 200 },
  });
  const folder = await temporaryFolder();
  const relays: Relay[] = [];
  for (const server of servers.servers) relays.push(await Relay.open(await chooseFreePort(), server));
  const proxies: ProxyProcess[] = [];
  for (let number = 0; number < options.proxies; number += 1) {
    const port = await chooseFreePort();
    const config = join(folder.path, `proxy${number}.yaml`);
    await writeFile(config, configFor(port, relays, { ...limits, ...options.limits }));
    proxies.push(new ProxyProcess(port, config));
  }
  // The first one makes the topology.
  for (const proxy of proxies) await proxy.start();
  return {
    servers: servers.servers,
    relays,
    proxies,
    close: async () => {
      await closeAll(servers, folder, relays, proxies);
    },
  };
}

function configFor(port: number, relays: readonly Relay[], chosen: Readonly<Record<string, number>>): string {
  const shards = relays.map((relay, index) => `  - {name: s${index}, host: 127.0.0.1, port: ${relay.port}}`);
  const lines = Object.entries(chosen).map(([name, value]) => `  ${name}: ${value}`);
  const access = 'authentication: {rules: [{type: host, method: trust}]}';
  return [
    `listen: ["127.0.0.1:${port}"]`,
    access,
    'shards:',
    ...shards,
    'limits:',
    ...lines,
    'log: {level: warn}',
    '',
  ].join('\n');
}

async function closeAll(
  servers: TestServers,
  folder: TemporaryFolder,
  relays: readonly Relay[],
  proxies: readonly ProxyProcess[],
): Promise<void> {
  await Promise.all(proxies.map(async (proxy) => await proxy.stop()));
  await Promise.all(relays.map(async (relay) => await relay.close()));
  await servers.close();
  folder[Symbol.dispose]();
}
