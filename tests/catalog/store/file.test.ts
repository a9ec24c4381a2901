import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FileTopologyStore } from '../../../catalog/store/file.js';
import { decodeTopology, encodeTopology } from '../../../catalog/topology-codec.js';
import { makeTopology } from '../topologies.js';
import { describeStoreContract, Watcher } from './contract.js';

let folder: string;
let path: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pgring-file-store-'));
  path = join(folder, 'sub folder', 'pgring.topology.json');
});

async function clear(): Promise<void> {
  await rm(join(folder, 'sub folder'), { recursive: true, force: true });
}

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('FileTopologyStore', () => {
  describeStoreContract(() => new FileTopologyStore(path), clear);

  it('keeps a whole copy at the configured path, and no more than 16 states', async () => {
    await clear();
    const store = new FileTopologyStore(path);
    for (let epoch = 1; epoch <= 40; epoch++) await store.compareAndSwap(epoch - 1, makeTopology(epoch));
    expect(decodeTopology(await readFile(path, 'utf8'), path)).toEqual(makeTopology(40));
    expect((await readdir(`${path}.history`)).sort()).toEqual(
      Array.from({ length: 16 }, (_, index) => `${index + 25}.json`),
    );
    await store.close();
  });

  it('starts from the copy alone, as restored from a backup', async () => {
    await clear();
    await mkdir(join(folder, 'sub folder'));
    await writeFile(path, encodeTopology(makeTopology(7)));
    const store = new FileTopologyStore(path);
    expect(await store.read()).toEqual(makeTopology(7));
    expect(await store.compareAndSwap(7, makeTopology(8))).toBe(true);
    expect(await store.read()).toEqual(makeTopology(8));
    await store.close();
  });

  it('says what is wrong with a damaged file, and does not write over it', async () => {
    await clear();
    await mkdir(join(folder, 'sub folder'));
    await writeFile(path, '{"format": "pgring topology 1", "epoch": 1');
    const store = new FileTopologyStore(path);
    await expect(store.read()).rejects.toThrow(`the topology in ${path} cannot be used`);
    await expect(store.compareAndSwap(0, makeTopology(1))).rejects.toMatchObject({ sqlstate: 'F0000' });
    const watcher = new Watcher(store);
    await watcher.until(() => watcher.troubles.length === 1);
    await watcher.close();
    await store.close();
  });

  it('is whole, and can be written, after a crash at any step of a commit', async () => {
    await clear();
    const program = fileURLToPath(new URL('crashing-writer.js', import.meta.url));
    const store = new FileTopologyStore(path);
    let crashes = 0;
    for (let step = 1; step < 100; step++) {
      const before = (await store.read())?.epoch ?? 0;
      const writer = spawn(process.execPath, [program, path, String(step)], { stdio: 'inherit' });
      await once(writer, 'exit');
      const after = (await store.read())?.epoch ?? 0;
      expect([before, before + 1]).toContain(after);
      if (before > 0) decodeTopology(await readFile(path, 'utf8'), path);
      expect(await store.compareAndSwap(after, makeTopology(after + 1))).toBe(true);
      if (writer.signalCode === null) {
        expect([writer.exitCode, after]).toEqual([0, before + 1]);
        break;
      }
      crashes++;
    }
    // Making the folder, writing, syncing, linking, syncing, renaming at least.
    expect(crashes).toBeGreaterThanOrEqual(6);
    await store.close();
  });

  it('is always whole, and keeps what was acknowledged, however often its writers are killed', async () => {
    await clear();
    const program = fileURLToPath(new URL('file-writer.js', import.meta.url));
    const store = new FileTopologyStore(path);
    const watcher = new Watcher(store);
    let acknowledged = 0;
    for (let round = 0; round < 8; round++) {
      const writers = [0, 1].map(() =>
        spawn(process.execPath, [program, path], { stdio: ['ignore', 'pipe', 'inherit'] }),
      );
      const exits = writers.map((writer) => once(writer, 'exit'));
      for (const writer of writers) {
        writer.stdout.on('data', (chunk: Buffer) => {
          for (const line of chunk.toString().split('\n').slice(0, -1))
            acknowledged = Math.max(acknowledged, Number(line));
        });
      }
      // Each round kills a little later in the writer's own work.
      const target = acknowledged + 3 + round;
      await watcher.untilEpoch(target);
      for (const writer of writers) writer.kill('SIGKILL');
      await Promise.all(exits);
      const current = await store.read();
      expect(current?.epoch).toBeGreaterThanOrEqual(acknowledged);
      decodeTopology(await readFile(path, 'utf8'), path);
    }
    expect(watcher.troubles).toEqual([]);
    await watcher.close();
    const epoch = (await store.read())?.epoch ?? 0;
    expect(await store.compareAndSwap(epoch, makeTopology(epoch + 1))).toBe(true);
    await store.close();
  });
});
