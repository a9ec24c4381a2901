import { createHash } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isLocked, lockFolder } from '../../../cli/embedded/lock.js';
import { temporaryFolder } from '../../support/folder.js';

describe('the lock of a data folder', () => {
  it('is held once and can be taken again after its release', async () => {
    using folder = await temporaryFolder();
    const file = join(folder.path, 'lock');
    const lock = await lockFolder(folder.path, file);
    await expect(lockFolder(folder.path, file)).rejects.toThrow(`in use by another pgring (process ${process.pid})`);
    expect(await isLocked(file)).toBe(true);
    await lock.release();
    expect(await isLocked(file)).toBe(false);
    await (await lockFolder(folder.path, file)).release();
    expect(await readdir(folder.path)).toEqual([]);
  });

  it.each([
    ['of a process that is gone', JSON.stringify({ pid: 2 ** 22 + 1, born: '' })],
    ['of an earlier process with a number that is used again', JSON.stringify({ pid: process.pid, born: 'earlier' })],
    ['that makes no sense', 'nonsense'],
  ])('is taken over from a file %s', async (_, content) => {
    using folder = await temporaryFolder();
    const file = join(folder.path, 'lock');
    await writeFile(file, content);
    const lock = await lockFolder(folder.path, file);
    expect(await isLocked(file)).toBe(true);
    await lock.release();
  });

  it('goes to exactly one of many that find a stale one', async () => {
    using folder = await temporaryFolder();
    const file = join(folder.path, 'lock');
    for (let round = 0; round < 20; round += 1) {
      await writeFile(file, JSON.stringify({ pid: 2 ** 22 + 1, born: '' }));
      const results = await Promise.allSettled(
        Array.from({ length: 8 }, async () => await lockFolder(folder.path, file)),
      );
      const held = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      expect(held).toHaveLength(1);
      await held[0]?.release();
    }
  });

  it('is taken although the one that was taking over a stale one has died', async () => {
    using folder = await temporaryFolder();
    const file = join(folder.path, 'lock');
    const dead = JSON.stringify({ pid: 2 ** 22 + 1, born: '' });
    await writeFile(file, dead);
    await writeFile(`${file}.${createHash('sha256').update(dead).digest('hex')}`, dead);
    const lock = await lockFolder(folder.path, file);
    await expect(lockFolder(folder.path, file)).rejects.toThrow('in use by another pgring');
    await lock.release();
    expect(await readdir(folder.path)).toEqual([]);
  });
});
