import { parseConfig } from '../../../catalog/config.js';
import { ConfigError } from '../../../catalog/config-error.js';
import { findRule, noEntry, plainAddress, type ClientOrigin } from '../../../proxy/authentication/rules.js';

function rulesOf(lines: readonly string[]): ReturnType<typeof parseConfig>['authentication']['rules'] {
  const text = `shards: [{name: a}]\nauthentication:\n  rules:\n${lines.map((line) => `    - ${line}\n`).join('')}`;
  return parseConfig(text, 'pgring.yaml', {}).authentication.rules;
}

const local: ClientOrigin = { kind: 'local' };
const from = (address: string, isEncrypted = false): ClientOrigin => ({ kind: 'tcp', address, isEncrypted });

describe('findRule', () => {
  const rules = rulesOf([
    '{type: local, user: admin, method: trust}',
    '{type: host, address: 10.1.0.0/16, user: [app, web], database: [shop, sameuser], method: md5}',
    '{type: hostnossl, address: "fd00::/8", method: reject}',
    '{type: host, address: 192.168.7.9, method: scram-sha-256}',
    '{type: host, address: all, database: open, method: trust}',
  ]);
  const methodFor = (origin: ClientOrigin, user: string, database: string): string | undefined =>
    findRule(rules, origin, { user, database })?.method;

  it.each([
    [local, 'admin', 'any', 'trust'],
    [local, 'app', 'shop', undefined],
    [from('10.1.255.255'), 'app', 'shop', 'md5'],
    [from('10.1.255.255', true), 'web', 'shop', 'md5'],
    [from('10.1.0.1'), 'app', 'app', 'md5'],
    [from('10.1.0.1'), 'app', 'other', undefined],
    [from('10.1.0.1'), 'admin', 'shop', undefined],
    [from('10.2.0.1'), 'app', 'shop', undefined],
    [from('fd12::1'), 'app', 'shop', 'reject'],
    [from('fd12::1', true), 'app', 'shop', undefined],
    [from('fe80::1'), 'app', 'shop', undefined],
    [from('192.168.7.9'), 'x', 'y', 'scram-sha-256'],
    [from('192.168.7.8'), 'x', 'y', undefined],
    [from('::1'), 'x', 'open', 'trust'],
    [from(''), 'x', 'open', 'trust'],
    [from(''), 'x', 'y', undefined],
  ] as const)('%j as %s to %s: %s', (origin, user, database, method) => {
    expect(methodFor(origin, user, database)).toBe(method);
  });

  it('says what PostgreSQL says where nothing fits', () => {
    const claim = { user: 'u', database: 'd' };
    expect(noEntry(undefined, local, claim).message).toBe(
      'no pg_hba.conf entry for host "[local]", user "u", database "d", no encryption',
    );
    expect(noEntry(rules[2], from('fd00::1', true), claim).message).toBe(
      'pg_hba.conf rejects connection for host "fd00::1", user "u", database "d", SSL encryption',
    );
  });

  it('knows an IPv4 address that comes by IPv6', () => {
    expect(plainAddress('::ffff:10.1.2.3')).toBe('10.1.2.3');
    expect(plainAddress('fe80::1%eth0')).toBe('fe80::1');
    expect(plainAddress('::1')).toBe('::1');
  });
});

describe('authentication in pgring.yaml', () => {
  const problems = (lines: readonly string[]): readonly string[] => {
    try {
      rulesOf(lines);
      return [];
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return error.problems.map(({ path, expected }) => `${path}: ${expected}`);
    }
  };

  it.each([
    ['{type: local, method: peer}', 'authentication.rules[0].method: one of scram-sha-256, md5, password, cert, trust'],
    ['{type: host, method: peer}', '(peer is not possible: Node tells no program who is on the other side'],
    ['{type: host, method: password}', 'type: hostssl for the method password, or allow_cleartext: true'],
    ['{type: hostssl, method: scram-sha-256}', 'tls with a certificate, which hostssl needs'],
    ['{type: host, method: cert}', 'type: hostssl for the method cert'],
    ['{type: local, address: 127.0.0.1, method: trust}', 'no address: a Unix socket has none'],
    ['{type: host, address: example.org, method: trust}', 'all, an address such as 10.0.0.7'],
    ['{type: host, address: 10.0.0.0/33, method: trust}', 'all, an address such as 10.0.0.7'],
    ['{type: host, user: +admins, method: trust}', 'a name, or all (groups by +, files by @'],
    ['{type: host, map: {a: b}, method: trust}', 'method: cert beside it'],
  ])('%s is told what is wrong', (line, expected) => {
    expect(problems([line]).join('\n')).toContain(expected);
  });

  it('takes a password in the clear where that is said', () => {
    expect(
      problems(['{type: host, method: password, allow_cleartext: true}', '{type: local, method: password}']),
    ).toEqual([]);
  });

  it('asks everybody for a password where nothing is said', () => {
    const { authentication } = parseConfig('shards: [{name: a}]', 'pgring.yaml', {});
    expect(authentication.byDefault).toBe(true);
    expect(authentication.rules.map(({ type, method }) => `${type} ${method}`)).toEqual([
      'local scram-sha-256',
      'host scram-sha-256',
    ]);
  });
});
