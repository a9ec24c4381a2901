/** Real PostgreSQL servers for tests: the embedded PostgreSQL 18, or Debian's 15 where a test or the environment asks. */

import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serverAccount } from '../../cli/embedded/account.js';
import { binariesIn, embeddedBinaries } from '../../cli/embedded/binaries.js';
import { startServers as startAll, stopServers } from '../../cli/embedded/cluster.js';
import { initializeFolders } from '../../cli/embedded/initialize.js';
import { EmbeddedServer } from '../../cli/embedded/server.js';
import type { Settings } from '../../cli/embedded/settings.js';
import { chooseFreePort } from './ports.js';
import { reapAtExit } from './reaper.js';

export type MajorVersion = 15 | 18;

export interface TestServer {
  readonly host: string;
  readonly port: number;
  /** The folder of the Unix socket, to be used as a host. */
  readonly socketDirectory: string;
  readonly dataFolder: string;
  /** Stops the server properly (fast shutdown). */
  stop(): Promise<void>;
  /** Kills the postmaster and all its processes with SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again on the same port. */
  start(): Promise<void>;
}

export interface TestServers {
  readonly servers: readonly TestServer[];
  /** Stops the servers and removes their data. */
  close(): Promise<void>;
}

interface TestServerOptions {
  readonly count: number;
  /** Off unless a test needs it. */
  readonly fsync?: boolean;
  readonly majorVersion?: MajorVersion;
  /** More settings, for all servers. */
  readonly settings?: Settings;
}

/** The major version that this run is about: PGRING_TEST_MAJOR=15 selects Debian's, the default is the embedded one. */
export function testedMajorVersion(): MajorVersion {
  return process.env['PGRING_TEST_MAJOR'] === '15' ? 15 : 18;
}

/** Starts servers of the caller's own, with trust authentication and the superuser `postgres`. */
export async function startServers(options: TestServerOptions): Promise<TestServers> {
  const account = serverAccount();
  const majorVersion = options.majorVersion ?? testedMajorVersion();
  const binaries = await (majorVersion === 18
    ? embeddedBinaries(account)
    : binariesIn(`/usr/lib/postgresql/${majorVersion}/bin`, account));
  const folder = await mkdtemp(join(tmpdir(), 'pgring-test-'));
  reapAtExit(folder);
  await chmod(folder, 0o755);
  const numbers = Array.from({ length: options.count }, (_, index) => index);
  const dataFolder = (index: number): string => join(folder, String(index));
  const fsync = options.fsync ?? false;
  await initializeFolders(numbers.map(dataFolder), { binaries, account, fsync });
  await mkdir(join(folder, 'log'));
  const servers: EmbeddedServer[] = [];
  for (const index of numbers) {
    servers.push(
      new EmbeddedServer({
        name: `test server ${index}`,
        binaries,
        account,
        dataFolder: dataFolder(index),
        configFile: join(folder, `${index}.conf`),
        logFile: join(folder, 'log', `${index}.log`),
        port: await chooseFreePort(),
        fsync,
        settings: { shared_buffers: '32MB', ...options.settings },
        choosePort: chooseFreePort,
      }),
    );
  }
  await startAll(servers);
  return {
    servers: servers.map(asTestServer),
    close: async () => {
      await stopServers(servers, { hurry: true });
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function asTestServer(server: EmbeddedServer): TestServer {
  return {
    host: server.host,
    get port() {
      return server.port;
    },
    get socketDirectory() {
      return server.socketDirectory ?? server.host;
    },
    dataFolder: server.dataFolder,
    stop: async () => {
      await server.stop();
    },
    kill: async () => {
      await server.kill();
    },
    start: async () => {
      await server.start();
    },
  };
}
