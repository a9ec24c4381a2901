/** Encryption of clients: libpq's modes, channel binding, client certificates, and certificates that change meanwhile. */

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { Client } from 'pg';
import type { AuthenticationRule, ClientTlsConfig } from '../../../catalog/config-access.js';
import { encodeQuery, encodeStartup, sslRequestPacket } from '../../../wire/encode-frontend.js';
import { startServers, type TestServers } from '../../support/cluster.js';
import { temporaryFolder, type TemporaryFolder } from '../../support/folder.js';
import { runProgram } from '../../support/program.js';
import { runPsql } from '../../support/psql.js';
import { describeWithTools } from '../../support/requirement.js';
import { runStatements, startProxyUnderTest, type ProxyUnderTest } from '../proxy-under-test.js';
import { RawClient } from '../conversation.js';
import { Authority } from './certificates.js';

const base = { databases: ['all'], users: ['all'], address: 'all', map: undefined, clientCertificate: undefined };
const rules: readonly AuthenticationRule[] = [
  { ...base, type: 'host', users: ['postgres'], method: 'trust' },
  { ...base, type: 'hostssl', databases: ['by_cert'], method: 'cert' },
  { ...base, type: 'hostssl', databases: ['by_map'], method: 'cert', map: new Map([['app', ['mapped', 'other']]]) },
  { ...base, type: 'hostssl', databases: ['by_both'], method: 'scram-sha-256', clientCertificate: 'verify-full' },
  { ...base, type: 'hostssl', databases: ['template1'], method: 'password' },
  { ...base, type: 'hostssl', method: 'scram-sha-256' },
];

describeWithTools(['psql', 'openssl', 'python3', 'psycopg2'], 'TLS to clients', () => {
  let own: TestServers;
  let folder: TemporaryFolder;
  let authority: Authority;
  let proxy: ProxyUnderTest;
  let tls: ClientTlsConfig;
  const file = (name: string): string => join(folder.path, name);

  beforeAll(async () => {
    folder = await temporaryFolder();
    authority = new Authority(folder.path);
    const first = authority.issue('localhost', 'DNS:localhost,IP:127.0.0.1', 'first');
    authority.issue('localhost', 'DNS:localhost,IP:127.0.0.1', 'second');
    authority.issue('app');
    new Authority(folder.path, 'strangers').issue('app', '', 'stranger');
    await copyFile(first.certificate, file('server.crt'));
    await copyFile(first.key, file('server.key'));
    tls = {
      mode: 'prefer',
      certificate: file('server.crt'),
      key: file('server.key'),
      clientCa: authority.certificate,
      minimumVersion: 'TLSv1.2',
    };
    own = await startServers({ count: 2 });
    proxy = await startProxyUnderTest(own.servers, {
      tls,
      authentication: { rules, byDefault: false, usersFile: undefined, askServers: true },
      limits: { authenticationFailures: 10_000 },
    });
    await runStatements(proxy, 'postgres', [
      "CREATE ROLE app LOGIN PASSWORD 'secret'",
      "CREATE ROLE mapped LOGIN PASSWORD 'secret'",
      'CREATE DATABASE by_cert',
      'CREATE DATABASE by_map',
      'CREATE DATABASE by_both',
    ]);
  });

  afterAll(async () => {
    await proxy.close();
    await own.close();
    folder[Symbol.dispose]();
  });

  const psql = async (
    environment: Readonly<Record<string, string>>,
    options: { readonly user?: string; readonly database?: string; readonly host?: string } = {},
  ): Promise<string> => {
    const { stdout, stderr } = await runPsql('SELECT 42', {
      port: proxy.port,
      user: 'app',
      tuplesOnly: true,
      ...options,
      environment: { PGPASSWORD: 'secret', ...environment },
    });
    return `${stdout}${stderr}`;
  };
  const certificate = (name: string): Record<string, string> => ({
    PGSSLMODE: 'require',
    PGSSLCERT: file(`${name}.crt`),
    PGSSLKEY: file(`${name}.key`),
  });

  it.each([
    ['disable', 'no pg_hba.conf entry for host "127.0.0.1", user "app", database "postgres", no encryption'],
    ['allow', '42\n'],
    ['prefer', '42\n'],
    ['require', '42\n'],
    ['verify-ca', '42\n'],
    ['verify-full', '42\n'],
  ])('sslmode %s', async (mode, expected) => {
    expect(await psql({ PGSSLMODE: mode, PGSSLROOTCERT: authority.certificate })).toContain(expected);
  });

  it('libpq does not take a server for another one', async () => {
    const other = { PGSSLMODE: 'verify-full', PGSSLROOTCERT: file('strangers.crt') };
    expect(await psql(other)).toContain('certificate verify failed');
  });

  it('binds the exchange to the channel', async () => {
    expect(await psql({ PGSSLMODE: 'require', PGCHANNELBINDING: 'require' })).toBe('42\n');
    expect(await psql({ PGSSLMODE: 'require', PGCHANNELBINDING: 'disable' })).toBe('42\n');
    const wrong = await psql({ PGSSLMODE: 'require', PGCHANNELBINDING: 'require', PGPASSWORD: 'wrong' });
    expect(wrong).toContain('password authentication failed for user "app"');
    const client = new Client({
      host: '127.0.0.1',
      port: proxy.port,
      user: 'app',
      password: 'secret',
      database: 'postgres',
      ssl: { rejectUnauthorized: false },
      enableChannelBinding: true,
    });
    await client.connect();
    expect((await client.query('SELECT 42 AS n')).rows).toEqual([{ n: 42 }]);
    await client.end();
  });

  it('a password in the clear goes through the channel only', async () => {
    expect(await psql({ PGSSLMODE: 'require' }, { database: 'template1' })).toBe('42\n');
    expect(await psql({ PGSSLMODE: 'disable' }, { database: 'template1' })).toContain('no pg_hba.conf entry');
  });

  it('psycopg2: right and wrong, and a handshake without a request before', async () => {
    const script = `
import psycopg2
def attempt(**options):
    try:
        connection = psycopg2.connect(host='127.0.0.1', port=${proxy.port}, user='app', dbname='postgres', **options)
        cursor = connection.cursor()
        cursor.execute('SELECT 42')
        print(cursor.fetchone()[0])
    except psycopg2.OperationalError as error:
        print(str(error).split('FATAL: ')[-1].strip())
attempt(password='secret', sslmode='require')
attempt(password='wrong', sslmode='require')
attempt(password='secret', sslmode='require', sslnegotiation='direct')
attempt(password='secret', sslmode='verify-full', sslrootcert='${authority.certificate}', sslnegotiation='direct')
`;
    const { stdout, stderr } = await runProgram('python3', ['-c', script]);
    expect(stderr).toBe('');
    expect(stdout.split('\n')).toEqual(['42', 'password authentication failed for user "app"', '42', '42', '']);
  });

  it.each([
    ['by_cert', 'app', 'app', '42\n'],
    ['by_cert', 'app', 'mapped', 'certificate authentication failed for user "mapped"'],
    ['by_cert', 'stranger', 'app', 'connection requires a valid client certificate'],
    ['by_cert', 'none', 'app', 'connection requires a valid client certificate'],
    ['by_map', 'app', 'mapped', '42\n'],
    ['by_map', 'app', 'app', 'certificate authentication failed for user "app"'],
    ['by_both', 'app', 'app', '42\n'],
    ['by_both', 'app', 'mapped', 'password authentication failed for user "mapped"'],
    ['by_both', 'none', 'app', 'connection requires a valid client certificate'],
  ])('to %s with the certificate of %s as %s', async (database, name, user, expected) => {
    expect(await psql(certificate(name), { database, user })).toContain(expected);
  });

  it('a direct handshake that names another protocol, or none, is no client', async () => {
    for (const ALPNProtocols of [['http/1.1'], undefined]) {
      const socket = connectTls({
        host: '127.0.0.1',
        port: proxy.port,
        rejectUnauthorized: false,
        ...(ALPNProtocols === undefined ? {} : { ALPNProtocols }),
      });
      socket.on('error', () => undefined);
      socket.write(
        encodeStartup([
          ['user', 'postgres'],
          ['database', 'postgres'],
        ]),
      );
      let heard = 0;
      socket.on('data', ({ length }: Buffer) => (heard += length));
      await new Promise((resolve) => {
        socket.on('close', resolve);
      });
      expect(heard).toBe(0);
    }
  });

  it('takes nothing for encrypted that was sent before the handshake', async () => {
    const client = new RawClient(proxy.port);
    const startup = encodeStartup([
      ['user', 'postgres'],
      ['database', 'postgres'],
    ]);
    client.write(Buffer.concat([sslRequestPacket, startup, encodeQuery('SELECT 1')]));
    const [error] = await client.answer('closed');
    expect(error?.toString('utf8')).toContain('received unencrypted data after SSL request');
  });

  it('a request for encryption is answered once', async () => {
    const client = new RawClient(proxy.port, { raw: true });
    const gss = Buffer.from(sslRequestPacket);
    gss.writeInt32BE(80877104, 4);
    client.write(gss);
    expect((await client.readRaw(1)).toString()).toBe('N');
    client.write(gss);
    const [error] = await client.answer('closed');
    expect(error?.toString('utf8')).toContain('unsupported frontend protocol 1234.5680');
  });

  it('a new certificate is used at once, and nobody is disconnected', async () => {
    const encrypted = async (): Promise<TLSSocket> => {
      const socket = connect({ host: '127.0.0.1', port: proxy.port });
      socket.write(sslRequestPacket);
      await once(socket, 'data');
      const secure = connectTls({ socket, rejectUnauthorized: false });
      await once(secure, 'secureConnect');
      return secure;
    };
    const old = new Client({
      host: '127.0.0.1',
      port: proxy.port,
      user: 'app',
      password: 'secret',
      database: 'postgres',
      ssl: { rejectUnauthorized: false },
    });
    await old.connect();
    const before = await encrypted();
    await copyFile(file('second.crt'), file('server.crt'));
    await copyFile(file('second.key'), file('server.key'));
    const after = await encrypted();
    const [first, second] = [before, after].map((socket) => socket.getPeerCertificate().fingerprint256);
    expect(first).not.toBe(second);
    expect((await old.query('SELECT 42 AS n')).rows).toEqual([{ n: 42 }]);
    // What cannot be used changes nothing.
    await writeFile(file('server.key'), 'no key');
    const still = await encrypted();
    expect(still.getPeerCertificate().fingerprint256).toBe(second);
    await copyFile(file('second.key'), file('server.key'));
    await old.end();
    for (const socket of [before, after, still]) socket.destroy();
  });

  it('many rows over an encrypted connection arrive as they are', async () => {
    await runStatements(proxy, 'postgres', [
      'CREATE TABLE wide (id int PRIMARY KEY, v text)',
      'INSERT INTO wide SELECT i, repeat(md5(i::text), 20) FROM generate_series(1, 20000) AS i',
    ]);
    const digest = "SELECT md5(string_agg(id || v, ',' ORDER BY id)) FROM wide";
    const [expected] = (await runPsql(digest, { port: proxy.port, tuplesOnly: true })).stdout.split('\n');
    for (const query of ['SELECT id || v FROM wide ORDER BY id', 'SELECT id || v FROM wide WHERE id > 0 ORDER BY id']) {
      const { stdout } = await runPsql(query, {
        port: proxy.port,
        tuplesOnly: true,
        environment: { PGSSLMODE: 'require' },
      });
      expect(createHash('md5').update(stdout.trimEnd().replaceAll('\n', ',')).digest('hex')).toBe(expected);
    }
  });

  it('a mode that requires encryption refuses the rest, whatever the rules say', async () => {
    const strict = await startProxyUnderTest(own.servers, {
      tls: { ...tls, mode: 'verify-ca' },
      authentication: { rules, byDefault: false, usersFile: undefined, askServers: true },
    });
    try {
      const run = async (environment: Readonly<Record<string, string>>): Promise<string> => {
        const { stdout, stderr } = await runPsql('SELECT 42', { port: strict.port, tuplesOnly: true, environment });
        return `${stdout}${stderr}`;
      };
      expect(await run({ PGSSLMODE: 'disable' })).toContain('no pg_hba.conf entry for host "127.0.0.1"');
      expect(await run({ PGSSLMODE: 'require' })).toContain('connection requires a valid client certificate');
      expect(await run(certificate('app'))).toBe('42\n');
    } finally {
      await strict.close();
    }
  });
});
