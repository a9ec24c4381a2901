/** The PostgreSQL programs that servers are run from, in a place where the account may run them. */

import { execFile } from 'node:child_process';
import { chmod, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Failure, exitCode, messageOf, systemErrorCode } from '../failure.js';
import { mayReadTree } from './access.js';
import { type Account, identityOf } from './account.js';
import { makeLibraryLinks, missingLibraryLinks } from './links.js';
import { mirrorPackage, openSharedFolder, sharedFolder } from './mirror.js';
import { type PlatformPackage, findPlatformPackage } from './platform.js';

export interface Binaries {
  /** The folder that holds `initdb` and `postgres`. */
  readonly folder: string;
  readonly majorVersion: number;
}

/** The embedded PostgreSQL, mirrored to the shared folder where it cannot be used in place. */
export async function embeddedBinaries(
  account: Account | undefined,
  options: { package?: PlatformPackage; sharedFolder?: string } = {},
): Promise<Binaries> {
  const found = options.package ?? (await findPlatformPackage());
  const native = (await isUsableInPlace(found, account))
    ? found.native
    : await mirrorPackage(found, await openSharedFolder(options.sharedFolder ?? sharedFolder()));
  return await binariesIn(join(native, 'bin'), account);
}

/** Programs of a folder, such as those of a distribution's package. */
export async function binariesIn(folder: string, account: Account | undefined): Promise<Binaries> {
  const postgres = join(folder, 'postgres');
  try {
    const run = await promisify(execFile)(postgres, ['--version'], { ...identityOf(account), cwd: '/' });
    return { folder, majorVersion: Number(/(\d+)/.exec(run.stdout)?.[1]) };
  } catch (error) {
    throw new Failure(`${postgres} does not run${account === undefined ? '' : ` as user "${account.name}"`}`, {
      exitCode: exitCode.server,
      detail: messageOf(error),
      cause: error,
    });
  }
}

async function isUsableInPlace(found: PlatformPackage, account: Account | undefined): Promise<boolean> {
  if (account !== undefined && !(await mayReadTree(found.native, account))) return false;
  try {
    await makeLibraryLinks(found.native, await missingLibraryLinks(found.native));
    for (const program of ['initdb', 'postgres', 'pg_ctl']) await makeExecutable(join(found.native, 'bin', program));
    return true;
  } catch (error) {
    if (['EACCES', 'EPERM', 'EROFS'].includes(systemErrorCode(error) ?? '')) return false;
    throw error;
  }
}

async function makeExecutable(program: string): Promise<void> {
  const found = await stat(program).catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (found !== undefined && (found.mode & 0o111) !== 0o111) await chmod(program, (found.mode & 0o777) | 0o111);
}
