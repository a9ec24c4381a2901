/** SELECT: on one shard if it can be, else scattered if that is exact, else finished by PostgreSQL over shipped rows. */

import type { SelectStmt } from 'libpg-query';

import { refuse, refusedConstruct } from '../../base/errors.js';
import { requireAlike } from '../checks/alike.js';
import type { Binder } from '../bind/bind.js';
import { runsAnywhere } from '../checks/check-implied.js';
import { checkCalls } from '../checks/checks.js';
import { ComputedList, computeOnce } from '../checks/computed.js';
import { DistributionCheck } from '../route/distribution.js';
import { changesNothing } from '../code/conduct.js';
import { callsOf, isOfSession, userConduct, userRoutines } from '../code/functions.js';

import { pinObstacle } from '../scatter/obstacles.js';
import type { Obstacles, Plan, Routing } from '../plan/plan.js';
import type { Query } from '../bind/query.js';
import { pinnedRouting } from '../route/routing.js';
import { planBroadcasts } from '../combine/plan-broadcast.js';
import { planCombine } from '../combine/plan-combine.js';
import { planScatter } from '../scatter/plan-scatter.js';
import { processEdits } from '../session/processes.js';
import { sessionViewEdits } from '../session/session-views.js';
import { sizeEdits } from '../checks/sizes.js';
import { spreadOf, type Spread } from '../route/spread.js';
import { checkSystemColumns, namesSystemColumns, readsTableOid } from '../checks/system-columns.js';
import { someNode } from '../tree/tree.js';
import { ownSchemaEdits } from '../session/own-schema.js';

/** Sharded tables and those of the home shard in one statement. */
export function refuseMixture(spread: Spread, binder: Binder): void {
  if (spread.sharded.length === 0 || !spread.home) return;
  const home = spread.all.find(({ entry }) => entry.kind === 'home' || entry.kind === 'catalog')?.entry;
  const name = home?.relation?.name ?? home?.alias ?? '';
  throw refuse(
    home?.kind === 'catalog'
      ? `a statement that reads the catalog relation "${name}" together with sharded tables`
      : `a statement that reads the table "${name}", which lies on the home shard, together with sharded tables`,
    home?.kind === 'catalog'
      ? 'Run the part on the catalog as a statement of its own.'
      : home?.relation?.isTemporary === true
        ? "Read its rows first, or copy them to a table WITH (pgring.placement = 'reference')."
        : `Make it a reference table: SELECT create_reference_table('${name}').`,
    { position: binder.text.position(home?.location ?? 0) },
  );
}

function hasLocks(root: unknown): boolean {
  return someNode(root, (node) => 'LockingClause' in node);
}

/** Where a statement without sharded tables runs. */
function unshardedRouting(root: unknown, spread: Spread, binder: Binder): Routing {
  const isPlain = callsOf(root, binder.context).every(
    ({ effect }) => effect === 'plain' || effect === 'once' || effect === 'random',
  );
  // Rows of two copies of a table have different places.
  const isAlike = isPlain && !hasLocks(root) && !namesSystemColumns(root) && runsAnywhere(root, binder.context);
  return spread.reference && !spread.home && isAlike ? { kind: 'any' } : { kind: 'home' };
}

function readsOnly(root: unknown, binder: Binder): boolean {
  if (hasLocks(root)) return false;
  return callsOf(root, binder.context).every(({ call, effect }) => {
    if (effect === 'plain' || effect === 'once' || effect === 'random' || effect === 'size' || effect === 'current')
      return true;
    if (effect === 'time' || effect === 'with copies') return true;
    if (effect === 'at home')
      return changesNothing(userConduct(call, userRoutines(call, binder.context), binder.context));
    const name = call.funcname?.at(-1);
    const known =
      name !== undefined && 'String' in name
        ? binder.context.catalog.functions('pg_catalog', name.String.sval ?? '')
        : undefined;
    return known?.volatility === 'stable';
  });
}

/** Whether some WITH query writes. */
function writesInWith(root: unknown): boolean {
  return someNode(
    root,
    (node) => 'InsertStmt' in node || 'UpdateStmt' in node || 'DeleteStmt' in node || 'MergeStmt' in node,
  );
}

export function planSelect(select: SelectStmt, binder: Binder): Plan {
  const query = binder.bindNode({ SelectStmt: select }, undefined, new Map());
  const spread = spreadOf(query);
  const { context, text } = binder;
  const root = [select];
  const writes = writesInWith(select);
  if (spread.sharded.length === 0) {
    if (writes && spread.reference) {
      throw refuse(
        'a WITH query that writes together with reference tables',
        'Run it as a statement of its own in the same transaction.',
      );
    }
    const routing = unshardedRouting(root, spread, binder);
    checkCalls(root, 'home', context, text);
    const access = !writes && readsOnly(root, binder) ? 'read' : 'write';
    const computed = new ComputedList();
    const own = [...sessionViewEdits(root, context, text, computed), ...ownSchemaEdits(root, context, text)];
    const processes = processEdits(root, context, text, computed);
    const sql = text.template([...own, ...sizeEdits(root, context, text, computed), ...processes.edits]);
    const signals = processes.signals ? { signals: true } : {};
    return { kind: 'pass', routing, access, sql, computed: computed.expressions, ...signals };
  }
  // The home shard tells of all shards, and its oids are the ones that clients know.
  const tellsOfHome =
    readsTableOid(root) || callsOf(root, context).some((call) => call.effect === 'size' || isOfSession(call));
  const pinned = spread.home || (tellsOfHome && !writes) ? undefined : pinnedRouting(spread.sharded, text);
  if (pinned !== undefined) {
    if (writes) refuseReferenceWrites(spread);
    checkCalls(root, 'one shard', context, text);
    const access = !writes && readsOnly(root, binder) ? 'read' : 'write';
    const computed = new ComputedList();
    const edits = tellsOfHome ? computeOnce(root, context, text, computed, 'session') : [];
    return { kind: 'pass', routing: pinned, access, sql: text.template(edits), computed: computed.expressions };
  }
  const oneShard = tellsOfHome
    ? 'it asks for what the home shard tells: sizes, oids of tables, the session'
    : pinObstacle(spread);
  const scattered = tryScatter(select, query, spread, binder);
  if (typeof scattered !== 'string') return withObstacles(scattered, { oneShard });
  const combined = planCombine(select, query, spread, binder);
  const broadcasts =
    spread.home || combined.session === 'own' ? [] : planBroadcasts(select, combined.shipments, binder);
  return withObstacles({ ...combined, broadcasts }, { oneShard, scatter: scattered });
}

function withObstacles(plan: Plan, obstacles: Obstacles): Plan {
  return plan.kind === 'scatter' || plan.kind === 'combine' ? { ...plan, obstacles } : plan;
}

/** Rungs 3 and 4, or why they are not exact. */
function tryScatter(select: SelectStmt, query: Query, spread: Spread, binder: Binder): Plan | string {
  if (spread.home) return 'it reads rows of the home shard, which the other shards do not have';
  const { context, text } = binder;
  const root = [select];
  try {
    const { ungrouped, anchors } = new DistributionCheck(context, text).check(query);
    requireAlike(root, query, binder);
    checkSystemColumns(root, binder, spread);
    checkCalls(root, 'several shards', context, text);
    const anchoring = spread.sharded.filter(({ entry }) => anchors.includes(entry));
    return planScatter(select, query, anchoring, ungrouped, binder, new ComputedList());
  } catch (error) {
    const construct = refusedConstruct(error);
    if (construct === undefined) throw error;
    return construct;
  }
}

/** A WITH query of a pinned statement that writes to a reference table would change one copy of it. */
function refuseReferenceWrites(spread: Spread): void {
  if (spread.reference) {
    throw refuse(
      'a WITH query that writes, in a statement with reference tables',
      'Run it as a statement of its own in the same transaction.',
    );
  }
}
