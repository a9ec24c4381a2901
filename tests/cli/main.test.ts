import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { chooseFreePort } from '../support/ports.js';
import { runPgring } from '../support/process.js';
import { temporaryFolder } from '../support/folder.js';

describe('the command line', () => {
  it('shows its version, and help with examples and exit codes', async () => {
    expect((await runPgring(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const { stdout, exitCode } = await runPgring(['--help']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('Examples:');
    expect(stdout).toContain('Exit codes:');
    expect((await runPgring(['dev', '--help'])).stdout).toContain('--ephemeral');
  });

  it.each([
    [['bogus'], 'unknown command'],
    [['dev', '--shards', 'three'], 'a number from 1 to 64'],
    [['dev', '--listen', 'nowhere'], 'is no address'],
    [['dev', '--unknown'], 'unknown option'],
  ])('refuses %j with exit code 2', async (parameters, message) => {
    const { stderr, exitCode } = await runPgring(parameters);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it('says so when the port for clients is taken, before it starts anything', async () => {
    using folder = await temporaryFolder();
    const port = await chooseFreePort();
    const holder = createServer();
    await new Promise<void>((resolve) => {
      holder.listen(port, '127.0.0.1', resolve);
    });
    const { stdout, stderr, exitCode } = await runPgring([
      'dev',
      '--listen',
      `127.0.0.1:${port}`,
      '--data',
      join(folder.path, 'data'),
    ]);
    holder.close();
    expect(exitCode).toBe(4);
    expect(stderr).toContain(`127.0.0.1:${port} is taken`);
    expect(stderr).toContain('--listen');
    expect(stdout).toBe('');
  });

  it('names the place of a problem in the configuration', async () => {
    using folder = await temporaryFolder();
    const config = join(folder.path, 'pgring.yaml');
    await writeFile(config, 'shards:\n  - name: a\n    port: many\n');
    const started = await runPgring(['start', '--config', config]);
    expect(started.exitCode).toBe(3);
    expect(started.stderr).toContain(`${config}:3:11: shards[0].port: expected a port`);
    const checked = await runPgring(['check', '--config', config]);
    expect(checked.exitCode).toBe(1);
    expect(checked.stdout).toContain(`shards[0].port: ${config}:3:11`);
    expect(checked.stdout).toMatch(/expected a port.*\n {2}found {4}"many"\n {2}to do/);
  });
});
