/** Programs run as children: with their output caught, and never left behind. */

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

export interface ProgramResult {
  readonly stdout: string;
  readonly stderr: string;
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
}

export interface ProgramOptions extends Pick<SpawnOptions, 'cwd' | 'uid' | 'gid'> {
  /** Written to its standard input, which is closed then. */
  readonly input?: string;
  /** Added to the environment, from which libpq's own variables are taken out. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** Runs a program to its end. An exit code is no error; a program that cannot be started, or never ends, is. */
export async function runProgram(
  program: string,
  parameters: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramResult> {
  const { input = '', environment, timeoutMs = 60_000, ...spawnOptions } = options;
  const child = spawn(program, parameters, { ...spawnOptions, env: environmentFor(environment), timeout: timeoutMs });
  // A program that ends before it has read its input is judged by its exit code.
  child.stdin.on('error', () => child.stdin.destroy());
  child.stdin.end(input);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), exitOf(child)]);
  return { stdout, stderr, exitCode: child.exitCode };
}

/** Our environment without libpq's variables, and with others. */
export function environmentFor(added: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^PG(?!RING)/.test(name));
  return { ...Object.fromEntries(kept), ...added };
}

/** Waits until the process has ended. */
export async function exitOf(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}
