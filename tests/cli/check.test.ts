import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Config, makeConfig, parseConfig } from '../../catalog/config.js';
import { makeLimits } from '../../catalog/config-limits.js';
import { checkServers, formatFindings } from '../../cli/check.js';
import type { Finding } from '../../cli/check/finding.js';
import { formatLimits } from '../../cli/check/limits.js';
import { type TestServer, type TestServers, startServers } from '../support/cluster.js';
import { formatScramVerifier, makeScramVerifier } from '../../wire/scram-keys.js';
import { chooseFreePort } from '../support/ports.js';
import { runPsql } from '../support/psql.js';
import { describeWithTools } from '../support/requirement.js';

/** The findings that keep pgring from working. */
async function errorsOf(checked: Config): Promise<readonly Finding[]> {
  return (await checkServers(checked)).filter(({ severity }) => severity === 'error');
}

describeWithTools(['psql'], 'pgring check', () => {
  let own: TestServers;
  let first: TestServer;
  let second: TestServer;

  /** Runs SQL on a server through its socket, where no password is asked for. */
  const run = async (server: TestServer, script: string): Promise<void> => {
    const { stderr } = await runPsql(script, { host: server.socketDirectory, port: server.port, stopOnError: true });
    expect(stderr).toBe('');
  };
  const restart = async (server: TestServer): Promise<void> => {
    await server.stop();
    await server.start();
  };
  const config = (more: Partial<Config> = {}): Config =>
    makeConfig({
      shards: [
        { name: 'a', host: '127.0.0.1', port: first.port },
        { name: 'b', host: '127.0.0.1', port: second.port },
      ],
      ...more,
    });

  beforeAll(async () => {
    own = await startServers({ count: 2 });
    const [one, two] = own.servers;
    if (one === undefined || two === undefined) throw new Error('two servers were asked for');
    first = one;
    second = two;
  });

  afterAll(async () => {
    await own.close();
  });

  it('finds nothing where nothing is wrong', async () => {
    const findings = await checkServers(config());
    expect(findings).toEqual([]);
    expect(formatFindings('pgring.yaml', '2 servers', findings)).toBe('pgring.yaml: nothing found (2 servers)\n');
  });

  it('finds verifiers of one password that differ, unless pgring has the password itself', async () => {
    const verifier = formatScramVerifier(await makeScramVerifier('secret', Buffer.from('salt')));
    for (const server of [first, second]) {
      await run(server, `CREATE ROLE twice LOGIN PASSWORD 'secret'; CREATE ROLE same LOGIN PASSWORD '${verifier}'`);
    }
    const authentication = parseConfig('shards: [{name: a}]', 'pgring.yaml', {}).authentication;
    const findings = await checkServers(config({ authentication }));
    expect(findings).toEqual([
      expect.objectContaining({ severity: 'warning', path: 'authentication', subject: '"twice"' }) as Finding,
    ]);
    expect(await checkServers(config({ authentication, users: [{ name: 'twice', password: 'secret' }] }))).toEqual([]);
    for (const server of [first, second]) await run(server, 'DROP ROLE twice, same');
  });

  it('prints the limits', () => {
    const lines = formatLimits(makeLimits({ clients: 7 })).split('\n');
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}clients +7 \(default 1000\) +53300$/));
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}idle_in_transaction_timeout_ms +off +25P03$/));
  });

  it('finds a server that does not answer', async () => {
    const port = await chooseFreePort();
    const findings = await checkServers(
      makeConfig({
        shards: [
          { name: 'a', host: '127.0.0.1', port: first.port },
          { name: 'c', host: '127.0.0.1', port },
        ],
      }),
    );
    expect(findings).toEqual([
      expect.objectContaining({
        severity: 'error',
        path: 'shards[1].host',
        subject: `shard "c" (127.0.0.1:${port})`,
        found: expect.stringContaining('ECONNREFUSED') as string,
      }),
    ]);
    expect(formatFindings('pgring.yaml', '2 servers', findings)).toContain('error: shards[1].host: shard "c"');
  });

  it('finds max_prepared_transactions that is 0 or low, and gives the line to write', async () => {
    await run(second, 'ALTER SYSTEM SET max_prepared_transactions = 0');
    await restart(second);
    const [none, ...more] = await checkServers(config());
    expect(more).toEqual([]);
    expect(none).toMatchObject({
      severity: 'error',
      path: 'shards[1]',
      found: 'max_prepared_transactions = 0',
      advice: expect.stringContaining('\n  max_prepared_transactions = 300') as string,
    });
    await run(second, 'ALTER SYSTEM SET max_prepared_transactions = 10');
    await restart(second);
    expect(await checkServers(config())).toEqual([
      expect.objectContaining({ severity: 'warning', found: 'max_prepared_transactions = 10' }),
    ]);
    await run(second, 'ALTER SYSTEM RESET max_prepared_transactions');
    await restart(second);
  });

  it('finds a wrong or missing password, a missing database, and a role without rights', async () => {
    await run(second, "CREATE ROLE controller LOGIN PASSWORD 'right'");
    await run(first, "CREATE ROLE controller LOGIN PASSWORD 'right'; GRANT CREATE ON DATABASE postgres TO controller");
    await writeFile(
      join(second.dataFolder, 'pg_hba.conf'),
      'local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n',
    );
    await run(second, 'SELECT pg_reload_conf() \\g /dev/null');
    const control = (password: string | undefined) => ({ user: 'controller', password, database: 'postgres' });

    expect(await errorsOf(config({ control: control('wrong') }))).toEqual([
      expect.objectContaining({
        severity: 'error',
        path: 'control.password',
        subject: expect.stringContaining('"b"') as string,
      }),
    ]);
    expect(await errorsOf(config({ control: control(undefined) }))).toEqual([
      expect.objectContaining({ path: 'control.password', advice: expect.stringContaining('Give it') as string }),
    ]);
    expect(await errorsOf(config({ control: control('right') }))).toEqual([
      expect.objectContaining({
        path: 'control.user',
        advice: 'Run on that server: GRANT CREATE ON DATABASE "postgres" TO "controller";',
      }),
    ]);
    await run(second, 'GRANT CREATE ON DATABASE postgres TO controller');
    expect(await checkServers(config({ control: control('right') }))).toEqual(
      ['"a"', '"b"'].map((name): unknown =>
        expect.objectContaining({
          severity: 'warning',
          path: 'control.user',
          subject: expect.stringContaining(name) as string,
          found: 'role "controller" is no superuser',
        }),
      ),
    );
    expect(await errorsOf(config({ control: control('right') }))).toEqual([]);
    const users = [{ name: 'controller', password: 'wrong' }];
    expect(await errorsOf(config({ control: control('right'), users }))).toEqual([
      expect.objectContaining({ path: 'users[0].password' }),
    ]);
    const missing = await errorsOf(config({ control: { ...control('right'), database: 'absent' } }));
    expect(missing.map(({ path }) => path)).toEqual(['control.database', 'control.database']);
    await writeFile(join(second.dataFolder, 'pg_hba.conf'), 'local all all trust\nhost all all 127.0.0.1/32 trust\n');
    await run(second, 'SELECT pg_reload_conf() \\g /dev/null');
  });

  it('finds databases of different encodings and collations', async () => {
    await run(first, 'CREATE DATABASE different');
    await run(second, "CREATE DATABASE different TEMPLATE template0 ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'");
    const findings = await checkServers(
      config({ control: { user: 'postgres', password: undefined, database: 'different' } }),
    );
    expect(findings.map(({ path, found }) => `${path} ${found}`)).toEqual([
      'shards[1] encoding LATIN1',
      expect.stringMatching(/^shards\[1\] collation provider libc locale C/),
    ]);
  });

  it('finds a server in recovery', async () => {
    await second.stop();
    await writeFile(join(second.dataFolder, 'standby.signal'), '');
    await second.start();
    expect(await checkServers(config())).toEqual([
      expect.objectContaining({ severity: 'error', path: 'shards[1].host', expected: 'a primary server' }),
    ]);
  });
});

describeWithTools(['postgresql-15'], 'pgring check with servers of two versions', () => {
  it('warns of the versions, and finds the collations different', async () => {
    const newer = await startServers({ count: 1, majorVersion: 18 });
    const older = await startServers({ count: 1, majorVersion: 15 });
    try {
      const shards = [...newer.servers, ...older.servers].map(({ port }, index) => ({
        name: `s${index}`,
        host: '127.0.0.1',
        port,
      }));
      const findings = await checkServers(makeConfig({ shards }));
      expect(findings.map(({ severity, found }) => `${severity}: ${found}`)).toEqual([
        'warning: PostgreSQL 15',
        expect.stringMatching(/^error: collation provider libc locale C\.UTF-8/),
      ]);
    } finally {
      await newer.close();
      await older.close();
    }
  });
});
