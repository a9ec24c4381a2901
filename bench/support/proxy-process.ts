/** pgring as a process of its own, as a user runs it, so that its memory and its time are its own. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { stringify } from 'yaml';
import { temporaryFolder } from '../../tests/support/folder.js';
import { chooseFreePort } from '../../tests/support/ports.js';
import { repositoryRoot } from '../../tests/support/repo.js';
import { residentBytes } from './process-usage.js';

export interface ProxyProcess {
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  /** Resident memory of the process now, in bytes. */
  residentBytes(): number;
  close(): Promise<void>;
}

interface ProxyProcessOptions {
  /** More of pgring.yaml. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Options of Node. */
  readonly nodeOptions?: readonly string[];
}

/** Starts `pgring start` before the servers; the first is the home shard. */
export async function startProxyProcess(
  servers: readonly { readonly host: string; readonly port: number }[],
  options: ProxyProcessOptions = {},
): Promise<ProxyProcess> {
  const folder = await temporaryFolder();
  const host = '127.0.0.1';
  const port = await chooseFreePort();
  const configFile = join(folder.path, 'pgring.yaml');
  const config = {
    listen: [`${host}:${port}`],
    shards: servers.map((server, index) => ({ name: `shard${index + 1}`, host: server.host, port: server.port })),
    store: { kind: 'file', path: join(folder.path, 'topology.json') },
    authentication: { rules: [{ type: 'host', method: 'trust' }] },
    log: { level: 'warn' },
    ...options.config,
  };
  writeFileSync(configFile, stringify(config));
  const program = join(repositoryRoot, 'dist/cli/main.js');
  const child = spawn(process.execPath, [...(options.nodeOptions ?? []), program, 'start', '--config', configFile], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await readyLine(child);
  const { pid } = child;
  if (pid === undefined) throw new Error('pgring has no process id');
  return {
    host,
    port,
    pid,
    residentBytes: () => residentBytes(pid),
    close: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, 'exit');
        child.kill('SIGINT');
        const hurry = setTimeout(() => child.kill('SIGINT'), 2_000);
        await ended;
        clearTimeout(hurry);
      }
      folder[Symbol.dispose]();
    },
  };
}

async function readyLine(child: ChildProcess): Promise<void> {
  if (child.stdout === null) throw new Error('pgring has no output');
  const lines = createInterface({ input: child.stdout });
  await new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      if (line.startsWith('pgring ready')) resolve();
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      reject(new Error(`pgring ended with ${code} before it was ready`));
    });
  });
}
