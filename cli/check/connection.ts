/** Probe: can a role connect to a server at all? A failure is told by what a person has to change. */

import { messageOf, systemErrorCode } from '../failure.js';
import type { Finding } from './finding.js';
import type { ProbedServer } from './server-facts.js';
import { subjectOf } from './subject.js';

interface Role {
  readonly user: string;
  readonly database: string;
  /** The path in the configuration below which user, password and database stand. */
  readonly path: string;
  readonly passwordGiven: boolean;
}

/** The findings about servers that did not answer. */
export function probeConnections(servers: readonly ProbedServer[], role: Role): readonly Finding[] {
  return servers.flatMap(({ index, shard, answer }) =>
    answer.kind === 'failure' ? [explain(answer.error, `shards[${index}]`, subjectOf(shard), role)] : [],
  );
}

/** One failed connection as a finding. SQLSTATEs: PostgreSQL manual, appendix A. */
function explain(error: unknown, shardPath: string, subject: string, role: Role): Finding {
  const found = messageOf(error) === '' ? (systemErrorCode(error) ?? 'no answer') : messageOf(error);
  const common = { severity: 'error', subject, found } as const;
  switch (missingPassword(error) ? '28P01' : (systemErrorCode(error) ?? 'other')) {
    case '28P01':
      return {
        ...common,
        path: `${role.path}.password`,
        expected: `the password of role "${role.user}"`,
        advice: role.passwordGiven
          ? `Correct it in the configuration, or set it on the server: ALTER ROLE "${role.user}" PASSWORD '…';`
          : `Give it in the configuration, as {env: NAME} or {file: path}.`,
      };
    case '28000':
      return {
        ...common,
        path: `${role.path}.user`,
        expected: `a role "${role.user}" that may log in from here`,
        advice: `Make the role (CREATE ROLE "${role.user}" LOGIN …), or allow it in the server's pg_hba.conf.`,
      };
    case '3D000':
      return {
        ...common,
        path: `${role.path}.database`,
        expected: `a database "${role.database}"`,
        advice: `Make it on that server (CREATE DATABASE "${role.database}"), or name another one.`,
      };
    case '53300':
      return {
        ...common,
        path: shardPath,
        expected: 'a free connection',
        advice: 'Raise max_connections on that server, or end some of its connections.',
      };
    case '57P03':
      return { ...common, path: shardPath, expected: 'a running server', advice: 'Try again when it has started.' };
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return {
        ...common,
        path: `${shardPath}.host`,
        expected: 'a host name that can be resolved',
        advice: 'Correct the name, or look at the name service of this machine.',
      };
    default:
      return {
        ...common,
        path: `${shardPath}.host`,
        expected: 'a PostgreSQL server that answers',
        advice: 'Start the server, or correct host and port; look at its listen_addresses and at firewalls.',
      };
  }
}

/** Without a password, pg gives up before the server can refuse it. */
function missingPassword(error: unknown): boolean {
  return /client password must be a (?:non-empty )?string/.test(messageOf(error));
}
