/**
 * The lock of a data folder: a file with its holder's process number and birth, so that one left by a killed pgring
 * is told from one that is held, also where process numbers repeat (in containers, pgring may be number 1 each time).
 */

import { readFileSync } from 'node:fs';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure, exitCode, systemErrorCode } from '../failure.js';
import { isRunning } from './postmaster.js';

/** A held lock. */
export interface FolderLock {
  release(): Promise<void>;
}

interface Holder {
  readonly pid: number;
  readonly born: string;
}

/** Others that start at the same time need that long at most to take a stale lock over. */
const ATTEMPTS = 50;
const RETRY_MS = 20;

/** Takes the lock, or throws a Failure that names the folder and the holder. */
export async function lockFolder(folder: string, file: string): Promise<FolderLock> {
  const mine = JSON.stringify({ pid: process.pid, born: birthOf(process.pid) } satisfies Holder);
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    if (await createWhole(file, mine)) return { release: async () => await rm(file, { force: true }) };
    const text = await readIfPresent(file);
    if (text === undefined) continue;
    const holder = parseHolder(text);
    if (holder !== undefined && isAlive(holder)) {
      throw new Failure(`the data folder ${folder} is in use by another pgring (process ${holder.pid})`, {
        exitCode: exitCode.taken,
        hint: `Stop that one (kill ${holder.pid}), or give this one a folder of its own: pgring dev --data <folder>`,
      });
    }
    if (await replaceStale(file, text, mine)) return { release: async () => await rm(file, { force: true }) };
    await sleep(RETRY_MS);
  }
  throw new Failure(`the data folder ${folder} is being taken by other starting pgrings`, { exitCode: exitCode.taken });
}

/** True when the lock is there and its holder runs. */
export async function isLocked(file: string): Promise<boolean> {
  const holder = parseHolder((await readIfPresent(file)) ?? '');
  return holder !== undefined && isAlive(holder);
}

/** Makes the file with all its content at once; false when it is there. */
async function createWhole(file: string, text: string): Promise<boolean> {
  const temporary = `${file}.${randomUUID()}`;
  await writeFile(temporary, text, { flag: 'wx', mode: 0o644 });
  try {
    await link(temporary, file);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

/**
 * Puts this process's lock in the place of a stale one. Only who has made the claim on that very lock may replace it,
 * so of many that find it one does. False: another is at it, or was quicker.
 */
async function replaceStale(file: string, stale: string, mine: string): Promise<boolean> {
  const claims = await claim(file, stale, mine);
  const own = claims.at(-1);
  if (own === undefined) return false;
  try {
    if ((await readIfPresent(file)) !== stale) return false;
    const temporary = `${file}.${randomUUID()}`;
    await writeFile(temporary, mine, { flag: 'wx', mode: 0o644 });
    await rename(temporary, file);
    for (const older of claims) await rm(older, { force: true });
    return true;
  } finally {
    await rm(own, { force: true });
  }
}

/**
 * Claims a stale lock: a file named after its text, made by one process only. Where its maker has died, too, the next
 * claim is named after both. Returns the claims' files with the own one last; none while a living process has one.
 */
async function claim(file: string, stale: string, mine: string): Promise<readonly string[]> {
  const claims: string[] = [];
  for (let seen = stale; ;) {
    const marker = `${file}.${createHash('sha256').update(seen).digest('hex')}`;
    claims.push(marker);
    if (await createWhole(marker, mine)) return claims;
    const text = await readIfPresent(marker);
    const holder = parseHolder(text ?? '');
    if (text === undefined || (holder !== undefined && isAlive(holder))) return [];
    seen += text;
  }
}

async function readIfPresent(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function parseHolder(text: string): Holder | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null || !('pid' in parsed) || !('born' in parsed)) return undefined;
    return { pid: Number(parsed.pid), born: String(parsed.born) };
  } catch {
    return undefined;
  }
}

function isAlive(holder: Holder): boolean {
  return isRunning(holder.pid) && holder.born === birthOf(holder.pid);
}

/** Tells a process from a later one of the same number; empty where the platform does not say. */
function birthOf(pid: number): string {
  if (process.platform !== 'linux') return '';
  try {
    // proc(5): the start time is field 22; the name before it stands in parentheses and can hold anything.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${startTime}`;
  } catch {
    return '';
  }
}
