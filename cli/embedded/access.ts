/** Whether another account could use a file or folder, judged by owners and mode bits before anything is started. */

import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Account } from './account.js';

interface Ownership {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

const READ = 4;
const ENTER = 1;

/** True when the account may walk from the root of the file system into the folder. */
export async function mayEnter(folder: string, account: Account): Promise<boolean> {
  for (let at = await realpath(folder); ; at = dirname(at)) {
    if (!allows(await stat(at), account, ENTER)) return false;
    if (dirname(at) === at) return true;
  }
}

/** True when the account may enter the folder and read everything in it. */
export async function mayReadTree(folder: string, account: Account): Promise<boolean> {
  return (await mayEnter(folder, account)) && (await isReadableBelow(folder, account));
}

async function isReadableBelow(folder: string, account: Account): Promise<boolean> {
  if (!allows(await stat(folder), account, READ | ENTER)) return false;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!(await isReadableBelow(path, account))) return false;
    } else if (entry.isFile() && !allows(await lstat(path), account, READ)) {
      return false;
    }
  }
  return true;
}

function allows(owner: Ownership, account: Account, wanted: number): boolean {
  const shift = owner.uid === account.uid ? 6 : owner.gid === account.gid ? 3 : 0;
  return ((owner.mode >> shift) & wanted) === wanted;
}
