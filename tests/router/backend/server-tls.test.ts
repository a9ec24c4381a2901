/** Encryption to servers: libpq's modes, certificates on both sides, channel binding, and cancel requests. */

import { chown, copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { openLog } from '../../../base/log.js';
import type { ServerTlsConfig } from '../../../catalog/config-access.js';
import { serverAccount } from '../../../cli/embedded/account.js';
import { queryRows, runCommand } from '../../../router/backend/command.js';
import { openConnection } from '../../../router/backend/log-in.js';
import { ServerTls } from '../../../router/backend/server-tls.js';
import { Authority } from '../../proxy/authentication/certificates.js';
import { connectClient, runStatements, startProxyUnderTest } from '../../proxy/proxy-under-test.js';
import { startServers, type TestServer, type TestServers } from '../../support/cluster.js';
import { temporaryFolder, type TemporaryFolder } from '../../support/folder.js';
import { describeWithTools } from '../../support/requirement.js';

const HBA = `host all postgres 127.0.0.1/32 trust
hostnossl all plain all scram-sha-256
hostssl all secure all scram-sha-256
hostssl all certified all cert map=everybody
host all all all reject
`;

const TIMEOUT_MS = 5_000;

describeWithTools(['openssl'], 'TLS to servers', () => {
  let own: TestServers;
  let server: TestServer;
  let folder: TemporaryFolder;
  let authority: Authority;
  const file = (name: string): string => join(folder.path, name);

  beforeAll(async () => {
    folder = await temporaryFolder();
    authority = new Authority(folder.path);
    const strangers = new Authority(folder.path, 'strangers');
    expect(strangers.certificate).toBe(file('strangers.crt'));
    authority.issue('localhost', 'DNS:localhost');
    authority.issue('pgring');
    own = await startServers({ count: 2 });
    const account = serverAccount();
    for (const each of own.servers) {
      const files = { 'server.crt': 'localhost.crt', 'server.key': 'localhost.key', 'root.crt': 'ca.crt' };
      for (const [name, from] of Object.entries(files)) {
        await copyFile(file(from), join(each.dataFolder, name));
        if (account !== undefined) await chown(join(each.dataFolder, name), account.uid, account.gid);
      }
      await writeFile(join(each.dataFolder, 'pg_hba.conf'), HBA);
      await writeFile(join(each.dataFolder, 'pg_ident.conf'), 'everybody pgring certified\n');
    }
    const [first] = own.servers;
    if (first === undefined) throw new Error('a server was started');
    server = first;
    for (const each of own.servers) {
      await runStatements(each, 'postgres', [
        "CREATE ROLE plain LOGIN PASSWORD 'secret'",
        "CREATE ROLE secure LOGIN PASSWORD 'secret'",
        'CREATE ROLE certified LOGIN SUPERUSER',
        "ALTER SYSTEM SET ssl_ca_file = 'root.crt'",
        'ALTER SYSTEM SET ssl = on',
        'SELECT pg_reload_conf()',
      ]);
    }
    await ready(own.servers);
  });

  afterAll(async () => {
    await own.close();
    folder[Symbol.dispose]();
  });

  const config = (mode: ServerTlsConfig['mode'], more: Partial<ServerTlsConfig> = {}): ServerTlsConfig => ({
    mode,
    ca: undefined,
    certificate: undefined,
    key: undefined,
    minimumVersion: 'TLSv1.2',
    ...more,
  });

  /** Whether the server sees it encrypted, or the error. */
  const attempt = async (user: string, tls: ServerTlsConfig, host = '127.0.0.1'): Promise<string> => {
    const address = { name: 's', host, port: server.port, tls: new ServerTls(tls, openLog('silent')) };
    try {
      const identity = { database: 'postgres', user, password: 'secret', parameters: new Map<string, string>() };
      const connection = await openConnection(address, identity, TIMEOUT_MS);
      const [row] = await queryRows(connection, 'SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
      connection.end();
      return row?.['ssl'] ?? 'nothing';
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  };

  it.each([
    ['allow', 'plain', 'false'],
    ['allow', 'secure', 'true'],
    ['prefer', 'plain', 'false'],
    ['prefer', 'secure', 'true'],
    ['require', 'secure', 'true'],
    ['require', 'plain', 'pg_hba.conf rejects connection'],
    ['allow', 'postgres', 'false'],
    ['prefer', 'postgres', 'true'],
  ] as const)('mode %s as %s', async (mode, user, expected) => {
    expect(await attempt(user, config(mode))).toContain(expected);
  });

  it('looks at the certificate as far as the mode says', async () => {
    const ca = authority.certificate;
    expect(await attempt('secure', config('verify-full', { ca }), 'localhost')).toBe('true');
    expect(await attempt('secure', config('verify-full', { ca }))).toContain("does not match certificate's altnames");
    expect(await attempt('secure', config('verify-ca', { ca }))).toBe('true');
    const strangers = { ca: file('strangers.crt') };
    for (const mode of ['verify-full', 'verify-ca', 'require'] as const) {
      expect(await attempt('secure', config(mode, strangers), 'localhost')).toMatch(
        /self-signed certificate|unable to verify/,
      );
    }
    expect(await attempt('secure', config('verify-ca'))).toMatch(/self-signed|unable to/);
  });

  it('shows a certificate of its own', async () => {
    const certificate = { certificate: file('pgring.crt'), key: file('pgring.key') };
    expect(await attempt('certified', config('require', certificate))).toBe('true');
    expect(await attempt('certified', config('require'))).toContain('valid client certificate');
  });

  it('a cancel request goes encrypted, too, and reaches its statement', async () => {
    const address = {
      name: 's',
      host: '127.0.0.1',
      port: server.port,
      tls: new ServerTls(config('require'), openLog('silent')),
    };
    const identity = {
      database: 'postgres',
      user: 'secure',
      password: 'secret',
      parameters: new Map<string, string>(),
    };
    const connection = await openConnection(address, identity, TIMEOUT_MS);
    const sleeping = runCommand(connection, 'SELECT pg_sleep(30)').catch((error: unknown) => error);
    await connection.cancel();
    expect(await sleeping).toMatchObject({ sqlstate: '57014' });
    connection.end();
  });

  it('a whole cluster over TLS, by certificate alone', async () => {
    const tls = config('verify-ca', {
      ca: authority.certificate,
      certificate: file('pgring.crt'),
      key: file('pgring.key'),
    });
    const proxy = await startProxyUnderTest(
      own.servers.map(({ port }) => ({ host: '127.0.0.1', port, tls })),
      { control: { user: 'certified' } },
    );
    try {
      const client = await connectClient(proxy, 'postgres', { user: 'certified' });
      await client.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
      await client.query("INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 5000) AS i");
      const { rows } = await client.query<{ n: string }>('SELECT id AS n FROM t ORDER BY id');
      expect(rows.map(({ n }) => Number(n))).toEqual(Array.from({ length: 5000 }, (_unused, index) => index + 1));
      await client.query('BEGIN');
      await client.query("UPDATE t SET v = 'y'");
      await client.query('COMMIT');
      await client.end();
      for (const each of own.servers) {
        const direct = new Client({ host: '127.0.0.1', port: each.port, user: 'postgres', database: 'postgres' });
        await direct.connect();
        const question = `SELECT bool_and(ssl) AS encrypted FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
          WHERE usename = 'certified'`;
        expect((await direct.query(question)).rows).toEqual([{ encrypted: true }]);
        await direct.end();
      }
    } finally {
      await proxy.close();
    }
  });
});

/** A reload is done by the postmaster, some time after it was asked for. */
async function ready(servers: readonly TestServer[]): Promise<void> {
  for (const { port } of servers) {
    for (;;) {
      const client = new Client({
        host: '127.0.0.1',
        port,
        user: 'postgres',
        database: 'postgres',
        ssl: { rejectUnauthorized: false },
      });
      const isReady = await client.connect().then(
        () => true,
        () => false,
      );
      await client.end().catch(() => undefined);
      if (isReady) break;
    }
  }
}
