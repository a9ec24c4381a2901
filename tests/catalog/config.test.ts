import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, loadConfig, makeConfig, parseConfig } from '../../catalog/config.js';
import type { ConfigProblem } from '../../catalog/config-error.js';
import { limitNames, limitRanges, snakeCase } from '../../catalog/config-limits.js';

const minimal = 'shards: [{name: s1}]\n';

function problemsOf(text: string, environment: NodeJS.ProcessEnv = {}): readonly ConfigProblem[] {
  try {
    parseConfig(text, 'pgring.yaml', environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

function messagesOf(text: string): readonly string[] {
  return problemsOf(text).map((each) => `${each.line}:${each.column} ${each.path}: ${each.expected}; ${each.found}`);
}

describe('parseConfig', () => {
  it('fills in every default', () => {
    const config = parseConfig(minimal, '/etc/pgring/pgring.yaml', {});
    expect(config).toMatchObject({
      listen: [{ kind: 'tcp', host: '127.0.0.1', port: 6432 }],
      shards: [{ name: 's1', host: '127.0.0.1', port: 5432, weight: 1 }],
      home: 's1',
      control: { user: 'postgres', password: undefined, database: 'postgres' },
      users: [],
      store: { kind: 'file', path: '/etc/pgring/pgring.topology.json' },
      placement: { shardKeys: [], tables: [] },
      crossCheck: 'off',
      log: { level: 'info' },
    });
    expect(config.limits.messageBytes).toBe(256 * 1024 * 1024);
  });

  it('reads a full file', () => {
    const config = parseConfig(
      `
listen: ["*:7000", "[::1]:7001", "/tmp", "/run/pg:7002"]
shards:
  - {name: s1, host: /var/run/postgresql, port: 5433, weight: 2.5}
  - {name: s2, host: db2.example, port: 5433}
home: s2
control: {user: admin, password: {env: ADMIN_PASSWORD}, database: ops}
users: [{name: app, password: 'x:y'}]
store: {kind: redis, url: {env: REDIS}, key: blue}
placement:
  shard_keys: [tenant_id, '"Org"']
  tables:
    countries: {placement: reference}
    Sales.orders: {shard_key: order_id}
    '"Sales"."o.d"': {shard_key: [A, b]}
    audit: {placement: home}
limits: {clients: 5, plan_cache_entries: 0}
cross_check: refuse
log: {level: debug}
`,
      'pgring.yaml',
      { ADMIN_PASSWORD: 'secret', REDIS: 'rediss://:pw@cache:6379' },
    );
    expect(config.listen).toEqual([
      { kind: 'tcp', host: '::', port: 7000 },
      { kind: 'tcp', host: '::1', port: 7001 },
      { kind: 'unix', directory: '/tmp', port: 7000 },
      { kind: 'unix', directory: '/run/pg', port: 7002 },
    ]);
    expect(config.home).toBe('s2');
    expect(config.control).toEqual({ user: 'admin', password: 'secret', database: 'ops' });
    expect(config.users).toEqual([{ name: 'app', password: 'x:y' }]);
    expect(config.store).toEqual({ kind: 'redis', url: 'rediss://:pw@cache:6379', key: 'blue' });
    expect(config.placement).toEqual({
      shardKeys: ['tenant_id', 'Org'],
      tables: [
        { schema: undefined, name: 'countries', placement: { kind: 'reference' } },
        { schema: 'sales', name: 'orders', placement: { kind: 'sharded', key: ['order_id'] } },
        { schema: 'Sales', name: 'o.d', placement: { kind: 'sharded', key: ['a', 'b'] } },
        { schema: undefined, name: 'audit', placement: { kind: 'home' } },
      ],
    });
    expect(config.limits).toMatchObject({ clients: 5, planCacheEntries: 0, messageBytes: 256 * 1024 * 1024 });
    expect(config.crossCheck).toBe('refuse');
  });

  it('is frozen to its leaves', () => {
    const config = parseConfig(minimal, 'pgring.yaml', {});
    for (const each of [config, config.shards, config.shards[0], config.limits, config.placement, config.listen[0]]) {
      expect(Object.isFrozen(each)).toBe(true);
    }
  });

  it('tells path, line, column, expected and found of every problem at once', () => {
    const text = `listn: []
shards:
  - name: s1
    port: 99999
    hots: x
  - {name: 's2', weight: 0}
store: {kind: etcd}
limits:
  clients: lots
cross_check: yes
`;
    expect(messagesOf(text)).toEqual([
      '4:11 shards[0].port: a port from 1 to 65535; 99999',
      '5:5 shards[0].hots: one of the keys name, host, port, weight, tls; "hots"',
      '6:26 shards[1].weight: a number above 0; 0',
      '7:15 store.kind: a mapping with kind: file or kind: redis; "etcd"',
      '9:12 limits.clients: an integer from 1 to 1000000; "lots"',
      '10:14 cross_check: one of off, log, refuse; "yes"',
      expect.stringMatching(/^1:1 listn: one of the keys listen, shards, .*; "listn"$/),
    ]);
    expect(problemsOf(text).at(-1)?.hint).toBe('Perhaps you meant "listen".');
  });

  it.each<readonly [string, string]>([
    ['', '1:1 shards: a list of shards (each {name, host, port, weight}); nothing'],
    ['shards: []', '1:9 shards: at least one shard; an empty list'],
    [`${minimal}home: s9`, '2:7 home: the name of a shard (s1); "s9"'],
    ['shards: [{name: a}, {name: a, port: 1}]', '1:28 shards[1].name: a name that no other shard has; "a"'],
    [`${minimal}users: [{name: 7, password: x}]`, '2:16 users[0].name: a role name; 7'],
    [
      `${minimal}listen: [nonsense]`,
      '2:10 listen[0]: host:port, [IPv6 address]:port, *:port, or the absolute folder of a Unix socket; "nonsense"',
    ],
    [`${minimal}limits: {clients: 1.5}`, '2:19 limits.clients: an integer from 1 to 1000000; 1.5'],
    [
      `${minimal}placement: {tables: {t: {shard_key: a, placement: home}}}`,
      '2:25 placement.tables.t: {shard_key: column or [columns]}, {placement: reference} or {placement: home}; a mapping with the keys shard_key, placement',
    ],
    [
      `${minimal}store: {kind: redis}`,
      '2:8 store.url: a string, {env: NAME of an environment variable} or {file: path}; nothing',
    ],
    [
      `${minimal}store: {kind: redis, url: "http://x"}`,
      '2:27 store.url: an address such as redis://host:6379 or rediss://…; a string (not shown)',
    ],
    [
      `${minimal}control: {password: {env: NOT_SET}}`,
      '2:27 control.password.env: the environment variable NOT_SET to be set; "NOT_SET"',
    ],
  ])('%j', (text, message) => {
    expect(messagesOf(text)).toEqual([message]);
  });

  it('reports what YAML itself refuses: bad syntax and keys that repeat', () => {
    expect(problemsOf('shards: [')[0]).toMatchObject({ line: 1, expected: 'valid YAML' });
    expect(problemsOf(`${minimal}${minimal}`)[0]).toMatchObject({ line: 2, found: 'Map keys must be unique' });
  });

  it('never shows a password', () => {
    const text = `${minimal}control: {password: 98765432}\nusers: [{name: a, password: [hunter22]}]`;
    const problems = problemsOf(text);
    expect(problems).toHaveLength(2);
    expect(JSON.stringify(problems)).not.toMatch(/98765432|hunter22/);
  });

  it('reads secrets from files beside the configuration', () => {
    const folder = mkdtempSync(join(tmpdir(), 'pgring-config-'));
    const path = join(folder, 'pgring.yaml');
    writeFileSync(join(folder, 'password'), 'from a file\n');
    writeFileSync(path, `${minimal}control: {password: {file: password}}`);
    expect(loadConfig(path).control.password).toBe('from a file');
    writeFileSync(path, `${minimal}control: {password: {file: absent}}`);
    expect(() => loadConfig(path)).toThrow(`${path}:2:28: control.password.file: expected a readable file`);
    expect(() => loadConfig(join(folder, 'none.yaml'))).toThrow('expected a readable configuration file');
    rmSync(folder, { recursive: true });
  });

  it('accepts every limit by its name in the file, and refuses what lies outside its range', () => {
    for (const name of limitNames) {
      const { minimum, maximum } = limitRanges[name];
      for (const value of [minimum, maximum]) {
        const config = parseConfig(`${minimal}limits: {${snakeCase(name)}: ${value}}`, 'pgring.yaml', {});
        expect(config.limits[name]).toBe(value);
      }
      for (const value of [minimum - 1, maximum + 1]) {
        expect(problemsOf(`${minimal}limits: {${snakeCase(name)}: ${value}}`)).toHaveLength(1);
      }
    }
  });
});

describe('makeConfig', () => {
  it('fills in what is left out', () => {
    const config = makeConfig({ shards: [{ name: 'a', host: '/tmp', port: 1 }], limits: { clients: 3 } });
    expect(config).toMatchObject({
      home: 'a',
      shards: [{ weight: 1 }],
      limits: { clients: 3, connectTimeoutMs: 5000 },
    });
    expect(Object.isFrozen(config.limits)).toBe(true);
  });

  it('refuses contradictions', () => {
    const shard = { name: 'a', host: 'x', port: 1 };
    expect(() => makeConfig({ shards: [shard, shard] })).toThrow('a name that no other shard has, found "a"');
    expect(() => makeConfig({ shards: [] })).toThrow('at least one shard');
  });
});
