/** The servers of `pgring dev`: a data folder, locked, with as many servers as it was made with, all running. */

import { chmod, lstat, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Failure, exitCode, systemErrorCode } from '../failure.js';
import { type Account, serverAccount } from './account.js';
import { type Binaries, embeddedBinaries } from './binaries.js';
import { type ServerProgress, startServers, stopServers } from './cluster.js';
import { initializeFolders } from './initialize.js';
import { type FolderLock, isLocked, lockFolder } from './lock.js';
import { openPlace, removePlace } from './place.js';
import { freePort, shardPorts } from './ports.js';
import { signal } from './postmaster.js';
import { type FolderRecord, readRecord, writeRecord } from './record.js';
import { EmbeddedServer, stopLeftover } from './server.js';

interface ShardsOptions {
  /** pgring's data folder; undefined for one that is removed at the end. */
  readonly folder: string | undefined;
  /** Undefined: as many as the folder has, or DEFAULT_COUNT. */
  readonly count: number | undefined;
  /** False is for tests: a crash of the machine can then lose everything. */
  readonly fsync: boolean;
  /** The base of places that the servers' account may enter; for tests. */
  readonly sharedFolder?: string;
  readonly abort?: AbortSignal;
  /** Called once, before the first server is initialised or started. */
  readonly onPlan?: (plan: { readonly count: number; readonly fresh: boolean; readonly place: string }) => void;
  readonly progress?: ServerProgress;
  readonly onUnexpectedExit?: (server: EmbeddedServer) => void;
}

export interface Shards {
  readonly folder: string;
  readonly servers: readonly EmbeddedServer[];
  /** Stops all servers and gives the folder free. A second call may hurry the first. */
  close(options?: { readonly hurry?: boolean }): Promise<void>;
}

const DEFAULT_COUNT = 3;
const TEMPORARY = 'pgring-ephemeral-';

/** Opens the folder and starts its servers. When it fails, nothing is left running and the folder is free. */
export async function openShards(options: ShardsOptions): Promise<Shards> {
  const account = serverAccount();
  const binaries = await embeddedBinaries(
    account,
    options.sharedFolder === undefined ? {} : { sharedFolder: options.sharedFolder },
  );
  const ephemeral = options.folder === undefined;
  if (ephemeral) await removeAbandoned();
  const folder = ephemeral ? await mkdtemp(join(tmpdir(), TEMPORARY)) : resolve(options.folder ?? '');
  if (ephemeral) await chmod(folder, 0o755);
  else await mkdir(folder, { recursive: true });
  const lock = await lockFolder(folder, join(folder, 'lock'));
  const servers: EmbeddedServer[] = [];
  // If this process dies of an error, its servers end with it: no close() is called then.
  const signalAll = (): void => {
    for (const { pid } of servers) if (pid !== undefined) signal(pid, 'SIGINT');
  };
  process.once('exit', signalAll);
  const close: Shards['close'] = async ({ hurry = false } = {}) => {
    await closeAll(servers, hurry);
    process.off('exit', signalAll);
    await free(folder, ephemeral, lock);
  };
  try {
    await startAll(folder, servers, { ...options, account, binaries });
  } catch (error) {
    await close({ hurry: true });
    throw error;
  }
  return { folder, servers, close };
}

interface Tools {
  readonly account: Account | undefined;
  readonly binaries: Binaries;
}

async function startAll(folder: string, servers: EmbeddedServer[], options: ShardsOptions & Tools): Promise<void> {
  const { account, binaries, fsync } = options;
  const recordFile = join(folder, 'servers.json');
  const record = await readRecord(recordFile);
  requireSame(folder, record, options);
  const count = options.count ?? record?.ports.length ?? DEFAULT_COUNT;
  const place = await openPlace(folder, account, options.sharedFolder);
  const logs = join(folder, 'logs');
  await mkdir(logs, { recursive: true });
  options.onPlan?.({ count, fresh: record === undefined, place });
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  const dataFolder = (number: number): string => join(place, String(number));
  await initializeFolders(numbers.map(dataFolder), { binaries, account, fsync });

  const taken = new Set(record?.ports);
  const choosePort = async (): Promise<number> => {
    const port = await freePort(shardPorts, taken);
    taken.add(port);
    return port;
  };
  for (const number of numbers) {
    servers.push(
      new EmbeddedServer({
        name: `shard${number}`,
        binaries,
        account,
        dataFolder: dataFolder(number),
        configFile: join(place, `${number}.conf`),
        logFile: join(logs, `shard${number}.log`),
        port: record?.ports[number - 1] ?? (await choosePort()),
        fsync,
        choosePort,
        ...(options.onUnexpectedExit === undefined ? {} : { onUnexpectedExit: options.onUnexpectedExit }),
      }),
    );
  }
  options.abort?.throwIfAborted();
  await startServers(servers, {
    ...(options.progress === undefined ? {} : { progress: options.progress }),
    ...(options.abort === undefined ? {} : { abort: options.abort }),
  });
  await writeRecord(recordFile, {
    postgresql: binaries.majorVersion,
    ports: servers.map((server) => server.port),
  });
}

function requireSame(folder: string, record: FolderRecord | undefined, options: ShardsOptions & Tools): void {
  if (record === undefined) return;
  const has = record.ports.length;
  if (options.count !== undefined && options.count !== has) {
    throw new Failure(
      `the data folder ${folder} was made with ${plural(has)}, and --shards ${options.count} was asked`,
      {
        exitCode: exitCode.usage,
        hint:
          `Keep its data: pgring dev --shards ${has}\n` +
          `Or begin with empty servers in another folder: pgring dev --shards ${options.count} --data <folder>`,
      },
    );
  }
  if (record.postgresql !== options.binaries.majorVersion) {
    throw new Failure(
      `the data folder ${folder} was made by PostgreSQL ${record.postgresql}, ` +
        `and this pgring brings PostgreSQL ${options.binaries.majorVersion}`,
      {
        exitCode: exitCode.server,
        hint: 'Dump it with the pgring that made it (pg_dump), or begin in another folder: pgring dev --data <folder>',
      },
    );
  }
}

function plural(count: number): string {
  return count === 1 ? '1 shard' : `${count} shards`;
}

async function closeAll(servers: readonly EmbeddedServer[], hurry: boolean): Promise<void> {
  await stopServers(servers, { hurry });
  // A person may have stopped one and started it again by hand.
  for (const server of servers) await stopLeftover(server.dataFolder);
}

async function free(folder: string, ephemeral: boolean, lock: FolderLock): Promise<void> {
  if (ephemeral) {
    await removePlace(folder);
    await rm(folder, { recursive: true, force: true });
  } else {
    await lock.release();
  }
}

/** Ends and removes what an ephemeral pgring of ours left behind when it was killed. */
async function removeAbandoned(): Promise<void> {
  for (const entry of await readdir(tmpdir(), { withFileTypes: true })) {
    const folder = join(tmpdir(), entry.name);
    if (!entry.name.startsWith(TEMPORARY) || !entry.isDirectory() || !(await isAbandoned(folder))) continue;
    const shards = join(folder, 'shards');
    for (const name of await readdir(shards).catch(() => [])) {
      if (/^\d+$/.test(name)) await stopLeftover(join(shards, name));
    }
    await removePlace(folder);
    await rm(folder, { recursive: true, force: true });
  }
}

async function isAbandoned(folder: string): Promise<boolean> {
  const lock = join(folder, 'lock');
  try {
    const owner = (await lstat(folder)).uid;
    return (await lstat(lock)).uid === owner && owner === process.getuid?.() && !(await isLocked(lock));
  } catch (error) {
    // Its pgring is removing it, or has not locked it yet.
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
