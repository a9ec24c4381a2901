/** A client's session, as other sessions know it: by pg_stat_activity, cancel requests and signals. */

import type { KnownSession } from './cancel-keys.js';
import type { Session } from './session.js';

export function asKnownSession(session: Session, terminate: () => void): KnownSession {
  const { scope } = session;
  return {
    cancel: async () => {
      await session.cancel();
    },
    terminate,
    describe: () => ({
      ...scope.activity.describe(scope, session.doing === 'idle'),
      home_pid: [...scope.backends.open].find(([shard]) => shard === scope.topology.home)?.[1].processId ?? null,
    }),
  };
}
