/** Probe: is the server a primary, and may the control role do its work there? */

import type { Finding } from './finding.js';
import type { ProbedServer } from './server-facts.js';
import { subjectOf } from './subject.js';

/** A standby cannot take writes. */
export function probePrimaries(servers: readonly ProbedServer[]): readonly Finding[] {
  return servers.flatMap(({ index, shard, answer }): readonly Finding[] =>
    answer.kind === 'facts' && answer.facts.inRecovery
      ? [
          {
            severity: 'error',
            path: `shards[${index}].host`,
            subject: subjectOf(shard),
            expected: 'a primary server',
            found: 'a server in recovery (a standby, or one that is being restored)',
            advice: 'Name its primary, or promote it: SELECT pg_promote();',
          },
        ]
      : [],
  );
}

/** Placements and the commit log live in a schema `pgring` of every database. */
export function probeRights(servers: readonly ProbedServer[]): readonly Finding[] {
  return servers.flatMap(({ shard, answer }): readonly Finding[] => {
    if (answer.kind === 'failure') return [];
    const { user, database, mayCreateSchema, schemaOwned } = answer.facts;
    if (schemaOwned ?? mayCreateSchema) return [];
    return [
      {
        severity: 'error',
        path: 'control.user',
        subject: subjectOf(shard),
        expected: `a role that may keep the schema pgring in database "${database}"`,
        found:
          schemaOwned === undefined
            ? `role "${user}" may not create a schema there`
            : `the schema pgring belongs to a role that "${user}" is not a member of`,
        advice:
          schemaOwned === undefined
            ? `Run on that server: GRANT CREATE ON DATABASE "${database}" TO "${user}";`
            : `Run in that database: ALTER SCHEMA pgring OWNER TO "${user}";`,
      },
    ];
  });
}

/** A transaction that its owner left prepared can be finished by the role that prepared it, or by a superuser. */
export function probeSuperuser(servers: readonly ProbedServer[]): readonly Finding[] {
  return servers.flatMap(({ shard, answer }): readonly Finding[] =>
    answer.kind === 'failure' || answer.facts.superuser
      ? []
      : [
          {
            severity: 'warning',
            path: 'control.user',
            subject: subjectOf(shard),
            expected: 'a superuser, which may finish transactions that a lost proxy left prepared for any role',
            found: `role "${answer.facts.user}" is no superuser`,
            advice: `Run on that server: ALTER ROLE "${answer.facts.user}" SUPERUSER; or let clients use that role only.`,
          },
        ],
  );
}
