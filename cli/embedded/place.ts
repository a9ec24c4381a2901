/**
 * Where the servers' data lies: in `shards` of pgring's data folder. Where the account of the servers may not enter
 * that (a checkout in root's home), `shards` is a link to a folder that it may enter.
 */

import { chmod, lstat, mkdir, mkdtemp, readlink, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Failure, exitCode, systemErrorCode } from '../failure.js';
import { mayEnter } from './access.js';
import type { Account } from './account.js';
import { openSharedFolder, sharedFolder } from './mirror.js';

/** Finds or makes the folder of the shards; the result has no links in it. */
export async function openPlace(
  dataFolder: string,
  account: Account | undefined,
  shared: string = sharedFolder(),
): Promise<string> {
  const place = join(dataFolder, 'shards');
  const found = await kindOf(place);
  if (found === 'none') {
    if (account === undefined || (await mayEnter(dataFolder, account))) await mkdir(place, { mode: 0o755 });
    else await linkElsewhere(dataFolder, place, shared);
  }
  if (found === 'link') await requireTarget(place);
  const real = await realpath(place);
  if (account === undefined) return real;
  await chmod(real, 0o755);
  if (await mayEnter(real, account)) return real;
  throw new Failure(`the servers run as user "${account.name}", who may not enter ${real}`, {
    exitCode: exitCode.server,
    hint: 'Allow it to (chmod o+x on each folder of that path), or use another folder: pgring dev --data <folder>',
  });
}

/** Removes the folder of the shards, wherever it is. */
export async function removePlace(dataFolder: string): Promise<void> {
  const place = join(dataFolder, 'shards');
  if ((await kindOf(place)) === 'link') await rm(await readlink(place), { recursive: true, force: true });
  await rm(place, { recursive: true, force: true });
}

async function linkElsewhere(dataFolder: string, place: string, shared: string): Promise<void> {
  const folder = await mkdtemp(join(await openSharedFolder(shared), 'data-'));
  await chmod(folder, 0o755);
  await writeFile(join(folder, 'owner.txt'), `The data of pgring's folder ${resolve(dataFolder)}\n`);
  await symlink(folder, place);
}

async function requireTarget(place: string): Promise<void> {
  const target = await readlink(place);
  if ((await kindOf(target)) !== 'none') return;
  throw new Failure(`the data that ${place} points to is gone: ${target}`, {
    exitCode: exitCode.server,
    hint: `To begin with empty servers: rm -r ${resolve(place, '..')}`,
  });
}

async function kindOf(path: string): Promise<'none' | 'link' | 'folder'> {
  try {
    return (await lstat(path)).isSymbolicLink() ? 'link' : 'folder';
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return 'none';
    throw error;
  }
}
