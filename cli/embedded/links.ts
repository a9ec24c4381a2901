/**
 * The package's library links. npm packages cannot hold symbolic links, so a postinstall script makes them from
 * `native/pg-symlinks.json`; where npm runs no scripts they are missing, and no server would start.
 */

import { lstat, readFile, symlink } from 'node:fs/promises';
import { basename, dirname, join, normalize, sep } from 'node:path';
import { systemErrorCode } from '../failure.js';

/** A link of the package: where it is, below `native`, and the name in the same folder that it points to. */
interface LibraryLink {
  readonly path: string;
  readonly pointsTo: string;
}

/** The links that the package needs. */
export async function readLibraryLinks(native: string): Promise<readonly LibraryLink[]> {
  let text: string;
  try {
    text = await readFile(join(native, 'pg-symlinks.json'), 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
  const parsed: unknown = JSON.parse(text);
  if (!Array.isArray(parsed)) return [];
  return parsed.map(asLibraryLink).filter((link) => link !== undefined);
}

function asLibraryLink(entry: unknown): LibraryLink | undefined {
  if (typeof entry !== 'object' || entry === null || !('source' in entry) || !('target' in entry)) return undefined;
  const source = normalize(String(entry.source));
  const target = normalize(String(entry.target));
  const top = `native${sep}`;
  if (!target.startsWith(top) || dirname(source) !== dirname(target)) return undefined;
  return { path: target.slice(top.length), pointsTo: basename(source) };
}

/** The links that are not there yet. */
export async function missingLibraryLinks(native: string): Promise<readonly LibraryLink[]> {
  const missing: LibraryLink[] = [];
  for (const link of await readLibraryLinks(native)) {
    try {
      await lstat(join(native, link.path));
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
      missing.push(link);
    }
  }
  return missing;
}

/** Makes the links. One that appears meanwhile (another pgring starts too) is fine. */
export async function makeLibraryLinks(native: string, links: readonly LibraryLink[]): Promise<void> {
  for (const link of links) {
    try {
      await symlink(link.pointsTo, join(native, link.path));
    } catch (error) {
      if (systemErrorCode(error) !== 'EEXIST') throw error;
    }
  }
}
