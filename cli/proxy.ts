/** Starts the proxy for a command, keeps it until a signal comes, and says so. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../base/log.js';
import type { Config, ListenAddress } from '../catalog/config.js';
import { parseListenAddress } from '../catalog/listen-address.js';
import { openTopologyStore } from '../catalog/store/open.js';
import { startProxy, type RunningProxy } from '../proxy/server.js';
import { isPortFree } from './embedded/ports.js';
import { Failure, exitCode, systemErrorCode } from './failure.js';

/** What a proxy may take beyond its time to drain. */
const CLOSE_MS = 2_000;

/** A proxy with the store that it reads. */
export interface OpenProxy {
  readonly proxy: RunningProxy;
  close(drainMs: number): Promise<void>;
}

/** Starts a proxy; a taken address is a Failure that says which and what to do. */
export async function openProxy(config: Config, log: Logger): Promise<OpenProxy> {
  const store = openTopologyStore(config);
  try {
    const proxy = await startProxy({ config, store, log });
    return {
      proxy,
      close: async (drainMs) => {
        // What does not end by itself ends with this process.
        await Promise.race([proxy.close(drainMs), sleep(drainMs + CLOSE_MS, undefined, { ref: false })]);
        await store.close();
      },
    };
  } catch (error) {
    await store.close();
    throw systemErrorCode(error) === 'EADDRINUSE' ? takenAddress(config.listen.map(formatAddress).join(', ')) : error;
  }
}

/** Looks before anything is started, so that a taken port costs a person no waiting. */
export async function requireFreeAddresses(addresses: readonly ListenAddress[]): Promise<void> {
  for (const address of addresses) {
    if (address.kind !== 'tcp' || address.port === 0 || (await isPortFree(address.port, address.host))) continue;
    throw takenAddress(formatAddress(address));
  }
}

/** Where the proxy listens: the first address of the configuration, with the port that the system chose for port 0. */
export function listeningAddress(proxy: RunningProxy, configured: ListenAddress): ListenAddress {
  const [first] = proxy.addresses;
  return (first === undefined ? undefined : parseListenAddress(first)) ?? configured;
}

/** `host:port`, with brackets where IPv6 needs them. */
function formatAddress(address: ListenAddress): string {
  if (address.kind === 'unix') return `${address.directory}:${address.port}`;
  return `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
}

/** What a client on this machine connects to. */
export function connectionString(address: ListenAddress, user: string): string {
  if (address.kind === 'unix') {
    return `postgresql://${user}@/postgres?host=${encodeURIComponent(address.directory)}&port=${address.port}`;
  }
  return `postgresql://${user}@${formatAddress({ ...address, host: reachable(address.host) })}/postgres`;
}

/** The same as options of psql. */
export function psqlCommand(address: ListenAddress, user: string): string {
  const host = address.kind === 'unix' ? address.directory : reachable(address.host);
  return `psql -h ${host} -p ${address.port} -U ${user}`;
}

/** What to say when others than this machine reach an address: clients are not asked who they are. */
export function trustWarning(addresses: readonly ListenAddress[]): string | undefined {
  const open = addresses.find((address) => address.kind === 'tcp' && !/^(?:127\.|::1$|localhost$)/.test(address.host));
  if (open === undefined) return undefined;
  return `Careful: pgring asks clients for no password, so whoever reaches ${formatAddress(open)} may be any role.`;
}

/** An address of every interface is no address to connect to. */
function reachable(host: string): string {
  return host === '::' || host === '0.0.0.0' ? '127.0.0.1' : host;
}

function takenAddress(address: string): Failure {
  const port = /\d+$/.exec(address)?.[0] ?? '';
  return new Failure(`${address} is taken: another program listens there already`, {
    exitCode: exitCode.taken,
    hint:
      `It may be another pgring. See which program: ss -ltnp 'sport = :${port}'\n` +
      'Or listen elsewhere: pgring dev --listen 127.0.0.1:6433 (pgring start: `listen` in the config)',
  });
}
