/** pgring's configuration, resolved: what every other part reads. The file's own shape is config-schema.ts. */

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import {
  readAccess,
  readServerTls,
  trustEverybody,
  type AuthenticationConfig,
  type ClientTlsConfig,
  type ServerTlsConfig,
} from './config-access.js';
import { readConfigDocument, type ReportProblem } from './config-document.js';
import { ConfigError, formatPath, type ConfigProblem } from './config-error.js';
import { makeLimits, snakeCase, limitNames, type Limits } from './config-limits.js';
import type { ConfigDocument, SecretSource } from './config-schema.js';
import type { CrossShardReads } from './cross-shard-reads.js';
import { describeValue, valueAt } from './config-value.js';
import { defaultPort, parseListenAddresses, type ListenAddress } from './listen-address.js';
import { parseIdentifier, parseTableName } from './names.js';
import { errorMessage } from './system-error.js';
import type { Placement } from './schema.js';

export { ConfigError } from './config-error.js';
export type { ListenAddress } from './listen-address.js';

export interface ShardConfig {
  readonly name: string;
  /** A host name, an address, or the directory of a Unix socket (begins with `/`). */
  readonly host: string;
  readonly port: number;
  readonly weight: number;
  /** Undefined: nothing is encrypted. */
  readonly tls: ServerTlsConfig | undefined;
}

/** The role that pgring itself uses on every shard. */
interface ControlConfig {
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
}

export interface UserConfig {
  readonly name: string;
  /** The password itself, or a verifier as PostgreSQL stores it. */
  readonly password: string;
}

type StoreConfig =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'redis'; readonly url: string; readonly key: string };

interface TableRule {
  /** Undefined: in any schema. */
  readonly schema: string | undefined;
  readonly name: string;
  readonly placement: Placement;
}

export interface PlacementRules {
  /** A table that has one of these columns is sharded by the first that it has. */
  readonly shardKeys: readonly string[];
  readonly tables: readonly TableRule[];
}

export interface PoolingConfig {
  /** When a session gives its server connections back: after each transaction, or when it ends. */
  readonly mode: 'transaction' | 'session';
}

export type CrossCheck = 'off' | 'log' | 'refuse';

type LogLevel = 'silent' | 'error' | 'warn' | 'info' | 'debug' | 'trace';

export interface Config {
  /** The file it was read from, or what else to call it in messages. */
  readonly source: string;
  readonly listen: readonly ListenAddress[];
  readonly shards: readonly ShardConfig[];
  /** The name of the home shard. */
  readonly home: string;
  readonly control: ControlConfig;
  readonly users: readonly UserConfig[];
  readonly authentication: AuthenticationConfig;
  /** Between clients and pgring; undefined: nothing is encrypted. */
  readonly tls: ClientTlsConfig | undefined;
  readonly store: StoreConfig;
  readonly placement: PlacementRules;
  readonly pooling: PoolingConfig;
  readonly limits: Limits;
  readonly crossCheck: CrossCheck;
  readonly crossShardReads: CrossShardReads;
  readonly log: { readonly level: LogLevel };
}

/** What makeConfig needs to know; everything else has the file's defaults. */
export interface PartialConfig extends Partial<
  Omit<Config, 'shards' | 'control' | 'placement' | 'pooling' | 'limits'>
> {
  readonly shards: readonly (Pick<ShardConfig, 'name' | 'host' | 'port'> & Partial<ShardConfig>)[];
  readonly control?: Partial<ControlConfig>;
  readonly placement?: Partial<PlacementRules>;
  readonly pooling?: Partial<PoolingConfig>;
  readonly limits?: Partial<Limits>;
}

/** A configuration without a file, for `pgring dev` and tests. Throws a ConfigError when it contradicts itself. */
export function makeConfig(partial: PartialConfig): Config {
  const config: Config = {
    source: partial.source ?? 'configuration',
    listen: partial.listen ?? [{ kind: 'tcp', host: '127.0.0.1', port: defaultPort }],
    shards: partial.shards.map((shard) => ({ tls: undefined, ...shard, weight: shard.weight ?? 1 })),
    home: partial.home ?? partial.shards[0]?.name ?? '',
    control: { user: 'postgres', password: undefined, database: 'postgres', ...partial.control },
    users: partial.users ?? [],
    authentication: partial.authentication ?? trustEverybody,
    tls: partial.tls,
    store: partial.store ?? { kind: 'file', path: resolve('pgring.topology.json') },
    placement: { shardKeys: [], tables: [], ...partial.placement },
    limits: makeLimits(partial.limits),
    pooling: { mode: 'transaction', ...partial.pooling },
    crossCheck: partial.crossCheck ?? 'off',
    crossShardReads: partial.crossShardReads ?? 'per_shard',
    log: partial.log ?? { level: 'info' },
  };
  const report: ReportProblem = (path, expected, hint) => ({
    path: formatPath(path),
    line: undefined,
    column: undefined,
    expected,
    found: describeValue(valueAt(config, path), path),
    hint,
  });
  const problems = contradictions(config, report);
  if (problems.length > 0) throw new ConfigError(config.source, problems);
  return deepFreeze(config);
}

/** Reads the file; throws a ConfigError that names it. */
export function loadConfig(path: string, environment: NodeJS.ProcessEnv = process.env): Config {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(path, [
      {
        path: '',
        line: undefined,
        column: undefined,
        expected: 'a readable configuration file',
        found: errorMessage(error),
        hint: 'Name the file with --config, or try pgring without servers of your own by `pgring dev`.',
      },
    ]);
  }
  return parseConfig(text, path, environment);
}

/** Reads a configuration's text. Relative paths in it start at the folder of `path`. */
export function parseConfig(text: string, path: string, environment: NodeJS.ProcessEnv = process.env): Config {
  const { document, report } = readConfigDocument(text, path);
  const problems: ConfigProblem[] = [];
  const folder = dirname(resolve(path));
  const readSecret = (source: SecretSource, at: readonly PropertyKey[]): string => {
    if (typeof source === 'string') return source;
    if ('env' in source) {
      const value = environment[source.env];
      if (value === undefined)
        problems.push(
          report(
            [...at, 'env'],
            `the environment variable ${source.env} to be set`,
            `Set it: ${source.env}=… pgring start`,
          ),
        );
      return value ?? '';
    }
    try {
      return readFileSync(resolve(folder, source.file), 'utf8').replace(/\r?\n$/, '');
    } catch (error) {
      problems.push(report([...at, 'file'], 'a readable file', `It could not be read: ${errorMessage(error)}`));
      return '';
    }
  };

  const config: Config = {
    source: path,
    listen: parseListenAddresses(document.listen).flatMap((address) => address ?? []),
    shards: document.shards.map((shard, index) => ({
      ...shard,
      tls: readServerTls(document, index, folder, report, problems),
    })),
    home: document.home ?? document.shards[0]?.name ?? '',
    control: {
      user: document.control.user,
      password:
        document.control.password === undefined
          ? undefined
          : readSecret(document.control.password, ['control', 'password']),
      database: document.control.database,
    },
    users: document.users.map((user, index) => ({
      name: user.name,
      password: readSecret(user.password, ['users', index, 'password']),
    })),
    ...readAccess(document, folder, report, problems),
    store:
      document.store.kind === 'file'
        ? { kind: 'file', path: resolve(folder, document.store.path) }
        : { kind: 'redis', url: readSecret(document.store.url, ['store', 'url']), key: document.store.key },
    placement: placementRules(document.placement),
    limits: makeLimits(Object.fromEntries(limitNames.map((name) => [name, document.limits[snakeCase(name)]]))),
    pooling: document.pooling,
    crossCheck: document.cross_check,
    crossShardReads: document.cross_shard_reads,
    log: document.log,
  };
  problems.push(...contradictions(config, report));
  if (problems.length > 0) throw new ConfigError(path, problems);
  return deepFreeze(config);
}

function placementRules(placement: ConfigDocument['placement']): PlacementRules {
  return {
    shardKeys: placement.shard_keys.flatMap((column) => parseIdentifier(column) ?? []),
    tables: Object.entries(placement.tables).flatMap(([table, rule]) => {
      const name = parseTableName(table);
      if (name === undefined) return [];
      if ('placement' in rule) return { ...name, placement: { kind: rule.placement } };
      const key = [rule.shard_key].flat().flatMap((column) => parseIdentifier(column) ?? []);
      return { ...name, placement: { kind: 'sharded', key } };
    }),
  };
}

/** What no single value shows: names that repeat or point nowhere. */
function contradictions(config: Config, report: ReportProblem): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const unique = (values: readonly string[], path: (index: number) => readonly PropertyKey[], expected: string) => {
    for (const [index, value] of values.entries()) {
      if (values.indexOf(value) !== index) problems.push(report(path(index), expected));
    }
  };
  const names = config.shards.map((shard) => shard.name);
  if (names.length === 0) problems.push(report(['shards'], 'at least one shard'));
  unique(names, (index) => ['shards', index, 'name'], 'a name that no other shard has');
  unique(
    config.shards.map((shard) => `${shard.host} ${shard.port}`),
    (index) => ['shards', index, 'port'],
    'a host and port that no other shard has',
  );
  if (names.length > 0 && !names.includes(config.home)) {
    problems.push(report(['home'], `the name of a shard (${names.join(', ')})`));
  }
  unique(
    config.users.map((user) => user.name),
    (index) => ['users', index, 'name'],
    'a role that is not listed above',
  );
  unique(
    config.placement.tables.map((rule) => `${rule.schema ?? ''}\n${rule.name}`),
    () => ['placement', 'tables'],
    'one rule for a table',
  );
  for (const rule of config.placement.tables) {
    if (rule.placement.kind !== 'sharded') continue;
    if (new Set(rule.placement.key).size !== rule.placement.key.length) {
      problems.push(report(['placement', 'tables'], `no column twice in the shard key of ${rule.name}`));
    }
  }
  if (config.store.kind === 'redis' && config.store.url !== '' && !/^(?:rediss?|unix):\/\//.test(config.store.url)) {
    problems.push(report(['store', 'url'], 'an address such as redis://host:6379 or rediss://…'));
  }
  return problems;
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}
