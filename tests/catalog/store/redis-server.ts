/** A real Redis server of a test's own. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chooseFreePort } from '../../support/ports.js';

export interface RedisServer {
  readonly port: number;
  start(): Promise<void>;
  /** SIGKILL; its data, of which every write is synced, stay. */
  kill(): Promise<void>;
  close(): Promise<void>;
}

export async function makeRedisServer(password: string): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'pgring-redis-'));
  const port = await chooseFreePort();
  let child: ChildProcess | undefined;
  const killNow = (): void => {
    child?.kill('SIGKILL');
  };
  process.once('exit', killNow);
  const kill = async (): Promise<void> => {
    const running = child;
    child = undefined;
    if (running === undefined || running.exitCode !== null) return;
    const exit = once(running, 'exit');
    running.kill('SIGKILL');
    await exit;
  };
  return {
    port,
    kill,
    start: async () => {
      const settings = {
        port,
        dir: folder,
        bind: '127.0.0.1',
        requirepass: password,
        appendonly: 'yes',
        appendfsync: 'always',
        save: '',
      };
      const started = spawn(
        'redis-server',
        Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
        {
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      );
      child = started;
      let output = '';
      await new Promise<void>((resolve, reject) => {
        started.stdout.on('data', (chunk: Buffer) => {
          output += chunk.toString();
          if (output.includes('Ready to accept connections')) resolve();
        });
        started.once('exit', () => {
          reject(new Error(`redis-server ended:\n${output}`));
        });
      });
    },
    close: async () => {
      process.off('exit', killNow);
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
