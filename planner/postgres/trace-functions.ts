/** PostgreSQL's own functions, and some of its extensions', that leave something in the session. */

import type { SessionTrace } from './session-trace.js';

const traces: readonly (readonly [RegExp, SessionTrace])[] = [
  [/^pg_(try_)?advisory_(lock|unlock)/, 'advisory locks'],
  [/^setseed$/, 'random seed'],
  [/^(nextval|setval)$/, 'takes numbers'],
  [/^(currval|lastval)$/, 'reads numbers'],
  // Settings of any name; replication origins; slots that may be temporary; backups; SQL from their arguments.
  [/^(set_config|set_limit|pg_replication_origin_session_\w+|pg_(create|copy)_\w+_replication_slot)$/, 'unknown'],
  [/^(pg_start_backup|pg_backup_start|pg_stop_backup|pg_backup_stop|dblink\w*)$/, 'unknown'],
  [/^((query|cursor)_to_xml(schema|_and_xmlschema)?|ts_stat)$/, 'unknown'],
];

/** What a call of that name leaves; undefined for nothing. */
export function traceOf(name: string): SessionTrace | undefined {
  return traces.find(([pattern]) => pattern.test(name))?.[1];
}
