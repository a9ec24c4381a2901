/** `pgring check`: what is wrong with a configuration and with the servers it names. */

import { type Config, loadConfig } from '../catalog/config.js';
import { ConfigError } from '../catalog/config-error.js';
import { probeCertificates } from './check/certificates.js';
import { probeConnections } from './check/connection.js';
import type { Finding } from './check/finding.js';
import { probeLikeness } from './check/likeness.js';
import { formatLimits } from './check/limits.js';
import { probePrimaries, probeRights, probeSuperuser } from './check/role.js';
import { askServers } from './check/server-facts.js';
import { probeSettings } from './check/settings.js';
import { probeUsers } from './check/users.js';
import { probeVerifiers } from './check/verifiers.js';
import { exitCode } from './failure.js';

/** Prints the findings; returns the exit code. */
export async function runCheck(options: { readonly config: string; readonly limits: boolean }): Promise<number> {
  let findings: readonly Finding[];
  let looked: string;
  let limits = '';
  try {
    const config = loadConfig(options.config);
    if (options.limits) limits = `\n${formatLimits(config.limits)}`;
    findings = await checkServers(config);
    looked = `${config.shards.length} ${config.shards.length === 1 ? 'server' : 'servers'}`;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    findings = configFindings(error);
    looked = 'the file only: servers are looked at when it can be read';
  }
  process.stdout.write(`${formatFindings(options.config, looked, findings)}${limits}`);
  return findings.some(({ severity }) => severity === 'error') ? exitCode.failure : exitCode.success;
}

/** Asks every server of the configuration and judges the answers. */
export async function checkServers(config: Config): Promise<readonly Finding[]> {
  const servers = await askServers(config);
  const { user, password, database } = config.control;
  const control = { user, database, path: 'control', passwordGiven: password !== undefined };
  return [
    ...probeConnections(servers, control),
    ...probePrimaries(servers),
    ...probeSettings(servers),
    ...probeRights(servers),
    ...probeSuperuser(servers),
    ...probeLikeness(servers),
    ...(await probeUsers(config, servers)),
    ...(await probeVerifiers(config, servers)),
    ...probeCertificates(config),
  ];
}

/** The problems of a configuration that cannot be used, as findings. */
export function configFindings(error: ConfigError): readonly Finding[] {
  return error.problems.map((problem) => ({
    severity: 'error',
    path: problem.path,
    subject: problem.line === undefined ? error.source : `${error.source}:${problem.line}:${problem.column ?? 1}`,
    expected: problem.expected,
    found: problem.found,
    advice: problem.hint ?? 'Change the value.',
  }));
}

/** The report that `pgring check` prints. */
export function formatFindings(source: string, looked: string, findings: readonly Finding[]): string {
  if (findings.length === 0) return `${source}: nothing found (${looked})\n`;
  const blocks = findings.map(({ severity, path, subject, expected, found, advice }) => {
    const lines = [
      ['expected', expected],
      ['found', found],
      ['to do', advice],
    ] as const;
    const body = lines.map(([label, text]) => `  ${label.padEnd(9)}${text.replaceAll('\n', `\n${' '.repeat(11)}`)}`);
    return `${severity}: ${path === '' ? subject : `${path}: ${subject}`}\n${body.join('\n')}\n`;
  });
  const count = `${findings.length} ${findings.length === 1 ? 'finding' : 'findings'}`;
  return `${source}: ${count} (${looked})\n\n${blocks.join('\n')}`;
}
