/** Probe: settings that transactions over several shards depend on. */

import type { Finding } from './finding.js';
import type { ProbedServer } from './server-facts.js';
import { subjectOf } from './subject.js';

/** PostgreSQL's default of max_prepared_transactions is 0, which rules two-phase commit out. */
export function probeSettings(servers: readonly ProbedServer[]): readonly Finding[] {
  return servers.flatMap(({ index, shard, answer }): readonly Finding[] => {
    if (answer.kind === 'failure') return [];
    const { maxPreparedTransactions: prepared, maxConnections: connections } = answer.facts;
    if (prepared >= connections) return [];
    return [
      {
        severity: prepared === 0 ? 'error' : 'warning',
        path: `shards[${index}]`,
        subject: subjectOf(shard),
        expected:
          prepared === 0
            ? 'max_prepared_transactions above 0: a transaction that writes to several shards is prepared on each'
            : `max_prepared_transactions of at least max_connections (${connections}), so that every session can prepare`,
        found: `max_prepared_transactions = ${prepared}`,
        advice: `Put this line into postgresql.conf of that server and restart it:\n  max_prepared_transactions = ${connections}`,
      },
    ];
  });
}
