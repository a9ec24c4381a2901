/**
 * The topology in Redis, for proxies on several machines: one hash with the fields `epoch`, `topology` and `writer`,
 * and a channel of the same name on which each commit is announced.
 *
 * Redis acknowledges before its replicas have the data: for a failover that loses nothing use its own means
 * (`appendfsync always`, `min-replicas-to-write`), or the store with consensus.
 */

import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { assert } from '../../base/assert.js';
import { PgError, sqlstate } from '../../base/errors.js';
import type { Topology } from '../topology.js';
import { decodeTopology, encodeTopology, findTopologyProblem } from '../topology-codec.js';
import { errorMessage } from '../system-error.js';
import type { TopologyStore, TopologyWatch } from './store.js';
import { TopologyWatcher } from './watcher.js';

/**
 * The client sends a command again when its connection broke before the answer. The writer's token makes that safe:
 * a swap that was already carried out answers 1 again.
 */
const swapScript = `
if redis.call('HGET', KEYS[1], 'writer') == ARGV[2] then return 1 end
if (redis.call('HGET', KEYS[1], 'epoch') or '0') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'epoch', ARGV[3], 'topology', ARGV[4], 'writer', ARGV[2])
redis.call('PUBLISH', KEYS[1], ARGV[3])
return 1`;

/** An announcement can be lost with a connection that died unnoticed, so a watch also looks itself. */
const pollIntervalMs = 5000;
const longestReconnectDelayMs = 1000;

export class RedisTopologyStore implements TopologyStore {
  readonly description: string;
  readonly #key: string;
  readonly #timeoutMs: number;
  readonly #redis: Redis;
  readonly #watches = new Set<TopologyWatch>();
  /** ioredis leaves commands pending when it is disconnected between two attempts to connect. */
  readonly #closing = new AbortController();
  #lastError: string | undefined;

  constructor(url: string, key: string, timeoutMs: number) {
    this.#key = `${key}:topology`;
    this.#timeoutMs = timeoutMs;
    this.description = `${withoutSecret(url)} (key ${this.#key})`;
    this.#redis = new Redis(url, {
      lazyConnect: true,
      connectTimeout: timeoutMs,
      // A command that found no connection in so many attempts fails; it does not run minutes later.
      maxRetriesPerRequest: 5,
      autoResubscribe: false,
      disconnectTimeout: 250,
      keepAlive: 10_000,
      connectionName: 'pgring',
      retryStrategy: (attempt) => Math.min(25 * 2 ** Math.min(attempt, 10), longestReconnectDelayMs),
    });
    this.#rememberErrors(this.#redis);
  }

  async read(signal?: AbortSignal): Promise<Topology | undefined> {
    signal?.throwIfAborted();
    const text = await this.#bounded('read', () => this.#redis.hget(this.#key, 'topology'), signal);
    return text === null ? undefined : decodeTopology(text, this.description);
  }

  async compareAndSwap(expectedEpoch: number, next: Topology): Promise<boolean> {
    assert(next.epoch === expectedEpoch + 1, 'the next epoch follows the expected one');
    const problem = findTopologyProblem(next);
    assert(problem === undefined, `a topology to be stored is whole: ${problem}`);
    const writer = randomUUID();
    const answer = await this.#bounded('write', () =>
      this.#redis.eval(
        swapScript,
        1,
        this.#key,
        String(expectedEpoch),
        writer,
        String(next.epoch),
        encodeTopology(next),
      ),
    );
    return answer === 1;
  }

  watch(listener: (topology: Topology) => void, onTrouble?: (error: PgError) => void): TopologyWatch {
    const watcher = new TopologyWatcher(() => this.read(), listener, onTrouble);
    const subscriber = this.#redis.duplicate({ maxRetriesPerRequest: null });
    this.#rememberErrors(subscriber);
    // Subscribed first, read then: what is committed between the two is announced.
    const subscribe = async (): Promise<void> => {
      try {
        await subscriber.subscribe(this.#key);
      } catch (error) {
        this.#lastError = errorMessage(error);
      }
      watcher.poke();
    };
    subscriber.on('ready', () => void subscribe());
    subscriber.on('message', () => {
      watcher.poke();
    });
    subscriber.connect().catch((error: unknown) => {
      this.#lastError = errorMessage(error);
    });
    const timer = setInterval(() => {
      watcher.poke();
    }, pollIntervalMs).unref();
    watcher.poke();
    const watch: TopologyWatch = {
      close: async () => {
        this.#watches.delete(watch);
        clearInterval(timer);
        subscriber.disconnect();
        await watcher.close();
      },
    };
    this.#watches.add(watch);
    return watch;
  }

  async close(): Promise<void> {
    const watches = [...this.#watches].map((watch) => watch.close());
    this.#closing.abort(new Error('the store was closed'));
    this.#redis.disconnect();
    await Promise.all(watches);
  }

  /** ioredis throws an `error` event away only if somebody listens. */
  #rememberErrors(redis: Redis): void {
    redis.on('error', (error: Error) => {
      this.#lastError = errorMessage(error);
    });
    redis.on('ready', () => {
      this.#lastError = undefined;
    });
  }

  async #bounded<T>(verb: 'read' | 'write', run: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const bounds = [this.#closing.signal, ...(signal === undefined ? [] : [signal])];
    const timer = new AbortController();
    const timeout = setTimeout(() => {
      timer.abort(new Error(`no answer within ${this.#timeoutMs} ms`));
    }, this.#timeoutMs);
    const bound = AbortSignal.any([...bounds, timer.signal]);
    try {
      return await Promise.race([run(), rejection(bound)]);
    } catch (error) {
      if (signal?.aborted === true) throw error;
      throw this.#failure(verb, error);
    } finally {
      clearTimeout(timeout);
      // The listener on it goes with it.
      timer.abort();
    }
  }

  #failure(verb: 'read' | 'write', cause: unknown): PgError {
    const reason = errorMessage(cause);
    const connection = this.#lastError === undefined ? '' : ` (last connection error: ${this.#lastError})`;
    return new PgError(
      sqlstate.connectionFailure,
      `could not ${verb} the topology in ${this.description}: ${reason}${connection}`,
      { hint: 'Check that Redis runs at the address in store.url and accepts its password.' },
    );
  }
}

/** Rejects with the signal's reason once it is aborted. */
async function rejection(signal: AbortSignal): Promise<never> {
  return await new Promise<never>((_resolve, reject) => {
    const abort = (): void => {
      reject(signal.reason);
    };
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}

function withoutSecret(url: string): string {
  return url.replace(/^(\w+:\/\/)(?:[^@/]*@)/, '$1');
}
