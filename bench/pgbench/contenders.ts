/** What the same clients are sent to: PostgreSQL itself, PgBouncer before it, pgring before several servers. */

import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, chownSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identityOf, serverAccount } from '../../cli/embedded/account.js';
import type { TestServer } from '../../tests/support/cluster.js';
import { temporaryFolder } from '../../tests/support/folder.js';
import { chooseFreePort } from '../../tests/support/ports.js';
import { exitOf, runProgram } from '../../tests/support/program.js';
import { startProxyProcess } from '../support/proxy-process.js';
import type { Protocol } from './workloads.js';

export interface Contender {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** The process between the clients and the servers; undefined where there is none. */
  readonly pid: number | undefined;
  /** Whether pgbench may be run with it in that query mode. */
  speaks(protocol: Protocol): boolean;
  close(): Promise<void>;
}

/** PgBouncer's and pgring's connections to one server. */
const SERVER_CONNECTIONS = 20;
const CLIENTS = 2_000;
const HOST = '127.0.0.1';
const LISTENS_WITHIN_MS = 5_000;

export function direct(server: TestServer): Contender {
  return {
    name: 'PostgreSQL',
    host: server.host,
    port: server.port,
    pid: undefined,
    speaks: () => true,
    close: async () => {},
  };
}

export async function pgring(servers: readonly TestServer[], clients = CLIENTS): Promise<Contender> {
  const limits = { server_connections_per_shard: SERVER_CONNECTIONS, clients };
  const proxy = await startProxyProcess(servers, { config: { limits } });
  const { host, port, pid } = proxy;
  return { name: 'pgring', host, port, pid, speaks: () => true, close: async () => await proxy.close() };
}

/** `program`: which PgBouncer; its version becomes part of the name. */
export async function pgbouncer(program: string, server: TestServer, clients = CLIENTS): Promise<Contender> {
  const { stdout } = await runProgram(program, ['--version']);
  const version = /PgBouncer (\S+)/.exec(stdout)?.[1] ?? '?';
  const folder = await temporaryFolder();
  const port = await chooseFreePort();
  const configFile = join(folder.path, 'pgbouncer.ini');
  writeFileSync(configFile, configFor(server, port, version, clients));
  // PgBouncer does not run as root.
  const account = serverAccount();
  if (account !== undefined) {
    chmodSync(folder.path, 0o755);
    chownSync(configFile, account.uid, account.gid);
  }
  const child = spawn(program, ['-q', configFile], { stdio: ['ignore', 'ignore', 'inherit'], ...identityOf(account) });
  await listens(child, port);
  return {
    name: `PgBouncer ${version}`,
    host: HOST,
    port,
    pid: child.pid,
    speaks: (protocol) => protocol !== 'prepared' || keepsPreparedStatements(version),
    close: async () => {
      child.kill('SIGTERM');
      await exitOf(child);
      folder[Symbol.dispose]();
    },
  };
}

/** Since PgBouncer 1.21 (its changelog: "Add support for protocol-level named prepared statements"). */
function keepsPreparedStatements(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 1 || minor >= 21;
}

function configFor(server: TestServer, port: number, version: string, clients: number): string {
  return [
    '[databases]',
    `* = host=${server.host} port=${server.port} user=postgres`,
    '[pgbouncer]',
    `listen_addr = ${HOST}`,
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'auth_type = any',
    'pool_mode = transaction',
    ...(keepsPreparedStatements(version) ? ['max_prepared_statements = 200'] : []),
    `default_pool_size = ${SERVER_CONNECTIONS}`,
    `max_client_conn = ${clients}`,
    'log_connections = 0',
    'log_disconnections = 0',
    '',
  ].join('\n');
}

async function listens(child: ChildProcess, port: number): Promise<void> {
  const deadline = performance.now() + LISTENS_WITHIN_MS;
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`PgBouncer ended with ${child.exitCode}`);
    if (performance.now() > deadline) throw new Error(`PgBouncer does not listen on port ${port}`);
    await sleep(20);
  }
}

async function accepts(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ host: HOST, port }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}
