/** Who may come in and what is encrypted, as the rest of pgring reads it from the configuration. */

import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ReportProblem } from './config-document.js';
import type { ConfigProblem } from './config-error.js';
import type { ConfigDocument } from './config-schema.js';
import { errorMessage } from './system-error.js';

type RuleDocument = NonNullable<NonNullable<ConfigDocument['authentication']>['rules']>[number];
type ServerTlsDocument = NonNullable<ConfigDocument['server_tls']>;

export type AuthenticationMethod = RuleDocument['method'];

/** The first rule that fits decides how a client proves who it is. */
export interface AuthenticationRule {
  readonly type: RuleDocument['type'];
  /** `all`, `sameuser` or names. */
  readonly databases: readonly string[];
  /** `all` or names. */
  readonly users: readonly string[];
  /** `all`, an address or a range, of clients by TCP. */
  readonly address: string;
  readonly method: AuthenticationMethod;
  /** Roles by the common name of a certificate; undefined: the common name is the role. */
  readonly map: ReadonlyMap<string, readonly string[]> | undefined;
  readonly clientCertificate: 'verify-ca' | 'verify-full' | undefined;
}

export interface AuthenticationConfig {
  readonly rules: readonly AuthenticationRule[];
  /** Whether the rules are pgring's own, for lack of others. */
  readonly byDefault: boolean;
  readonly usersFile: string | undefined;
  readonly askServers: boolean;
}

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

export type TlsMode = NonNullable<ServerTlsDocument['mode']>;

/** Encryption between clients and pgring. Files are read when it starts, and again when they change. */
export interface ClientTlsConfig {
  readonly mode: Exclude<TlsMode, 'disable'>;
  readonly certificate: string;
  readonly key: string;
  readonly clientCa: string | undefined;
  readonly minimumVersion: TlsVersion;
}

/** Encryption between pgring and one server. */
export interface ServerTlsConfig {
  readonly mode: Exclude<TlsMode, 'disable'>;
  readonly ca: string | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  readonly minimumVersion: TlsVersion;
}

const everybody = { databases: ['all'], users: ['all'], address: 'all', map: undefined, clientCertificate: undefined };

/** For clients of `pgring dev` and of tests: nobody is asked. */
export const trustEverybody: AuthenticationConfig = {
  rules: [
    { ...everybody, type: 'local', method: 'trust' },
    { ...everybody, type: 'host', method: 'trust' },
  ],
  byDefault: false,
  usersFile: undefined,
  askServers: true,
};

/** Without rules of the file everybody is asked for a password. */
const askEverybody: readonly AuthenticationRule[] = [
  { ...everybody, type: 'local', method: 'scram-sha-256' },
  { ...everybody, type: 'host', method: 'scram-sha-256' },
];

/** Reads the sections of the file; what is wrong with them goes to `problems`. */
export function readAccess(
  document: ConfigDocument,
  folder: string,
  report: ReportProblem,
  problems: ConfigProblem[],
): { readonly authentication: AuthenticationConfig; readonly tls: ClientTlsConfig | undefined } {
  const tls = readClientTls(document, folder, report, problems);
  const { authentication } = document;
  for (const [index, rule] of (authentication?.rules ?? []).entries()) {
    problems.push(...ruleProblems(rule, ['authentication', 'rules', index], tls, report));
  }
  const usersFile = authentication?.users_file;
  return {
    tls,
    authentication: {
      rules: authentication?.rules?.map(readRule) ?? askEverybody,
      byDefault: authentication?.rules === undefined,
      usersFile: usersFile === undefined ? undefined : resolve(folder, usersFile),
      askServers: authentication?.ask_servers ?? true,
    },
  };
}

function readRule(rule: RuleDocument): AuthenticationRule {
  return {
    type: rule.type,
    databases: [rule.database].flat(),
    users: [rule.user].flat(),
    address: rule.address ?? 'all',
    method: rule.method,
    map:
      rule.map === undefined
        ? undefined
        : new Map(Object.entries(rule.map).map(([name, roles]) => [name, [roles].flat()])),
    clientCertificate: rule.client_certificate,
  };
}

function ruleProblems(
  rule: RuleDocument,
  path: readonly PropertyKey[],
  tls: ClientTlsConfig | undefined,
  report: ReportProblem,
): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const problem = (key: string, expected: string, hint?: string): void => {
    problems.push(report([...path, key], expected, hint));
  };
  if (rule.type === 'local' && rule.address !== undefined) {
    problem('address', 'no address: a Unix socket has none', 'Leave it out, or write type: host.');
  }
  if (rule.type === 'hostssl' && tls === undefined) {
    problem('type', 'tls with a certificate, which hostssl needs', 'Add tls: {certificate: …, key: …}.');
  }
  if (rule.method === 'cert' && rule.type !== 'hostssl') {
    problem('method', 'type: hostssl for the method cert', 'Only an encrypted client shows a certificate.');
  }
  const wantsCertificate = rule.method === 'cert' || rule.client_certificate !== undefined;
  if (wantsCertificate && rule.type === 'hostssl' && tls !== undefined && tls.clientCa === undefined) {
    const key = rule.method === 'cert' ? 'method' : 'client_certificate';
    problem(key, 'tls.client_ca, which tells whose certificates count', 'Add client_ca: path to tls.');
  }
  if (rule.client_certificate !== undefined && rule.type !== 'hostssl') {
    problem('client_certificate', 'type: hostssl beside it', 'Only an encrypted client shows a certificate.');
  }
  if (rule.map !== undefined && rule.method !== 'cert') problem('map', 'method: cert beside it');
  const inTheClear = rule.type === 'host' || rule.type === 'hostnossl';
  if (rule.method === 'password' && inTheClear && !rule.allow_cleartext) {
    problem(
      'method',
      'type: hostssl for the method password, or allow_cleartext: true',
      'Without encryption whoever listens on the way reads the password; scram-sha-256 shows it to nobody.',
    );
  }
  return problems;
}

/** Reads a file and has it looked at; what is wrong becomes a problem of the key. */
function checkFile(path: string, check: (text: string) => unknown): string | undefined {
  try {
    check(readFileSync(path, 'utf8'));
    return undefined;
  } catch (error) {
    return errorMessage(error);
  }
}

const readCertificate = (text: string): unknown => new X509Certificate(text);

function readClientTls(
  document: ConfigDocument,
  folder: string,
  report: ReportProblem,
  problems: ConfigProblem[],
): ClientTlsConfig | undefined {
  const { tls } = document;
  if (tls === undefined || tls.mode === 'disable') return undefined;
  const { certificate, key, client_ca: clientCa } = tls;
  if (certificate === undefined || key === undefined) {
    problems.push(report(['tls', certificate === undefined ? 'certificate' : 'key'], 'a path: certificate and key'));
    return undefined;
  }
  const mode = tls.mode ?? 'prefer';
  if ((mode === 'verify-ca' || mode === 'verify-full') && clientCa === undefined) {
    problems.push(report(['tls', 'client_ca'], `a path, for mode ${mode} asks for certificates of clients`));
  }
  const files = { certificate, key, ...(clientCa === undefined ? {} : { client_ca: clientCa }) };
  reportFiles(files, ['tls'], folder, report, problems);
  return {
    mode,
    certificate: resolve(folder, certificate),
    key: resolve(folder, key),
    clientCa: clientCa === undefined ? undefined : resolve(folder, clientCa),
    minimumVersion: tls.minimum_version,
  };
}

function reportFiles(
  files: Readonly<Record<string, string>>,
  path: readonly PropertyKey[],
  folder: string,
  report: ReportProblem,
  problems: ConfigProblem[],
): void {
  for (const [key, file] of Object.entries(files)) {
    const found = checkFile(resolve(folder, file), key === 'key' ? createPrivateKey : readCertificate);
    const what = key === 'key' ? 'a readable private key in PEM' : 'a readable certificate in PEM';
    if (found !== undefined) problems.push(report([...path, key], what, `${file}: ${found}`));
  }
}

/** The section of one shard, or that of all; undefined: nothing is encrypted. */
export function readServerTls(
  document: ConfigDocument,
  index: number,
  folder: string,
  report: ReportProblem,
  problems: ConfigProblem[],
): ServerTlsConfig | undefined {
  const shard = document.shards[index];
  const section = shard?.tls ?? document.server_tls;
  const host = shard?.host ?? '';
  const mode = section?.mode ?? (isOnThisMachine(host) ? 'disable' : 'prefer');
  if (mode === 'disable' || host.startsWith('/')) return undefined;
  const path = shard?.tls === undefined ? ['server_tls'] : ['shards', index, 'tls'];
  const { ca, certificate, key } = section ?? {};
  if ((certificate === undefined) !== (key === undefined)) {
    problems.push(report([...path, certificate === undefined ? 'certificate' : 'key'], 'both certificate and key'));
  }
  const files = Object.fromEntries(
    Object.entries({ ca, certificate, key }).flatMap(([name, file]) => (file === undefined ? [] : [[name, file]])),
  );
  reportFiles(files, path, folder, report, problems);
  const resolved = (file: string | undefined): string | undefined =>
    file === undefined ? undefined : resolve(folder, file);
  return {
    mode,
    ca: resolved(ca),
    certificate: resolved(certificate),
    key: resolved(key),
    minimumVersion: section?.minimum_version ?? 'TLSv1.2',
  };
}

/** What never leaves the machine needs no encryption, unless somebody says so. */
function isOnThisMachine(host: string): boolean {
  return host.startsWith('/') || host === 'localhost' || host === '::1' || host.startsWith('127.');
}
