/** What a statement over shards must not hold: functions that tell of one server or act on it. */

import type { FuncCall } from 'libpg-query';

import { refuse, type PgReportFields } from '../base/errors.js';
import type { PlanContext } from './context.js';
import { callsOf } from './functions.js';
import type { Entry } from './query.js';
import type { StatementText } from './text.js';
import { functionName } from './tree.js';

/** Built-in volatile functions that leave nothing behind on the server that runs them. */
const harmless: ReadonlySet<string> = new Set(['pg_sleep', 'pg_sleep_for', 'pg_sleep_until']);

/** `combined`: on one server, over copies of the shards' rows, in a session of its own. */
export type Reach = 'one shard' | 'several shards' | 'combined' | 'home';

/** Refuses calls that would not do on these shards what they do on one server. */
export function checkCalls(root: unknown, reach: Reach, context: PlanContext, text: StatementText): void {
  for (const { call, effect } of callsOf(root, context)) {
    const name = functionName(call).name;
    const where = (): PgReportFields => ({ position: text.position(call.location ?? 0) });
    switch (effect) {
      case 'plain':
      case 'once':
      case 'random':
        break;
      case 'sequence':
        if (reach === 'home') break;
        throw refuse(
          `${name}() in a statement on sharded or reference tables`,
          `Call it in a statement of its own (SELECT ${name}(…)) and send its value.`,
          where(),
        );
      case 'settings':
        throw refuse('set_config() in a larger statement', 'Run it alone: SELECT set_config(…), or use SET.', where());
      case 'local':
        if (name === 'pg_export_snapshot') {
          throw refuse(
            'pg_export_snapshot()',
            'It would be a snapshot of one shard: work in one session, or without a snapshot (pg_dump without --jobs).',
            where(),
          );
        }
        if (reach === 'home' || (reach === 'one shard' && harmless.has(name))) break;
        if (reach !== 'several shards' && isStable(call, context) && (reach === 'one shard' || tellsOfCatalog(call)))
          break;
        throw refuse(
          `${name}() in a statement on sharded tables`,
          'It tells of or acts on one server: call it in a statement of its own.',
          where(),
        );
      case 'size':
        if (reach === 'home' || reach === 'combined') break;
        throw refuse(`${name}() in a statement on some shards`, 'Call it in a SELECT of its own.', where());
      case 'query':
        if (reach === 'home' && !hasShardedTables(context)) break;
        throw refuse(
          `${name}(), which reads tables that its arguments name,`,
          'It would see the rows of one shard: select the rows, and make of them what you need (query_to_xml: xmlagg()).',
          where(),
        );
      case 'user':
        throw refuse(
          `the user-defined function ${name}()`,
          'Its body may read sharded tables and would see one shard of them: declare it IMMUTABLE if it reads no table.',
          where(),
        );
      case 'unknown':
        if (reach !== 'several shards') break;
        throw refuse(
          `the unknown function ${name}()`,
          'pgring knows no function of that name on the search path, so it cannot tell what it does.',
          where(),
        );
    }
  }
}

/**
 * What a function without arguments tells (pg_prepared_statement()) may be of the session, and age() counts from the
 * transaction's start: where rows are combined, both are others.
 */
function tellsOfCatalog(call: FuncCall): boolean {
  return (call.args?.length ?? 0) > 0 && functionName(call).name !== 'age';
}

function hasShardedTables(context: PlanContext): boolean {
  for (const relation of context.catalog.relations()) if (relation.placement.kind === 'sharded') return true;
  return false;
}

function isStable(call: FuncCall, context: PlanContext): boolean {
  const { name } = functionName(call);
  return context.catalog.functions('pg_catalog', name)?.volatility === 'stable';
}

/** Writes to a table whose triggers, rules or policies run SQL that the planner has not read. */
export function checkWritable(entry: Entry, text: StatementText): void {
  const relation = entry.relation;
  if (relation === undefined || entry.kind === 'home') return;
  const reason = relation.hasTriggers
    ? 'triggers'
    : relation.hasRules
      ? 'rules'
      : relation.hasRowSecurity
        ? 'row security'
        : undefined;
  if (reason === undefined && relation.kind !== 'view') return;
  const construct =
    reason === undefined
      ? `a write through the view "${relation.name}"`
      : `a write to the table "${relation.name}" with ${reason}`;
  throw refuse(
    construct,
    'What they run may need rows of other shards: drop them, or place the table with undistribute_table().',
    {
      position: text.position(entry.location),
    },
  );
}
