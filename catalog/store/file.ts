/**
 * The topology in a file, for proxies on one machine (or on a file system with an atomic link(2)).
 *
 * A compare-and-swap to epoch N writes the whole state to a temporary file and links that as `path.history/N.json`.
 * The link is the commit: it fails when another already made N, and it appears whole or not at all, so there is no
 * lock that a killed process could leave behind. The newest states are kept, more of them than others can plausibly
 * commit while one writer is stopped between its read and its link; if they do, that writer sees it and says that it
 * does not know. `path` itself is a copy for people and backups, replaced after each commit. What counts is the
 * highest epoch of all.
 */

import { watch as watchFolder, type FSWatcher } from 'node:fs';
import { link, mkdir, open, readFile, readdir, rename, stat, unlink } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path';
import { assert } from '../../base/assert.js';
import { PgError, sqlstate } from '../../base/errors.js';
import type { Topology } from '../topology.js';
import { decodeTopology, encodeTopology, findTopologyProblem } from '../topology-codec.js';
import { errorCode, errorMessage } from '../system-error.js';
import type { TopologyStore, TopologyWatch } from './store.js';
import { TopologyWatcher } from './watcher.js';

/** Folder events are lost on some file systems (network mounts, containers' volumes), so the watch also looks itself. */
const pollIntervalMs = 1000;
/** A temporary file of that age belongs to a process that was killed. */
const temporaryLifeMs = 60_000;
/** States kept in the history, the newest included. */
const keptStates = 16;

export class FileTopologyStore implements TopologyStore {
  readonly description: string;
  readonly #path: string;
  readonly #history: string;
  readonly #watches = new Set<TopologyWatch>();
  #closed = false;

  constructor(path: string) {
    this.#path = path;
    this.#history = `${path}.history`;
    this.description = path;
  }

  async read(signal?: AbortSignal): Promise<Topology | undefined> {
    this.#assertOpen();
    // A commit between listing and reading may remove what was listed; then there is a newer one to list.
    for (let attempt = 0; attempt < 100; attempt++) {
      signal?.throwIfAborted();
      const epochs = await this.#committedEpochs();
      const copy = await this.#readIfPresent(this.#path);
      const newest = epochs.at(-1);
      if (newest === undefined) return copy;
      const committed = await this.#readIfPresent(this.#committedPath(newest));
      if (committed === undefined) continue;
      return copy !== undefined && copy.epoch > committed.epoch ? copy : committed;
    }
    throw this.#failure('read', new Error('it changes faster than it can be read'));
  }

  async compareAndSwap(expectedEpoch: number, next: Topology): Promise<boolean> {
    assert(next.epoch === expectedEpoch + 1, 'the next epoch follows the expected one');
    const problem = findTopologyProblem(next);
    assert(problem === undefined, `a topology to be stored is whole: ${problem}`);
    const current = await this.read();
    if ((current?.epoch ?? 0) !== expectedEpoch) return false;
    const temporary = join(this.#history, `tmp-${randomUUID()}`);
    try {
      await mkdir(this.#history, { recursive: true });
      await syncFolder(dirname(this.#history));
      await writeDurably(temporary, `${encodeTopology(next)}\n`);
      if (!(await linkIfAbsent(temporary, this.#committedPath(next.epoch)))) return false;
      await syncFolder(this.#history);
      const epochs = await this.#committedEpochs();
      const newest = epochs.at(-1) ?? 0;
      // Only then may an older commit of this epoch have been cleaned away before the link.
      if (newest - next.epoch >= keptStates) throw new Error(`others reached epoch ${newest} meanwhile`);
      if (newest === next.epoch) await rename(temporary, this.#path);
      await this.#clean(epochs.filter((epoch) => newest - epoch >= keptStates));
      return true;
    } catch (error) {
      throw this.#failure('write', error);
    } finally {
      await unlinkIfPresent(temporary).catch(() => undefined);
    }
  }

  watch(listener: (topology: Topology) => void, onTrouble?: (error: PgError) => void): TopologyWatch {
    this.#assertOpen();
    const watcher = new TopologyWatcher(() => this.read(), listener, onTrouble);
    let events: FSWatcher | undefined;
    const listenToFolder = (): void => {
      if (events !== undefined) return;
      try {
        events = watchFolder(this.#history, { persistent: false }, () => {
          watcher.poke();
        });
        events.on('error', () => {
          events?.close();
          events = undefined;
        });
      } catch {
        // The folder does not exist yet: the poll below sees it come.
        events = undefined;
      }
    };
    listenToFolder();
    const timer = setInterval(() => {
      listenToFolder();
      watcher.poke();
    }, pollIntervalMs).unref();
    watcher.poke();
    const watch: TopologyWatch = {
      close: async () => {
        this.#watches.delete(watch);
        clearInterval(timer);
        events?.close();
        await watcher.close();
      },
    };
    this.#watches.add(watch);
    return watch;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#watches].map((watch) => watch.close()));
    this.#closed = true;
  }

  #committedPath(epoch: number): string {
    return join(this.#history, `${epoch}.json`);
  }

  /** Ascending. */
  async #committedEpochs(): Promise<readonly number[]> {
    const names = await this.#namesInHistory();
    return names
      .filter((name) => /^[1-9]\d{0,14}\.json$/.test(name))
      .map((name) => Number.parseInt(name, 10))
      .sort((left, right) => left - right);
  }

  async #namesInHistory(): Promise<readonly string[]> {
    try {
      return await readdir(this.#history);
    } catch (error) {
      if (isAbsent(error)) return [];
      throw this.#failure('read', error);
    }
  }

  async #readIfPresent(path: string): Promise<Topology | undefined> {
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw this.#failure('read', error);
    }
    return decodeTopology(text, path);
  }

  async #clean(epochs: readonly number[]): Promise<void> {
    for (const epoch of epochs) await unlinkIfPresent(this.#committedPath(epoch));
    for (const name of await this.#namesInHistory()) {
      if (!name.startsWith('tmp-')) continue;
      const path = join(this.#history, name);
      const written = await stat(path).catch(() => undefined);
      if (written !== undefined && Date.now() - written.mtimeMs > temporaryLifeMs) await unlinkIfPresent(path);
    }
  }

  #assertOpen(): void {
    assert(!this.#closed, 'the topology store is open');
  }

  #failure(verb: 'read' | 'write', cause: unknown): PgError {
    if (cause instanceof PgError) return cause;
    const reason = errorMessage(cause);
    return new PgError(sqlstate.configFileError, `could not ${verb} the topology in ${this.#path}: ${reason}`, {
      hint: 'The role that runs pgring needs to read and write this file and its folder (store.path in the configuration).',
    });
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o644);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function linkIfAbsent(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

async function unlinkIfPresent(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}

function isAbsent(error: unknown): boolean {
  return errorCode(error) === 'ENOENT';
}
