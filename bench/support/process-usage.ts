/** What a process uses, from the kernel's accounting (proc(5)). */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
/** Places of utime and stime in /proc/<pid>/stat, counted from the field after the program's name (proc(5)). */
const USER_TIME = 11;
const SYSTEM_TIME = 12;

/** Seconds of processor time, user and system, that all threads of the process have had; in steps of a tick (10 ms). */
export function processorSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[USER_TIME]) + Number(fields[SYSTEM_TIME])) / ticksPerSecond;
}

/** Resident memory now, in bytes: VmRSS of /proc/<pid>/status. */
export function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? 0) * 1024;
}
