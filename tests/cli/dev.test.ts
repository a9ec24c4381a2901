/** `pgring dev` as a person uses it: one command, psql, Ctrl-C, and again. */

import { existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { temporaryFolder, type TemporaryFolder } from '../support/folder.js';
import { chooseFreePort } from '../support/ports.js';
import { runPgring, startPgring, type PgringProcess } from '../support/process.js';
import { runPsql } from '../support/psql.js';
import { describeWithTools } from '../support/requirement.js';

const STUDENTS = `
CREATE TABLE students (id int PRIMARY KEY, name text);
INSERT INTO students VALUES (1, 'Ada');
INSERT INTO students VALUES (2, 'Blaise');
INSERT INTO students VALUES (3, 'Carl');
SELECT * FROM students ORDER BY id;
UPDATE students SET name = 'Carl Friedrich' WHERE id = 3;
DELETE FROM students WHERE id = 2;
SELECT * FROM students ORDER BY name DESC;
`;

/** The ports of the servers, as the progress display tells them, in the order of their names. */
function serverPorts(pgring: PgringProcess): readonly number[] {
  return [...pgring.output().matchAll(/^(shard\d+): ready on port (\d+)$/gm)]
    .sort(([, left = ''], [, right = '']) => left.localeCompare(right))
    .map(([, , port]) => Number(port));
}

async function answers(port: number): Promise<boolean> {
  const client = new Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}

async function expectNothingLeft(ports: readonly number[]): Promise<void> {
  for (const port of ports) expect(await answers(port)).toBe(false);
}

const ephemeralFolders = (): readonly string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith('pgring-ephemeral-'));

describeWithTools(['psql'], 'pgring dev', () => {
  let folder: TemporaryFolder;
  let data: string;
  let listen: string;

  const started: PgringProcess[] = [];
  const dev = async (...parameters: readonly string[]): Promise<PgringProcess> => {
    const pgring = await startPgring(['dev', '--fast', '--listen', listen, ...parameters], { cwd: folder.path });
    started.push(pgring);
    return pgring;
  };
  const psql = async (pgring: PgringProcess, script: string): Promise<string> => {
    const { stdout, stderr } = await runPsql(script, { port: pgring.port, tuplesOnly: true });
    expect(stderr.replaceAll(/^(NOTICE|HINT): .*\n/gm, '')).toBe('');
    return stdout;
  };

  beforeEach(async () => {
    folder = await temporaryFolder();
    data = join(folder.path, 'data');
    listen = `127.0.0.1:${await chooseFreePort()}`;
  });

  afterEach(async () => {
    // One that a failed test has left would keep Jest from ending.
    await Promise.all(started.splice(0).map(async (pgring) => await pgring.stop()));
    folder[Symbol.dispose]();
  });

  it('runs the students example over three servers, keeps its data, and leaves no server behind', async () => {
    const first = await dev('--data', data);
    expect(first.connectionString).toBe(`postgresql://postgres@${listen}/postgres`);
    const { stdout, stderr } = await runPsql(STUDENTS, { port: first.port, tuplesOnly: true });
    expect(stderr).toContain('NOTICE:  table "students" is sharded by "id"');
    expect(stdout.split('\n').filter((line) => line.includes('|'))).toEqual([
      '1|Ada',
      '2|Blaise',
      '3|Carl',
      '3|Carl Friedrich',
      '1|Ada',
    ]);

    expect(first.output()).toMatch(/\n {2}try: psql -h 127\.0\.0\.1 -p \d+ -U postgres\n.*the data stays in data\.\n/);

    // The rows lie on different servers, each on one alone.
    await psql(
      first,
      `INSERT INTO students VALUES ${Array.from({ length: 60 }, (_u, n) => `(${n + 10}, 'x')`).join()}`,
    );
    const ports = serverPorts(first);
    expect(ports).toHaveLength(3);
    const ids: string[] = [];
    for (const port of ports) {
      const found = await runPsql('SELECT id FROM students', { port, tuplesOnly: true });
      const here = found.stdout.trim().split('\n');
      expect(here.length).toBeGreaterThan(5);
      ids.push(...here);
    }
    expect(new Set(ids).size).toBe(62);
    expect(ids).toHaveLength(62);

    expect(await first.stop('SIGINT')).toBe(0);
    expect(first.output()).toContain('stopped\n');
    await expectNothingLeft(ports);

    const second = await dev('--data', data);
    expect(serverPorts(second)).toEqual(ports);
    expect(await psql(second, 'SELECT count(*), min(name) FROM students')).toBe('62|Ada\n');
    expect(await second.stop('SIGTERM')).toBe(0);
    await expectNothingLeft(ports);
  }, 120_000);

  it('can be killed and started again at once, with all that was committed', async () => {
    const killed = await dev('--data', data);
    await psql(killed, STUDENTS);
    const ports = serverPorts(killed);
    expect(await killed.stop('SIGKILL')).toBeNull();
    const again = await dev('--data', data);
    expect(serverPorts(again)).toHaveLength(3);
    expect(await psql(again, 'SELECT id FROM students ORDER BY id')).toBe('1\n3\n');
    expect(await again.stop('SIGINT')).toBe(0);
    await expectNothingLeft([...ports, ...serverPorts(again)]);
  }, 120_000);

  it('--ephemeral leaves nothing, and --shards says how many servers', async () => {
    const before = ephemeralFolders();
    const pgring = await dev('--ephemeral', '--shards', '2');
    expect(serverPorts(pgring)).toHaveLength(2);
    expect(await psql(pgring, 'CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2), (3)')).toContain(
      '3',
    );
    expect(await pgring.stop('SIGINT')).toBe(0);
    expect(pgring.output()).toContain('removes its data');
    await expectNothingLeft(serverPorts(pgring));
    expect(ephemeralFolders().filter((name) => !before.includes(name))).toEqual([]);
    expect(existsSync(join(folder.path, '.pgring'))).toBe(false);
  }, 60_000);

  it('uses a data folder once at a time, and says what to do about another count of shards', async () => {
    const pgring = await dev('--data', data, '--shards', '1');
    const other = ['dev', '--fast', '--data', data, '--listen', `127.0.0.1:${await chooseFreePort()}`];
    const busy = await runPgring(other, { cwd: folder.path });
    expect(busy).toMatchObject({ exitCode: 4, stderr: expect.stringContaining(data) as string });
    expect(await pgring.stop('SIGINT')).toBe(0);
    const different = await runPgring([...other, '--shards', '2'], { cwd: folder.path });
    expect(different).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--shards 1') as string });
  }, 60_000);

  it('says which port is taken, before it makes a folder', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => {
      holder.listen(Number(listen.split(':')[1]), '127.0.0.1', resolve);
    });
    const { exitCode, stderr } = await runPgring(['dev', '--data', data, '--listen', listen], { cwd: folder.path });
    holder.close();
    expect({ exitCode, first: stderr.split('\n')[0] }).toEqual({
      exitCode: 4,
      first: `pgring: ${listen} is taken: another program listens there already`,
    });
    expect(existsSync(data)).toBe(false);
  });
});
