/** One PostgreSQL server: started as a child of ours, watched, and stopped. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, rm, writeFile } from 'node:fs/promises';
import { join, parse } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure, exitCode, messageOf } from '../failure.js';
import { type Account, identityOf } from './account.js';
import type { Binaries } from './binaries.js';
import { serverEnvironment } from './initialize.js';
import { isPortFree } from './ports.js';
import { childrenOf, isPostmasterOf, isRunning, readPostmasterFile, signal, waitForExit } from './postmaster.js';
import { type Settings, configurationFile, socketDirectoryOf } from './settings.js';

interface ServerOptions {
  readonly name: string;
  readonly binaries: Binaries;
  readonly account: Account | undefined;
  /** Made by initializeFolders(). */
  readonly dataFolder: string;
  /** Written at each start; in a folder that the account may enter but not write. */
  readonly configFile: string;
  readonly logFile: string;
  readonly port: number;
  readonly fsync: boolean;
  readonly settings?: Settings;
  /** Called when the port is taken, before the server's first successful start. Without it that is a failure. */
  readonly choosePort?: () => Promise<number>;
  /** Called when the server ends without having been told to. */
  readonly onUnexpectedExit?: (server: EmbeddedServer) => void;
}

const START_TIMEOUT_MS = 60_000;
const FAST_STOP_TIMEOUT_MS = 15_000;
const IMMEDIATE_STOP_TIMEOUT_MS = 5_000;
const POLL_MS = 15;
const PORT_ATTEMPTS = 8;
/** Processes of a killed postmaster need a moment to notice, and hold the shared memory until then. */
const SHARED_MEMORY_ATTEMPTS = 20;
const SHARED_MEMORY_WAIT_MS = 100;

type Attempt = { readonly kind: 'ready' } | { readonly kind: 'exited'; readonly log: string };

/** A server and its process; it can be started again after it stopped or was killed. */
export class EmbeddedServer {
  readonly host = '127.0.0.1';
  readonly options: ServerOptions;
  #port: number;
  #process: ChildProcess | undefined;
  #mayMove = true;
  #stopping: Promise<void> | undefined;
  #lastExitCode: number | null | undefined;

  constructor(options: ServerOptions) {
    this.options = options;
    this.#port = options.port;
  }

  get name(): string {
    return this.options.name;
  }

  get dataFolder(): string {
    return this.options.dataFolder;
  }

  /** Where it listens; can differ from the options' port when that was taken at the first start. */
  get port(): number {
    return this.#port;
  }

  /** The folder of its Unix socket, if it has one. */
  get socketDirectory(): string | undefined {
    return socketDirectoryOf(this.dataFolder, this.#port);
  }

  /** The postmaster's process number while it runs. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** How the process ended that ran last: null by a signal, 0 after a proper shutdown; undefined before any end. */
  get lastExitCode(): number | null | undefined {
    return this.#lastExitCode;
  }

  /** Starts the server and returns when it accepts connections. Whatever fails, no process is left. */
  async start(abort?: AbortSignal): Promise<void> {
    if (this.#process !== undefined) throw new Failure(`${this.name} runs already`);
    await stopLeftover(this.dataFolder);
    let portAttempts = 0;
    let memoryAttempts = 0;
    for (;;) {
      abort?.throwIfAborted();
      if (await isPortFree(this.#port)) {
        const attempt = await this.#attempt(abort);
        if (attempt.kind === 'ready') {
          this.#mayMove = false;
          return;
        }
        if (/shared memory block .* is still in use/.test(attempt.log) && memoryAttempts < SHARED_MEMORY_ATTEMPTS) {
          memoryAttempts += 1;
          await sleep(SHARED_MEMORY_WAIT_MS, undefined, { signal: abort });
          continue;
        }
        if (!/could not bind .*: Address already in use/.test(attempt.log)) throw this.#startFailure(attempt.log);
      }
      portAttempts += 1;
      await this.#move(portAttempts);
    }
  }

  /**
   * Stops the server: fast (PostgreSQL's own term: sessions are ended, data is flushed), and when that takes too long,
   * or at once when told to hurry, immediate (recovers at the next start). Calls may overlap.
   */
  async stop(options: { hurry?: boolean } = {}): Promise<void> {
    const child = this.#process;
    if (child?.pid === undefined) return;
    if (options.hurry === true) signal(child.pid, 'SIGQUIT');
    this.#stopping ??= this.#stop(child, child.pid);
    await this.#stopping;
  }

  /** Ends the postmaster and all its processes by SIGKILL, as a crash of the machine would. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child?.pid === undefined) return;
    this.#process = undefined;
    // Stopped first, so that it cannot start a process between the look and the kill.
    signal(child.pid, 'SIGSTOP');
    const processes = await childrenOf(child.pid);
    const exited = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
    for (const pid of [child.pid, ...processes]) signal(pid, 'SIGKILL');
    await exited;
    await Promise.all(processes.map(async (pid) => await waitForExit(pid, IMMEDIATE_STOP_TIMEOUT_MS)));
  }

  async #attempt(abort: AbortSignal | undefined): Promise<Attempt> {
    const { options } = this;
    const configuration = configurationFile({
      name: options.name,
      dataFolder: options.dataFolder,
      port: this.#port,
      socketDirectory: this.socketDirectory,
      fsync: options.fsync,
      more: options.settings ?? {},
    });
    await rm(options.configFile, { force: true });
    await writeFile(options.configFile, configuration, { mode: 0o644, flag: 'wx' });
    const log = await open(options.logFile, 'a+');
    try {
      const logStart = (await log.stat()).size;
      const postgres = join(options.binaries.folder, 'postgres');
      // A session of its own keeps the terminal's Ctrl-C away from it: clients drain first, then it is stopped.
      const child = spawn(postgres, ['-D', options.dataFolder, '-c', `config_file=${options.configFile}`], {
        ...identityOf(options.account),
        cwd: parse(options.dataFolder).root,
        env: serverEnvironment(),
        stdio: ['ignore', log.fd, log.fd],
        detached: true,
      });
      await this.#spawned(child, postgres);
      this.#process = child;
      child.once('exit', () => {
        this.#exited(child);
      });
      if (await this.#isReady(child, abort)) return { kind: 'ready' };
      const size = (await log.stat()).size;
      const text = Buffer.alloc(size - logStart);
      await log.read(text, 0, text.length, logStart);
      return { kind: 'exited', log: text.toString('utf8') };
    } catch (error) {
      await this.kill();
      throw error;
    } finally {
      await log.close();
    }
  }

  async #spawned(child: ChildProcess, program: string): Promise<void> {
    try {
      await once(child, 'spawn');
    } catch (error) {
      throw new Failure(`${program} could not be started`, {
        exitCode: exitCode.server,
        detail: messageOf(error),
        cause: error,
      });
    }
  }

  /** Waits for the word `ready` in postmaster.pid, as pg_ctl does; false when the process ended first. */
  async #isReady(child: ChildProcess, abort: AbortSignal | undefined): Promise<boolean> {
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (this.#process === child) {
      const file = await readPostmasterFile(this.dataFolder);
      if (file?.pid === child.pid && (file?.status === 'ready' || file?.status === 'standby')) return true;
      if (abort?.aborted === true || performance.now() > deadline) {
        await this.stop({ hurry: true });
        abort?.throwIfAborted();
        throw new Failure(`${this.name} did not accept connections within ${START_TIMEOUT_MS / 1000} seconds`, {
          exitCode: exitCode.server,
          hint: `Its log: ${this.options.logFile}`,
        });
      }
      await sleep(POLL_MS);
    }
    return false;
  }

  #exited(child: ChildProcess): void {
    if (this.#process !== child) return;
    this.#process = undefined;
    this.#lastExitCode = child.exitCode;
    if (this.#stopping === undefined && !this.#mayMove) this.options.onUnexpectedExit?.(this);
  }

  async #stop(child: ChildProcess, pid: number): Promise<void> {
    try {
      const exited = once(child, 'exit');
      signal(pid, 'SIGINT');
      if (await endsWithin(exited, FAST_STOP_TIMEOUT_MS)) return;
      signal(pid, 'SIGQUIT');
      if (await endsWithin(exited, IMMEDIATE_STOP_TIMEOUT_MS)) return;
      await this.kill();
    } finally {
      this.#stopping = undefined;
    }
  }

  async #move(attempts: number): Promise<void> {
    const { choosePort } = this.options;
    if (!this.#mayMove || choosePort === undefined || attempts > PORT_ATTEMPTS) {
      throw new Failure(`port ${this.#port} for ${this.name} is taken by another program`, {
        exitCode: exitCode.taken,
        hint: `See which: ss -ltnp 'sport = :${this.#port}'`,
      });
    }
    this.#port = await choosePort();
  }

  #startFailure(log: string): Failure {
    const said = log.split('\n').filter((line) => /FATAL|PANIC|ERROR|HINT|DETAIL|error while loading/.test(line));
    return new Failure(`${this.name} did not start`, {
      exitCode: exitCode.server,
      detail: (said.length > 0 ? said : log.trim().split('\n').slice(-5)).join('\n'),
      hint: `Its log: ${this.options.logFile}`,
    });
  }
}

async function endsWithin(exited: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  const timer = new AbortController();
  try {
    return await Promise.race([
      exited.then(() => true),
      sleep(timeoutMs, false, { signal: timer.signal }).catch(() => false),
    ]);
  } finally {
    timer.abort();
  }
}

/**
 * Ends a postmaster that a killed pgring left behind in the folder, and removes a postmaster.pid whose process number
 * now belongs to somebody else (PostgreSQL itself would refuse to start then).
 */
export async function stopLeftover(dataFolder: string): Promise<boolean> {
  const file = await readPostmasterFile(dataFolder);
  if (file === undefined || !isRunning(file.pid)) return false;
  if (await isPostmasterOf(file.pid, dataFolder)) {
    signal(file.pid, 'SIGINT');
    if (await waitForExit(file.pid, FAST_STOP_TIMEOUT_MS)) return true;
    signal(file.pid, 'SIGQUIT');
    if (await waitForExit(file.pid, IMMEDIATE_STOP_TIMEOUT_MS)) return true;
    throw new Failure(`a PostgreSQL server left in ${dataFolder} does not stop (process ${file.pid})`, {
      exitCode: exitCode.taken,
      hint: `Stop it yourself: kill -9 ${file.pid}`,
    });
  }
  if (process.platform === 'linux') {
    await rm(join(dataFolder, 'postmaster.pid'), { force: true });
    return false;
  }
  throw new Failure(`${dataFolder} names a running server (process ${file.pid}), and it is not certain whose it is`, {
    exitCode: exitCode.taken,
    hint: `Look: ps -p ${file.pid}. If it is no PostgreSQL server, remove ${join(dataFolder, 'postmaster.pid')}.`,
  });
}
