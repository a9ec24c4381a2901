/** Where secrets come from: the configuration, a file, the home shard; what becomes of changes; and who guesses. */

import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PartialConfig } from '../../../catalog/config.js';
import { formatScramVerifier, makeScramVerifier } from '../../../wire/scram-keys.js';
import { md5Verifier } from '../../../wire/md5.js';
import { startServers, type TestServers } from '../../support/cluster.js';
import { temporaryFolder, type TemporaryFolder } from '../../support/folder.js';
import { runPsql } from '../../support/psql.js';
import { describeWithTools } from '../../support/requirement.js';
import { connectClient, runStatements, startProxyUnderTest, type ProxyUnderTest } from '../proxy-under-test.js';

const base = { databases: ['all'], users: ['all'], address: 'all', map: undefined, clientCertificate: undefined };

describeWithTools(['psql'], 'secrets of roles', () => {
  let own: TestServers;
  let folder: TemporaryFolder;
  let file: string;

  beforeAll(async () => {
    own = await startServers({ count: 2 });
    folder = await temporaryFolder();
    file = join(folder.path, 'users.txt');
    for (const server of own.servers) {
      // Made on each server by hand: the verifiers differ.
      await runStatements(server, 'postgres', [
        "CREATE ROLE app LOGIN PASSWORD 'secret'",
        'CREATE ROLE filed LOGIN',
        'CREATE ROLE configured LOGIN',
        'CREATE ROLE old LOGIN',
        "CREATE ROLE twice LOGIN PASSWORD 'secret'",
      ]);
      await writeFile(
        join(server.dataFolder, 'pg_hba.conf'),
        'host all postgres,filed,configured,old all trust\nhost all all all scram-sha-256\n',
      );
      await runStatements(server, 'postgres', ['SELECT pg_reload_conf()']);
    }
  });

  afterAll(async () => {
    await own.close();
    folder[Symbol.dispose]();
  });

  const behind = async (
    more: Omit<PartialConfig, 'shards'>,
    work: (proxy: ProxyUnderTest) => Promise<void>,
  ): Promise<void> => {
    const proxy = await startProxyUnderTest(own.servers, {
      authentication: {
        rules: [
          { ...base, type: 'host', users: ['postgres'], method: 'trust' },
          { ...base, type: 'host', users: ['old'], method: 'md5' },
          { ...base, type: 'host', method: 'scram-sha-256' },
        ],
        byDefault: false,
        usersFile: undefined,
        askServers: true,
      },
      ...more,
    });
    try {
      await work(proxy);
    } finally {
      await proxy.close();
    }
  };
  const logIn = async (proxy: ProxyUnderTest, user: string, password: string): Promise<string> => {
    const options = { port: proxy.port, user, tuplesOnly: true, environment: { PGPASSWORD: password } };
    const { stdout, stderr } = await runPsql('SELECT current_user', options);
    return stderr === '' ? stdout.trim() : stderr.replace(/^.*FATAL: +/s, '').trim();
  };
  const failed = (user: string): string => `password authentication failed for user "${user}"`;

  it('are in the configuration: a password, or either verifier', async () => {
    const verifier = formatScramVerifier(await makeScramVerifier('secret', Buffer.from('some salt')));
    for (const password of ['secret', verifier]) {
      await behind({ users: [{ name: 'configured', password }] }, async (proxy) => {
        expect(await logIn(proxy, 'configured', 'secret')).toBe('configured');
        expect(await logIn(proxy, 'configured', 'wrong')).toBe(failed('configured'));
        expect(await logIn(proxy, 'configured', verifier)).toBe(failed('configured'));
      });
    }
    for (const password of ['secret', md5Verifier('old', 'secret')]) {
      await behind({ users: [{ name: 'old', password }] }, async (proxy) => {
        expect(await logIn(proxy, 'old', 'secret')).toBe('old');
        expect(await logIn(proxy, 'old', 'wrong')).toBe(failed('old'));
      });
    }
  });

  it('a password in the configuration opens servers with different verifiers', async () => {
    await behind({}, async (proxy) => {
      await runStatements(proxy, 'postgres', [
        'CREATE TABLE t (id int PRIMARY KEY)',
        'INSERT INTO t SELECT generate_series(1, 20)',
        'GRANT SELECT ON t TO PUBLIC',
      ]);
      const options = { port: proxy.port, user: 'twice', environment: { PGPASSWORD: 'secret' } };
      const { stderr } = await runPsql('SELECT count(*) FROM t', options);
      expect(stderr).toMatch(/Reported by shard s2.*\n.*may have stored different verifiers/);
    });
    await behind({ users: [{ name: 'twice', password: 'secret' }] }, async (proxy) => {
      const options = { port: proxy.port, user: 'twice', tuplesOnly: true, environment: { PGPASSWORD: 'secret' } };
      expect((await runPsql('SELECT count(*) FROM t', options)).stdout).toBe('20\n');
    });
  });

  it('are in a file, which may change', async () => {
    await writeFile(file, '"filed" "secret"\n');
    const authentication = {
      rules: [
        { ...base, type: 'host', users: ['postgres'], method: 'trust' } as const,
        { ...base, type: 'host', method: 'scram-sha-256' } as const,
      ],
      byDefault: false,
      usersFile: file,
      askServers: false,
    };
    await behind({ authentication }, async (proxy) => {
      expect(await logIn(proxy, 'filed', 'secret')).toBe('filed');
      expect(await logIn(proxy, 'app', 'secret')).toBe(failed('app'));
      await writeFile(`${file}.new`, '"filed" "other"\n');
      await rename(`${file}.new`, file);
      expect(await logIn(proxy, 'filed', 'secret')).toBe(failed('filed'));
      expect(await logIn(proxy, 'filed', 'other')).toBe('filed');
      await writeFile(file, 'nonsense\n');
      expect(await logIn(proxy, 'filed', 'other')).toBe('filed');
    });
  });

  it('are on the home shard; a change through pgring holds at once', async () => {
    await behind({ limits: { roleSecretsMs: 3_600_000 } }, async (proxy) => {
      expect(await logIn(proxy, 'app', 'secret')).toBe('app');
      await runStatements(proxy, 'postgres', ["ALTER ROLE app PASSWORD 'other'"]);
      expect(await logIn(proxy, 'app', 'secret')).toBe(failed('app'));
      expect(await logIn(proxy, 'app', 'other')).toBe('app');
      await runStatements(proxy, 'postgres', ['BEGIN', 'ALTER USER app ENCRYPTED PASSWORD $$thïrd$$', 'COMMIT']);
      expect(await logIn(proxy, 'app', 'thïrd')).toBe('app');
      await runStatements(proxy, 'postgres', [
        "ALTER ROLE app PASSWORD U&'f!006Furth' UESCAPE '!' CONNECTION LIMIT 50",
      ]);
      expect(await logIn(proxy, 'app', 'fourth')).toBe('app');
      await runStatements(proxy, 'postgres', ['ALTER ROLE app PASSWORD NULL']);
      expect(await logIn(proxy, 'app', 'fourth')).toBe(failed('app'));
      // A failed statement leaves what was before.
      await runStatements(proxy, 'postgres', [
        "ALTER ROLE app PASSWORD 'fifth'",
        'BEGIN',
        "ALTER ROLE app PASSWORD 'x'",
        'ROLLBACK',
      ]);
      expect(await logIn(proxy, 'app', 'fifth')).toBe('app');
    });
  });

  it('many clients that come at once ask the home shard once', async () => {
    await behind({ limits: { roleSecretsMs: 3_600_000 } }, async (proxy) => {
      const clients = await Promise.all(Array.from({ length: 30 }, async () => await logIn(proxy, 'app', 'fifth')));
      expect(new Set(clients)).toEqual(new Set(['app']));
      const sessions = await connectClient(own.servers[0] ?? { host: '', port: 0 }, 'postgres');
      const { rows } = await sessions.query<{ n: number }>(
        "SELECT count(*)::int AS n FROM pg_stat_activity WHERE query LIKE '%pg_authid%' AND application_name = 'pgring'",
      );
      expect(rows[0]?.n).toBeLessThan(3);
      await sessions.end();
    });
  });

  it('who guesses has to wait, and then is not listened to', async () => {
    await behind({ limits: { authenticationFailures: 5, authenticationFailureMs: 60_000 } }, async (proxy) => {
      const begun = Date.now();
      for (let count = 0; count < 5; count += 1) expect(await logIn(proxy, 'app', 'wrong')).toBe(failed('app'));
      expect(Date.now() - begun).toBeGreaterThanOrEqual(300);
      const refusal = await logIn(proxy, 'app', 'fifth');
      expect(refusal).toMatch(/^too many failed log-ins from 127\.0\.0\.1\nHINT: {2}Try again in 1[0-2] s/);
    });
  });

  it('a home shard that is down does not lock out who was known', async () => {
    await behind({ limits: { roleSecretsMs: 1 } }, async (proxy) => {
      expect(await logIn(proxy, 'app', 'fifth')).toBe('app');
      await own.servers[0]?.stop();
      try {
        expect(await logIn(proxy, 'app', 'wrong')).toBe(failed('app'));
        expect(await logIn(proxy, 'filed', 'x')).toContain('connection to shard s1');
      } finally {
        await own.servers[0]?.start();
      }
    });
  });
});
