/** `pgring start` and `pgring check` before servers that exist, one of which asks for passwords. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startServers, type TestServer, type TestServers } from '../support/cluster.js';
import { temporaryFolder, type TemporaryFolder } from '../support/folder.js';
import { chooseFreePort } from '../support/ports.js';
import { runPgring, startPgring } from '../support/process.js';
import { runPsql } from '../support/psql.js';
import { eventually } from '../proxy/proxy-under-test.js';
import { describeWithTools } from '../support/requirement.js';

describeWithTools(['psql'], 'pgring start', () => {
  let own: TestServers;
  let folder: TemporaryFolder;
  let config: string;
  let port: number;

  const run = async (server: TestServer, script: string): Promise<void> => {
    const { stderr } = await runPsql(script, { host: server.socketDirectory, port: server.port, stopOnError: true });
    expect(stderr).toBe('');
  };
  const writeConfig = async (more: string): Promise<void> => {
    const shards = own.servers.map((server, index) => `  - {name: s${index}, port: ${server.port}}\n`).join('');
    await writeFile(config, `listen: ["127.0.0.1:${port}"]\nshards:\n${shards}${more}`);
  };

  beforeAll(async () => {
    own = await startServers({ count: 2 });
    folder = await temporaryFolder();
    config = join(folder.path, 'pgring.yaml');
    port = await chooseFreePort();
    for (const server of own.servers) {
      await run(server, "CREATE ROLE boss SUPERUSER LOGIN PASSWORD 'bóss'; CREATE ROLE ada LOGIN PASSWORD 'lovelace'");
      await run(server, 'GRANT CREATE ON SCHEMA public TO ada');
      await writeFile(join(server.dataFolder, 'pg_hba.conf'), 'local all all trust\nhost all all all scram-sha-256\n');
      await run(server, 'SELECT pg_reload_conf() \\g /dev/null');
    }
  });

  afterAll(async () => {
    await own.close();
    folder[Symbol.dispose]();
  });

  it('gives the servers the passwords of the configuration, from wherever they are to be read', async () => {
    await writeFile(join(folder.path, 'password'), 'lovelace\n');
    await writeConfig(
      'control: {user: boss, password: {env: BOSS_PASSWORD}}\nusers: [{name: ada, password: {file: password}}]\n',
    );
    const environment = { BOSS_PASSWORD: 'bóss' };
    const checked = await runPgring(['check', '--config', config], { environment });
    expect(checked).toEqual({ exitCode: 0, stderr: '', stdout: `${config}: nothing found (2 servers)\n` });

    const pgring = await startPgring(['start', '--config', config], { environment, cwd: folder.path });
    const script = `CREATE TABLE t (id int PRIMARY KEY, owner text DEFAULT current_user);
      INSERT INTO t (id) VALUES (1), (2), (3), (4), (5), (6), (7), (8);
      SELECT count(*), min(owner) FROM t;`;
    const ada = { port, user: 'ada', tuplesOnly: true, environment: { PGPASSWORD: 'lovelace' } };
    const { stdout } = await runPsql(script, ada);
    expect(stdout).toBe('CREATE TABLE\nINSERT 0 8\n8|ada\n');
    const unknown = await runPsql('SELECT 1', { ...ada, user: 'grace' });
    expect(unknown.exitCode).toBe(2);
    expect(unknown.stderr).toContain('password authentication failed for user "grace"');
    expect(pgring.output()).toContain('Clients are asked for the passwords of their roles');

    // The file may change while clients are connected.
    await writeConfig(`control: {user: boss, password: {env: BOSS_PASSWORD}}
users: [{name: ada, password: {file: password}}]
authentication: {rules: [{type: host, user: ada, method: trust}]}
`);
    process.kill(pgring.pid, 'SIGHUP');
    const bare = { ...ada, environment: { PGPASSWORD: '' } };
    const answered = await eventually(
      async () => (await runPsql('SELECT 1', bare)).stdout,
      (text) => text === '1\n',
    );
    expect(answered).toBe('1\n');
    expect((await runPsql('SELECT 1', { ...bare, user: 'boss' })).stderr).toContain('no pg_hba.conf entry for host');
    expect(await pgring.stop('SIGINT')).toBe(0);
  });

  it('check and start say what is wrong with a password, and print none', async () => {
    await writeConfig('control: {user: boss, password: wrong-secret}\n');
    const checked = await runPgring(['check', '--config', config]);
    expect(checked.exitCode).toBe(1);
    expect(checked.stdout).toContain('error: control.password: shard "s0"');
    expect(checked.stdout).toContain('error: control.password: shard "s1"');
    expect(checked.stdout).not.toContain('wrong-secret');
  });

  it('check names servers that are missing', async () => {
    const nobody = await chooseFreePort();
    await writeFile(config, `shards:\n  - {name: a, port: ${nobody}}\n`);
    const { exitCode, stdout } = await runPgring(['check', '--config', config]);
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 1, stdout: expect.stringContaining(`${nobody}`) as string });
  });

  it.each([['dev'], ['start'], ['check']])('%s --help says what it does and shows its options', async (command) => {
    const { exitCode, stdout, stderr } = await runPgring([command, '--help']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^Usage: pgring ${command} \\[options\\]\n\n\\w`));
    expect(stdout).toContain(command === 'dev' ? '--ephemeral' : '--config <file>');
  });
});
