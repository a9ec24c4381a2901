import { Redis } from 'ioredis';
import { RedisTopologyStore } from '../../../catalog/store/redis.js';
import { describeWithTools } from '../../support/requirement.js';
import { makeTopology } from '../topologies.js';
import { describeStoreContract, Watcher } from './contract.js';
import { makeRedisServer, type RedisServer } from './redis-server.js';

const password = 'opensesame';

describeWithTools(['redis-server'], 'RedisTopologyStore', () => {
  let server: RedisServer;
  let admin: Redis;

  const open = (timeoutMs = 5000) =>
    new RedisTopologyStore(`redis://:${password}@127.0.0.1:${server.port}`, 'test', timeoutMs);

  beforeAll(async () => {
    server = await makeRedisServer(password);
    await server.start();
    admin = new Redis({ port: server.port, password, disconnectTimeout: 100 });
    // The outages of the tests are no errors of this connection's.
    admin.on('error', () => {});
  });

  afterAll(async () => {
    admin.disconnect();
    await server.close();
  });

  const clear = async () => {
    await admin.flushall();
  };

  describeStoreContract(() => open(), clear);

  it('keeps clusters with different keys apart, and shows no password', async () => {
    await clear();
    const store = open();
    const other = new RedisTopologyStore(`redis://:${password}@127.0.0.1:${server.port}`, 'other', 5000);
    await store.compareAndSwap(0, makeTopology(1));
    expect(await other.read()).toBeUndefined();
    expect(store.description).toBe(`redis://127.0.0.1:${server.port} (key test:topology)`);
    await store.close();
    await other.close();
  });

  it('misses nothing that is committed while its subscription is broken', async () => {
    await clear();
    const store = open();
    const watched = open();
    const watcher = new Watcher(watched);
    for (let epoch = 1; epoch <= 10; epoch++) {
      // The commit comes before the watch can have subscribed again.
      await Promise.all([
        admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub'),
        store.compareAndSwap(epoch - 1, makeTopology(epoch)),
      ]);
      await watcher.untilEpoch(epoch);
    }
    await watcher.close();
    await store.close();
    await watched.close();
  });

  it('carries a swap out once, though its connection breaks before the answer', async () => {
    await clear();
    const store = open();
    for (let epoch = 1; epoch <= 20; epoch++) {
      const swap = store.compareAndSwap(epoch - 1, makeTopology(epoch));
      const kill = admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      expect(await swap).toBe(true);
      await kill;
    }
    expect((await store.read())?.epoch).toBe(20);
    await store.close();
  });

  it('says clearly and soon that Redis is down, and goes on when it is back', async () => {
    await clear();
    const store = open(1000);
    await store.compareAndSwap(0, makeTopology(1));
    const watcher = new Watcher(store);
    await watcher.untilEpoch(1);
    await server.kill();
    await expect(store.read()).rejects.toThrow(/could not read the topology in redis:\/\/127.*ECONNREFUSED/);
    await expect(store.compareAndSwap(1, makeTopology(2))).rejects.toMatchObject({ sqlstate: '08006' });
    await watcher.until(() => watcher.troubles.length > 0);
    await server.start();
    const writer = open();
    expect((await writer.read())?.epoch).toBe(1);
    expect(await writer.compareAndSwap(1, makeTopology(2, 7777))).toBe(true);
    await watcher.untilEpoch(2);
    expect(watcher.seen).toEqual([makeTopology(1), makeTopology(2, 7777)]);
    expect(watcher.troubles).toHaveLength(1);
    await watcher.close();
    await store.close();
    await writer.close();
  });

  it('says that the password is wrong', async () => {
    const store = new RedisTopologyStore(`redis://:wrong@127.0.0.1:${server.port}`, 'test', 2000);
    await expect(store.read()).rejects.toThrow(/could not read the topology in redis:\/\/127.*WRONGPASS/);
    await store.close();
  });

  it('closes at once while Redis is down', async () => {
    await server.kill();
    const store = open(30_000);
    const watcher = new Watcher(store);
    await expect(store.close()).resolves.toBeUndefined();
    await watcher.close();
    await server.start();
    // Sooner than the store's own limit of 30 seconds.
  }, 25_000);
});
