/** Runs postgres.js's tests one after the other, each to its end, and prints a line for each. */

import { spawnSync } from 'node:child_process';
import { inspect } from 'node:util';

interface Options {
  readonly timeout?: number;
}

type TestBody = () => Promise<readonly unknown[]>;

const DEFAULT_SECONDS = 5;
let last: Promise<void> = Promise.resolve();
let waiting = 0;

export function t(name: string, options: Options | TestBody, body?: TestBody): void {
  const [{ timeout = t.timeout }, run] = typeof options === 'function' ? [{}, options] : [options, body];
  waiting += 1;
  last = last.then(async () => {
    const error = run === undefined ? 'no test' : await failureOf(run, timeout);
    // A test that fails leaves its table to the next ones, which make one of the same name.
    if (error !== undefined) exec('psql', ['-qc', 'DROP TABLE IF EXISTS test', 'postgres_js_test']);
    process.stdout.write(error === undefined ? `ok\t${name}\n` : `fail\t${name}\t${error.replaceAll(/\s+/g, ' ')}\n`);
    waiting -= 1;
    // Connections that a failed test has left open would keep the process.
    if (waiting === 0) process.exit(0);
  });
}

t.timeout = DEFAULT_SECONDS;

export const ot = t;

export function nt(name: string): void {
  process.stdout.write(`skip\t${name}\n`);
}

/** The programs that some tests call, as their bootstrap.js does. */
export function exec(program: string, parameters: readonly string[]): void {
  spawnSync(program, parameters, { stdio: 'ignore' });
}

async function failureOf(run: TestBody, seconds: number): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no end after ${seconds} s`));
    }, seconds * 1000);
  });
  try {
    const results = await Promise.race([run(), limit]);
    const [expected, got] = await Promise.race([Promise.all(results), limit]);
    return expected === got ? undefined : `${inspect(expected)} != ${inspect(got)}`;
  } catch (error) {
    return error instanceof Error ? error.message : inspect(error);
  } finally {
    clearTimeout(timer);
  }
}

// What a test leaves running may fail after its end.
process.on('uncaughtException', () => undefined);
process.on('unhandledRejection', () => undefined);
