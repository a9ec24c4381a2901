/** A real PostgreSQL server in a folder of its own, and a client made of nothing but the codecs. */

import { execFileSync } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FrameReader } from '../../wire/frame.js';

/** Debian's PostgreSQL; another version's programs can be named by the environment. */
const programs = process.env['PGRING_TEST_POSTGRES'] ?? '/usr/lib/postgresql/15/bin';

export interface TestServer {
  readonly port: number;
  stop(): void;
}

/** PostgreSQL does not run as root, so there it runs as postgres. */
function serverUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const ask = (flag: string): number => Number(execFileSync('id', [flag, 'postgres']).toString());
  return { uid: ask('-u'), gid: ask('-g') };
}

async function isFree(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => {
      const { port: bound } = probe.address() as AddressInfo;
      probe.close(() => resolve(bound === port));
    });
  });
}

export async function startServer(hba: string): Promise<TestServer> {
  const user = serverUser();
  const folder = mkdtempSync(join(tmpdir(), 'pgring-wire-'));
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  const run = (program: string, ...options: string[]): void => {
    execFileSync(join(programs, program), options, { ...user, cwd: folder, stdio: 'ignore' });
  };
  run('initdb', '-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync');
  writeFileSync(join(data, 'pg_hba.conf'), hba);
  let port = 21_000;
  while (!(await isFree(port))) {
    port += 1;
    if (port > 21_099) throw new Error('no port from 21000 to 21099 is free');
  }
  const options = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off`;
  run('pg_ctl', '-D', data, '-w', '-l', join(folder, 'log'), '-o', options, 'start');
  return {
    port,
    stop() {
      run('pg_ctl', '-D', data, '-w', '-m', 'immediate', 'stop');
      rmSync(folder, { recursive: true });
    },
  };
}

/** A connection that speaks in frames. */
export class FrameSocket {
  readonly #socket = new Socket();
  readonly #reader = new FrameReader(2 ** 24);
  readonly #chunks: AsyncIterator<Buffer, undefined>;

  constructor(port: number) {
    this.#socket.connect(port, '127.0.0.1');
    this.#chunks = this.#socket[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
  }

  send(...frames: Buffer[]): void {
    this.#socket.write(Buffer.concat(frames));
  }

  /** The next frame; throws when the server has closed. */
  async next(): Promise<Buffer> {
    for (;;) {
      const frame = this.#reader.next();
      if (frame !== undefined) return frame;
      const chunk = await this.#chunks.next();
      if (chunk.done === true) throw new Error('the server closed the connection');
      this.#reader.push(chunk.value);
    }
  }

  /** The frames up to and with the first of one of the types. */
  async until(...types: number[]): Promise<Buffer[]> {
    const frames: Buffer[] = [];
    for (;;) {
      const frame = await this.next();
      frames.push(frame);
      if (types.includes(frame[0] ?? 0)) return frames;
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}
