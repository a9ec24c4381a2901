/** Routing on the hot path: the one shard of a statement, when that can be told without asking anybody. */

import { PgError } from '../../base/errors.js';
import type { ShardId } from '../../catalog/topology.js';
import type { Plan, Routing } from '../../planner/plan/plan.js';
import { locate, type LocateResult } from '../ring/locate.js';
import type { ShardMap } from '../ring/shard-map.js';
import type { ExecutionContext } from './context.js';
import type { StatementValues } from './values.js';

/** Whether a server may be sent the statement in the client's own messages, and nothing is left to do afterwards. */
export function canRelay(plan: Plan): plan is Extract<Plan, { readonly kind: 'pass' }> {
  if (plan.changesTemporary === true || plan.notifies === true) return false;
  if (plan.leaves !== undefined && plan.leaves.some((trace) => trace !== 'takes numbers')) return false;
  return plan.kind === 'pass' && plan.sql === 'client' && plan.computed.length === 0;
}

/** Undefined: more than one shard, or a value that a server must read first. */
export function locateNow(
  context: Pick<ExecutionContext, 'topology' | 'shardMap' | 'transaction'>,
  routing: Routing,
  values: StatementValues,
): ShardId | undefined {
  const { home } = context.topology;
  switch (routing.kind) {
    case 'home':
    case 'none':
      return home;
    case 'any':
      return context.transaction.shards[0] ?? home;
    case 'all':
      return undefined;
    case 'byKey':
    case 'byRow': {
      const located = locateOrHome(routing, values, context.shardMap, home);
      if (located.kind !== 'shards' || located.shards.length > 1) return undefined;
      return located.shards[0] ?? home;
    }
  }
}

/** As `locate`; a key that its type does not accept, or that nobody gave, goes to the home shard: PostgreSQL's words refuse it. */
export function locateOrHome(routing: Routing, values: StatementValues, map: ShardMap, home: ShardId): LocateResult {
  try {
    return locate(routing, values, map, home);
  } catch (error) {
    const isRefused = error instanceof PgError && /^(?:22|42P02$)/.test(error.sqlstate);
    if (isRefused) return { kind: 'shards', shards: [home] };
    throw error;
  }
}
