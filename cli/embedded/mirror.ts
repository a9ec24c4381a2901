/**
 * A private copy of the platform package, for when it cannot be used where npm put it: the account that runs the
 * servers may not enter the checkout (root's home has mode 0700), or links are missing and cannot be made in place.
 *
 * Whoever can write the copy can run code as us, so it is trusted only when its folder and everything in it belongs
 * to this process's user and nobody else may write it. It is built under a name of its own and renamed into place,
 * so it is whole or not there; an incomplete one (a cleaner of temporary files was there) is built again.
 */

import { chmod, copyFile, lstat, mkdir, mkdtemp, readdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Failure, systemErrorCode } from '../failure.js';
import { isRoot } from './account.js';
import { makeLibraryLinks, missingLibraryLinks } from './links.js';
import type { PlatformPackage } from './platform.js';

/**
 * The folder for what other accounts must be able to enter. For root it lies below /var/lib, where nobody else can
 * put anything and no cleaner of temporary files comes by.
 */
export function sharedFolder(): string {
  return isRoot() ? '/var/lib/pgring' : `/var/tmp/pgring-${process.getuid?.() ?? 'user'}`;
}

/** Makes the shared folder, or verifies that the one that is there is ours alone. */
export async function openSharedFolder(folder: string = sharedFolder()): Promise<string> {
  try {
    await mkdir(folder, { mode: 0o755 });
    await chmod(folder, 0o755);
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error;
  }
  await requireOwned(folder);
  return folder;
}

/** Returns the `native` folder of a copy of the package that everybody may read and only we may write. */
export async function mirrorPackage(from: PlatformPackage, shared: string): Promise<string> {
  const place = join(shared, `embedded-${from.version}`);
  if (await exists(place)) {
    await requireOwned(place);
    if (await isWhole(from.native, place)) return place;
  }
  const building = await mkdtemp(`${place}.`);
  try {
    await copyTree(from.native, building);
    await makeLibraryLinks(building, await missingLibraryLinks(building));
    await chmod(building, 0o755);
    const old = `${building}.old`;
    if (await exists(place)) await rename(place, old);
    await rename(building, place);
    await rm(old, { recursive: true, force: true });
  } catch (error) {
    await rm(building, { recursive: true, force: true });
    // Another pgring has built the same copy meanwhile.
    if (systemErrorCode(error) !== 'ENOTEMPTY' || !(await isWhole(from.native, place))) throw error;
  }
  return place;
}

async function requireOwned(folder: string): Promise<void> {
  const found = await lstat(folder);
  const uid = process.getuid?.();
  if (found.isDirectory() && (uid === undefined || found.uid === uid) && (found.mode & 0o022) === 0) return;
  throw new Failure(`${folder} is not safe to use: another user owns it or may write it`, {
    hint: `Look at what it is (ls -ld ${folder}), and remove it if you do not need it.`,
  });
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** True when each file of the package has a copy of the same size that only we may write. */
async function isWhole(from: string, to: string): Promise<boolean> {
  const uid = process.getuid?.();
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const target = join(to, entry.name);
    if (!(await exists(target))) return false;
    const copy = await lstat(target);
    if (uid !== undefined && copy.uid !== uid) return false;
    if (!copy.isSymbolicLink() && (copy.mode & 0o022) !== 0) return false;
    if (entry.isDirectory()) {
      if (!copy.isDirectory() || !(await isWhole(join(from, entry.name), target))) return false;
    } else if (entry.isFile()) {
      if (!copy.isFile() || copy.size !== (await lstat(join(from, entry.name))).size) return false;
    }
  }
  return (await missingLibraryLinks(to)).length === 0;
}

async function copyTree(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory()) {
      await mkdir(target, { mode: 0o755 });
      await chmod(target, 0o755);
      await copyTree(source, target);
    } else if (entry.isSymbolicLink()) {
      await symlink(await readlink(source), target);
    } else {
      const executable = basename(from) === 'bin' || ((await lstat(source)).mode & 0o100) !== 0;
      await copyFile(source, target);
      await chmod(target, executable ? 0o755 : 0o644);
    }
  }
}
