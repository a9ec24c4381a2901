/** pgring's command line as a process of its own. */

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type ProgramOptions, type ProgramResult, environmentFor, exitOf, runProgram } from './program.js';
import { repositoryRoot } from './repo.js';

export interface PgringOptions extends Omit<ProgramOptions, 'input'> {
  /** Another copy of the compiled command line. */
  readonly main?: string;
}

export interface PgringProcess {
  readonly pid: number;
  /** From the `pgring ready` line. */
  readonly connectionString: string;
  readonly port: number;
  /** All that it has printed so far, on both outputs. */
  output(): string;
  /** Sends a signal and waits for the end; SIGTERM unless said otherwise. Returns the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

const MAIN = join(repositoryRoot, 'dist/cli/main.js');

/** Runs a command of pgring to its end. */
export async function runPgring(parameters: readonly string[], options: PgringOptions = {}): Promise<ProgramResult> {
  const { main = MAIN, ...rest } = options;
  return await runProgram(process.execPath, [main, ...parameters], rest);
}

/** Starts `pgring dev` or `pgring start` and waits for its `pgring ready` line; throws what it printed without one. */
export async function startPgring(parameters: readonly string[], options: PgringOptions = {}): Promise<PgringProcess> {
  const { main = MAIN, environment, timeoutMs = 60_000, ...spawnOptions } = options;
  const child = spawn(process.execPath, [main, ...parameters], {
    ...spawnOptions,
    env: environmentFor(environment),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const collect = (chunk: Buffer): void => {
    output += chunk.toString('utf8');
  };
  child.stderr.on('data', collect);
  child.stdout.on('data', collect);
  const killOnExit = (): void => {
    child.kill('SIGTERM');
  };
  process.once('exit', killOnExit);
  child.once('exit', () => process.off('exit', killOnExit));
  const timer = setTimeout(() => child.kill('SIGTERM'), timeoutMs);
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const connectionString = /^pgring ready\b.*?(postgres(?:ql)?:\/\/\S+)/.exec(line)?.[1];
      if (connectionString === undefined || child.pid === undefined) continue;
      // The interface has paused the stream that it stopped reading.
      child.stdout.resume();
      return asPgringProcess(child, child.pid, connectionString, () => output);
    }
  } finally {
    clearTimeout(timer);
  }
  await exitOf(child);
  throw new Error(`pgring ${parameters.join(' ')} ended with ${child.exitCode ?? child.signalCode}:\n${output}`);
}

function asPgringProcess(
  child: ChildProcess,
  pid: number,
  connectionString: string,
  output: () => string,
): PgringProcess {
  return {
    pid,
    connectionString,
    port: Number(new URL(connectionString).port),
    output,
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal);
      await exitOf(child);
      return child.exitCode;
    },
  };
}
