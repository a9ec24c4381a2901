/**
 * Ends what tests started when the tests can no longer do it: this file runs as a process of its own, is told folders
 * over its standard input, and when that closes, however the other side ended, it kills the servers that live in the
 * folders and removes them. A folder that is gone by then was cleaned up properly.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const QUIET_LOOKS = 3;
const MAX_LOOKS = 100;
const LOOK_MS = 200;

let reaper: ChildProcess | undefined;

/** Has the folder's servers killed and the folder removed when this process ends in whatever way. */
export function reapAtExit(folder: string): void {
  if (reaper === undefined) {
    reaper = spawn(process.execPath, [fileURLToPath(import.meta.url), 'reap'], {
      stdio: ['pipe', 'ignore', 'inherit'],
      detached: true,
    });
    reaper.unref();
    if (reaper.stdin instanceof Socket) reaper.stdin.unref();
  }
  reaper.stdin?.write(`${folder}\n`);
}

async function reap(): Promise<void> {
  const folders: string[] = [];
  for await (const line of createInterface({ input: process.stdin })) folders.push(line);
  // A program that was filling a folder goes on for a moment after its parent died: look again until nothing comes.
  let quiet = 0;
  for (let look = 0; look < MAX_LOOKS && quiet < QUIET_LOOKS; look += 1) {
    const left = folders.filter((each) => existsSync(each));
    quiet = left.length === 0 ? quiet + 1 : 0;
    for (const folder of left) remove(folder);
    await sleep(LOOK_MS);
  }
}

function remove(folder: string): void {
  try {
    for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      if (file.endsWith('postmaster.pid')) killPostmaster(join(folder, file));
    }
    rmSync(folder, { recursive: true, force: true });
  } catch {
    // Files come and go meanwhile; the next look finds what is left.
  }
}

/** SIGQUIT makes a postmaster end all its processes at once. */
function killPostmaster(file: string): void {
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
  try {
    process.kill(pid, 'SIGQUIT');
  } catch {
    // It is gone already.
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.argv[2] === 'reap') await reap();
