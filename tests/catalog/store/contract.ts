/** What every topology store must do. */

import type { TopologyStore, TopologyWatch } from '../../../catalog/store/store.js';
import type { Topology } from '../../../catalog/topology.js';
import { makeTopology } from '../topologies.js';

/** Collects what a watch tells, and waits for it. */
export class Watcher {
  readonly seen: Topology[] = [];
  readonly troubles: string[] = [];
  readonly #watch: TopologyWatch;
  #wake: () => void = () => {};

  constructor(store: TopologyStore) {
    this.#watch = store.watch(
      (topology) => {
        this.seen.push(topology);
        this.#wake();
      },
      (error) => {
        this.troubles.push(error.message);
        this.#wake();
      },
    );
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async untilEpoch(epoch: number): Promise<void> {
    await this.until(() => (this.seen.at(-1)?.epoch ?? 0) >= epoch);
  }

  async close(): Promise<void> {
    await this.#watch.close();
  }
}

/** `open` opens another store on the same data; `clear` removes the data. */
export function describeStoreContract(open: () => TopologyStore, clear: () => Promise<void>): void {
  let store: TopologyStore;
  let other: TopologyStore;

  beforeEach(async () => {
    await clear();
    store = open();
    other = open();
  });

  afterEach(async () => {
    await store.close();
    await other.close();
  });

  describe('the contract of topology stores', () => {
    it('is empty at first', async () => {
      expect(await store.read()).toBeUndefined();
      expect(await store.compareAndSwap(1, makeTopology(2))).toBe(false);
      expect(await store.read()).toBeUndefined();
    });

    it('gives back what was stored, to others too, frozen', async () => {
      const first = makeTopology(1);
      expect(await store.compareAndSwap(0, first)).toBe(true);
      const read = await other.read();
      expect(read).toEqual(first);
      expect(Object.isFrozen(read)).toBe(true);
      expect(Object.isFrozen(read?.arcs)).toBe(true);
    });

    it('changes nothing when the epoch is another', async () => {
      expect(await store.compareAndSwap(0, makeTopology(1))).toBe(true);
      expect(await other.compareAndSwap(0, makeTopology(1, 9999))).toBe(false);
      expect(await other.compareAndSwap(2, makeTopology(3, 9999))).toBe(false);
      expect(await store.read()).toEqual(makeTopology(1));
      expect(await other.compareAndSwap(1, makeTopology(2, 9999))).toBe(true);
      expect(await store.read()).toEqual(makeTopology(2, 9999));
    });

    it('refuses a topology that is not whole, or not the next', async () => {
      await expect(store.compareAndSwap(0, makeTopology(2))).rejects.toMatchObject({ sqlstate: 'XX000' });
      await expect(store.compareAndSwap(0, { ...makeTopology(1), home: 77 })).rejects.toThrow('home');
      await expect(store.compareAndSwap(0, { ...makeTopology(1), arcs: [1] })).rejects.toThrow('arcs');
      expect(await store.read()).toBeUndefined();
    });

    it('lets exactly one of several writers win each epoch', async () => {
      for (let epoch = 1; epoch <= 25; epoch++) {
        const ports = [1, 2, 3, 4, 5, 6];
        const wins = await Promise.all(
          ports.map((port) => (port % 2 === 0 ? store : other).compareAndSwap(epoch - 1, makeTopology(epoch, port))),
        );
        expect(wins.filter(Boolean)).toHaveLength(1);
        expect(await store.read()).toEqual(makeTopology(epoch, ports[wins.indexOf(true)]));
      }
    });

    it('tells a watch the present state and then each newer one', async () => {
      await store.compareAndSwap(0, makeTopology(1));
      const watcher = new Watcher(other);
      await watcher.untilEpoch(1);
      for (let epoch = 2; epoch <= 5; epoch++) {
        expect(await store.compareAndSwap(epoch - 1, makeTopology(epoch, epoch))).toBe(true);
        await watcher.untilEpoch(epoch);
      }
      await watcher.close();
      expect(watcher.seen).toEqual([1, 2, 3, 4, 5].map((epoch) => makeTopology(epoch, epoch === 1 ? 5432 : epoch)));
      expect(watcher.troubles).toEqual([]);
    });

    it('tells a watch that began on an empty store, never an older state after a newer', async () => {
      const watcher = new Watcher(other);
      for (let epoch = 1; epoch <= 20; epoch++) await store.compareAndSwap(epoch - 1, makeTopology(epoch));
      await watcher.untilEpoch(20);
      await watcher.close();
      const epochs = watcher.seen.map((each) => each.epoch);
      expect(epochs).toEqual([...new Set(epochs)].sort((left, right) => left - right));
    });

    it('is silent after a watch was closed', async () => {
      const closed = new Watcher(other);
      const open = new Watcher(store);
      await closed.close();
      await store.compareAndSwap(0, makeTopology(1));
      await open.untilEpoch(1);
      await open.close();
      expect(closed.seen).toEqual([]);
    });

    it('stops a read whose signal is aborted', async () => {
      await expect(store.read(AbortSignal.abort())).rejects.toThrow('abort');
    });
  });
}
