/** Runs one suite on one side, in a database of its own. */

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareDatabase, type Side } from './sides.js';
import type { Command, CommandOutcome, Place, Suite, TestResult, TestResults } from './suites/suite.js';

/** The folder of a suite's checkout. */
export function checkoutOf(suite: Suite, sources: string): string {
  return join(sources, suite.repository.slice(suite.repository.indexOf('/') + 1));
}

export async function runSuite(suite: Suite, side: Side, sources: string): Promise<TestResults> {
  const database = `drivers_${suite.name.replaceAll(/\W/g, '_')}`;
  await prepareDatabase(side, database, suite.setup);
  const scratch = mkdtempSync(join(tmpdir(), 'pgring-drivers-'));
  const place = {
    ...side.address,
    database,
    sources,
    folder: checkoutOf(suite, sources),
    resultFile: join(scratch, 'results'),
  };
  try {
    const all = new Map<string, TestResult>();
    for (const command of suite.commands(place)) {
      rmSync(place.resultFile, { force: true });
      const outcome = await runCommand(command, place, suite.timeLimitSeconds);
      const results = suite.read(outcome);
      if (results.size === 0) throw new Error(`${suite.name} gave no results:\n${outcome.output.slice(-2000)}`);
      for (const [name, result] of results)
        all.set(command.title === undefined ? name : `${command.title}: ${name}`, result);
    }
    return all;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function runCommand(command: Command, place: Place, limitSeconds: number): Promise<CommandOutcome> {
  const child = spawn(command.program, command.parameters, {
    cwd: join(place.folder, command.folder ?? '.'),
    env: { ...process.env, ...command.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    // So that whatever it has started ends with it.
    detached: true,
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  const timer = setTimeout(() => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  }, limitSeconds * 1000);
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  clearTimeout(timer);
  return { output: Buffer.concat(chunks).toString('utf8'), exitCode, file: readIfThere(place.resultFile) };
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
