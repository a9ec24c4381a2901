import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRunning, readPostmasterFile } from '../../cli/embedded/postmaster.js';
import { repositoryRoot } from './repo.js';

describe('the reaper', () => {
  it('ends the servers of tests that were killed, and removes their folder', async () => {
    const cluster = join(repositoryRoot, 'dist/tests/support/cluster.js');
    const script = `import { startServers } from ${JSON.stringify(cluster)};
      const { servers } = await startServers({ count: 1 });
      console.log(servers[0].dataFolder);
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [dataFolder] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    const postmaster = await readPostmasterFile(dataFolder);
    expect(isRunning(postmaster?.pid ?? 0)).toBe(true);
    child.kill('SIGKILL');
    const deadline = performance.now() + 20_000;
    while ((isRunning(postmaster?.pid ?? 0) || existsSync(dataFolder)) && performance.now() < deadline) await sleep(50);
    expect(isRunning(postmaster?.pid ?? 0)).toBe(false);
    expect(existsSync(dataFolder)).toBe(false);
  });
});
