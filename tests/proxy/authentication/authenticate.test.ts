/** Who may come in: log-ins by every method, right and wrong, message by message as one PostgreSQL with the same rules. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AuthenticationRule } from '../../../catalog/config-access.js';
import { encodePassword, encodeQuery, encodeSaslInitialResponse } from '../../../wire/encode-frontend.js';
import { startServers, type TestServers } from '../../support/cluster.js';
import { runPsql } from '../../support/psql.js';
import { describeWithTools } from '../../support/requirement.js';
import { message } from '../transcripts/transcript.js';
import { runStatements, startProxyUnderTest, type ProxyUnderTest } from '../proxy-under-test.js';
import { logInByHand, type Meddle } from './log-in-by-hand.js';

const METHODS = ['scram', 'md5', 'password', 'trust', 'reject'] as const;
const RULES = ['scram-sha-256', 'md5', 'password', 'trust', 'reject'] as const;

/** For each method a database of its own. */
const hba = METHODS.map((name, index) => `host via_${name} all 127.0.0.1/32 ${RULES[index] ?? ''}\n`).join('');
const rules = METHODS.map((name, index): AuthenticationRule => ({
  type: 'host',
  databases: [`via_${name}`],
  users: ['all'],
  address: '127.0.0.1/32',
  method: RULES[index] ?? 'reject',
  map: undefined,
  clientCertificate: undefined,
}));

const roles = [
  "CREATE ROLE app LOGIN PASSWORD 'secret'",
  "SET password_encryption = 'md5'; CREATE ROLE old LOGIN PASSWORD 'secret'; RESET password_encryption",
  'CREATE ROLE bare LOGIN',
  "CREATE ROLE late LOGIN PASSWORD 'secret' VALID UNTIL '2001-01-01'",
  "CREATE ROLE shut NOLOGIN PASSWORD 'secret'",
  "CREATE ROLE ünïcode LOGIN PASSWORD 'pä ss\u00a0wört'",
];

describeWithTools(['psql'], 'log-ins', () => {
  let own: TestServers;
  let proxy: ProxyUnderTest;
  let oraclePort: number;

  beforeAll(async () => {
    own = await startServers({ count: 3 });
    const [first, second, oracle] = own.servers;
    if (first === undefined || second === undefined || oracle === undefined) throw new Error('three servers');
    for (const server of own.servers) {
      const databases = METHODS.map((name) => `CREATE DATABASE via_${name}`);
      await runStatements(server, 'postgres', databases);
    }
    oraclePort = oracle.port;
    // What the shards ask for, clients have to show: nothing is trusted twice.
    for (const server of [first, second]) {
      await writeFile(
        join(server.dataFolder, 'pg_hba.conf'),
        'host all postgres all trust\nhost via_trust all all trust\nhost all old all md5\nhost all all all scram-sha-256\n',
      );
    }
    await writeFile(join(oracle.dataFolder, 'pg_hba.conf'), `host all postgres all trust\n${hba}`);
    for (const server of own.servers) await runStatements(server, 'postgres', ['SELECT pg_reload_conf()']);
    proxy = await startProxyUnderTest([first, second], {
      authentication: {
        rules: [
          {
            type: 'host',
            databases: ['all'],
            users: ['postgres'],
            address: 'all',
            method: 'trust',
            map: undefined,
            clientCertificate: undefined,
          },
          ...rules,
        ],
        byDefault: false,
        usersFile: undefined,
        askServers: true,
      },
      limits: { authenticationFailures: 10_000, roleSecretsMs: 1 },
    });
    await runStatements(proxy, 'postgres', roles);
    await runStatements(oracle, 'postgres', roles);
  });

  afterAll(async () => {
    await proxy.close();
    await own.close();
  });

  const both = async (
    claim: { readonly user: string; readonly database: string; readonly password: string },
    meddle?: Meddle,
  ): Promise<string[]> => {
    const expected = await logInByHand(oraclePort, claim, meddle);
    expect(await logInByHand(proxy.port, claim, meddle)).toEqual(expected);
    return expected;
  };

  const right = METHODS.flatMap((method) => [
    [`via_${method}`, 'app', 'secret'],
    [`via_${method}`, 'app', 'wrong'],
    [`via_${method}`, 'old', 'secret'],
    [`via_${method}`, 'old', 'wrong'],
    [`via_${method}`, 'bare', ''],
    [`via_${method}`, 'late', 'secret'],
    [`via_${method}`, 'ünïcode', 'pä ss\u00a0wört'],
  ]);

  it.each(right)('%s as %s with %j', async (database, user, password) => {
    await both({ database, user, password });
  });

  it.each(['via_scram', 'via_md5', 'via_password'])('%s as nobody that there is', async (database) => {
    const said = await both({ database, user: 'nobody', password: 'secret' });
    expect(said.at(-1)).toContain('password authentication failed for user');
  });

  it.each(['via_scram', 'via_md5', 'via_password'])('%s in a role that may not log in', async (database) => {
    const said = await both({ database, user: 'shut', password: 'secret' });
    expect(said.at(-1)).toContain('role "shut" is not permitted to log in');
    await both({ database, user: 'shut', password: 'wrong' });
  });

  it('no rule for the database', async () => {
    expect((await both({ database: 'template1', user: 'app', password: 'secret' })).at(-1)).toContain('no pg_hba.conf');
  });

  const first = (mechanism: string, text: string): Buffer => encodeSaslInitialResponse(mechanism, text);
  const meddled: readonly (readonly [string, string, Meddle])[] = [
    ['a query instead of a password', 'via_password', () => encodeQuery('SELECT 1')],
    ['a query instead of an exchange', 'via_scram', () => encodeQuery('SELECT 1')],
    ['an empty password', 'via_password', () => encodePassword('')],
    ['a password without its end', 'via_password', () => message('p', Buffer.from('secret'))],
    ['a password with more behind it', 'via_password', () => message('p', Buffer.from('secret\0more\0'))],
    ['another mechanism', 'via_scram', () => first('SCRAM-SHA-1', 'n,,n=,r=abc')],
    ['a bound exchange without encryption', 'via_scram', () => first('SCRAM-SHA-256-PLUS', 'n,,n=,r=abc')],
    ['no first message', 'via_scram', () => first('SCRAM-SHA-256', '')],
    ['binding data without a bound mechanism', 'via_scram', () => first('SCRAM-SHA-256', 'p=tls-unique,,n=,r=abc')],
    ['an unknown flag', 'via_scram', () => first('SCRAM-SHA-256', 'q,,n=,r=abc')],
    ['no comma', 'via_scram', () => first('SCRAM-SHA-256', 'n;,n=,r=abc')],
    ['another identity', 'via_scram', () => first('SCRAM-SHA-256', 'n,a=me,n=,r=abc')],
    ['an unknown attribute', 'via_scram', () => first('SCRAM-SHA-256', 'n,b=me,n=,r=abc')],
    ['an extension', 'via_scram', () => first('SCRAM-SHA-256', 'n,,m=x,n=,r=abc')],
    ['no user', 'via_scram', () => first('SCRAM-SHA-256', 'n,,r=abc')],
    ['no nonce', 'via_scram', () => first('SCRAM-SHA-256', 'n,,n=')],
    ['a nonce with a space', 'via_scram', () => first('SCRAM-SHA-256', 'n,,n=,r=a b')],
    ['an attribute without a value', 'via_scram', () => first('SCRAM-SHA-256', 'n,,n,r=abc')],
    ['garbage behind', 'via_scram', () => first('SCRAM-SHA-256', 'n,,n=,r=abc,!')],
    ['a NUL inside', 'via_scram', () => first('SCRAM-SHA-256', 'n,,n=\0,r=abc')],
    ['a message that is too long', 'via_scram', () => first('SCRAM-SHA-256', `n,,n=,r=${'a'.repeat(1100)}`)],
  ];

  it.each(meddled)('%s', async (_name, database, meddle) => {
    await both({ database, user: 'app', password: 'secret' }, meddle);
  });

  it('a password that is too long: where one server only closes the connection, pgring says why', async () => {
    const claim = { database: 'via_password', user: 'app', password: 'secret' };
    const meddle: Meddle = () => message('p', Buffer.alloc(70_000, 0x61));
    expect(await logInByHand(oraclePort, claim, meddle)).toEqual(['R cleartext']);
    const said = await logInByHand(proxy.port, claim, meddle);
    expect(said).toEqual(['R cleartext', 'E C=08P01 M=invalid message length S=FATAL V=FATAL']);
  });

  const finals: readonly (readonly [string, (text: string) => string])[] = [
    ['another nonce', (text) => text.replace(/r=[^,]*/, 'r=abc')],
    ['another binding', (text) => text.replace('c=biws', 'c=eSws')],
    ['no proof', (text) => text.replace(/,p=.*/, '')],
    ['a proof that is no base64', (text) => text.replace(/p=.*/, 'p=!!')],
    ['a short proof', (text) => text.replace(/p=.*/, 'p=AAAA')],
    ['a wrong proof', (text) => text.replace(/p=.*/, `p=${Buffer.alloc(32).toString('base64')}`)],
    ['an extension in between', (text) => text.replace(',p=', ',x=1,p=')],
    ['garbage behind the proof', (text) => `${text},x`],
    ['nothing', () => ''],
  ];

  it.each(finals)('the last message of an exchange: %s', async (_name, change) => {
    const meddle: Meddle = (frame, step) =>
      step === 'final' ? message('p', Buffer.from(change(frame.toString('utf8', 5)))) : frame;
    await both({ database: 'via_scram', user: 'app', password: 'secret' }, meddle);
    await both({ database: 'via_scram', user: 'nobody', password: 'secret' }, meddle);
  });

  it('one verifier of a new password lies on all shards, and works through pgring and at each shard', async () => {
    await runStatements(proxy, 'postgres', [
      "CREATE ROLE fresh LOGIN PASSWORD 'one'",
      "ALTER ROLE fresh PASSWORD 'two'",
    ]);
    const query = "SELECT rolpassword FROM pg_authid WHERE rolname = 'fresh'";
    const [first, second] = own.servers;
    const stored = await Promise.all(
      [first, second].map(
        async (server) => (await runPsql(query, { port: server?.port ?? 0, tuplesOnly: true })).stdout,
      ),
    );
    expect(stored[0]).toMatch(/^SCRAM-SHA-256\$4096:/);
    expect(stored[0]).toBe(stored[1]);
    for (const port of [proxy.port, first?.port ?? 0]) {
      const environment = { PGPASSWORD: 'two' };
      const script = 'SELECT count(*) FROM pg_class WHERE false';
      const options = { port, user: 'fresh', database: 'via_scram', tuplesOnly: true, environment };
      expect((await runPsql(script, options)).stdout).toBe('0\n');
    }
  });

  it("the keys of the client's own log-in open every shard, though no password is kept", async () => {
    const statements = [
      'CREATE TABLE t (id int PRIMARY KEY, owner text)',
      'GRANT ALL ON t TO app',
      'INSERT INTO t SELECT i FROM generate_series(1, 20) AS i',
    ];
    await runStatements(proxy, 'via_scram', statements);
    const { stdout, stderr } = await runPsql('SELECT count(*) FROM t; UPDATE t SET owner = current_user;', {
      port: proxy.port,
      user: 'app',
      database: 'via_scram',
      tuplesOnly: true,
      environment: { PGPASSWORD: 'secret' },
    });
    expect([stdout, stderr]).toEqual(['20\nUPDATE 20\n', '']);
  });
});
