/**
 * A process that makes one commit and dies by SIGKILL at the n-th call into the file system, before the call takes
 * effect, or half way through it where it writes. It ends with exit code 0 when the commit took fewer calls.
 */

import files, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

const [path = '', step = ''] = process.argv.slice(2);
let remaining = Number(step);

function countDown(): boolean {
  return --remaining === 0;
}

function die(): never {
  process.kill(process.pid, 'SIGKILL');
  // The signal ends the process before the loop does.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
}

function dieInstead<Parameters extends readonly unknown[], Result>(
  call: (...parameters: Parameters) => Promise<Result>,
): (...parameters: Parameters) => Promise<Result> {
  return async (...parameters) => (countDown() ? die() : await call(...parameters));
}

function watchHandle(file: FileHandle): FileHandle {
  const write = file.writeFile.bind(file);
  file.sync = dieInstead(file.sync.bind(file));
  file.writeFile = async (data, options) => {
    if (countDown()) {
      const text = String(data);
      await write(text.slice(0, text.length / 2));
      die();
    }
    await write(data, options);
  };
  return file;
}

const open = files.open;
files.open = dieInstead(async (...parameters: Parameters<typeof open>) => watchHandle(await open(...parameters)));
files.mkdir = dieInstead(files.mkdir) as typeof files.mkdir;
files.link = dieInstead(files.link);
files.rename = dieInstead(files.rename);
files.unlink = dieInstead(files.unlink);
syncBuiltinESMExports();

const { FileTopologyStore } = await import('../../../catalog/store/file.js');
const { makeTopology } = await import('../topologies.js');
const store = new FileTopologyStore(path);
const epoch = (await store.read())?.epoch ?? 0;
if (!(await store.compareAndSwap(epoch, makeTopology(epoch + 1)))) process.exitCode = 1;
