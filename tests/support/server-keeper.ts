/**
 * Keeps the servers that all integration tests share. It lives in Jest's own process and starts them when the first
 * test file asks, over a Unix socket, so that a run of unit tests alone starts none.
 */

import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type Server, type Socket, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestServers, startServers } from './cluster.js';
import { reapAtExit } from './reaper.js';
import type { SharedServers } from './shared-servers.js';

/** The environment variable that tells test files where the keeper listens. */
const keeperVariable = 'PGRING_TEST_SERVERS';

const SHARDS = 4;

let keeper: { readonly server: Server; readonly folder: string } | undefined;
let started: Promise<TestServers> | undefined;

/** Begins to listen for test files that ask for servers. */
export async function openKeeper(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'pgring-keeper-'));
  reapAtExit(folder);
  const path = join(folder, 'socket');
  const server = createServer((socket) => {
    void answer(socket);
  });
  server.unref();
  server.listen(path);
  await once(server, 'listening');
  keeper = { server, folder };
  process.env[keeperVariable] = path;
}

/** Stops the servers, if any test asked for them. */
export async function closeKeeper(): Promise<void> {
  keeper?.server.close();
  if (keeper !== undefined) await rm(keeper.folder, { recursive: true, force: true });
  const servers = await started?.catch(() => undefined);
  await servers?.close();
}

async function answer(socket: Socket): Promise<void> {
  // A test file that was interrupted closes its end early, which is no concern of the others.
  socket.on('error', () => socket.destroy());
  started ??= startServers({ count: SHARDS + 1 });
  try {
    const addresses = (await started).servers.map(({ host, port, socketDirectory }) => ({
      host,
      port,
      socketDirectory,
    }));
    const oracle = addresses[SHARDS];
    if (oracle === undefined) throw new Error('the oracle did not start');
    const reply: SharedServers = { shards: addresses.slice(0, SHARDS), oracle };
    socket.end(JSON.stringify(reply));
  } catch (error) {
    socket.end(JSON.stringify({ error: error instanceof Error ? error.stack : String(error) }));
  }
}
