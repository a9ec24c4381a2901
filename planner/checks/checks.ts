/** What a statement over shards must not hold: functions that tell of one server or act on it. */

import type { FuncCall } from 'libpg-query';

import { refuse, type PgError, type PgReportFields } from '../../base/errors.js';
import type { PlanContext } from '../tree/context.js';
import { waysOut, whyNowhere } from '../code/conduct.js';
import { signatureOf } from '../code/routines.js';
import { copiesProblem } from './alike-bodies.js';
import { checkImplied } from './check-implied.js';
import { callsOf, functionTraits, userConduct, userRoutines } from '../code/functions.js';
import type { Entry } from '../bind/query.js';
import { isCombined, type Reach } from './reach.js';
import { comparedTransactions } from './row-transactions.js';
import type { StatementText } from '../tree/text.js';
import { functionName, someNode } from '../tree/tree.js';

/** Built-in volatile functions that leave nothing behind on the server that runs them. */
const harmless: ReadonlySet<string> = new Set(['pg_sleep', 'pg_sleep_for', 'pg_sleep_until']);

export const COPIES_HINT =
  'Let its queries give the same for every copy of their tables: ORDER BY a unique key, also within aggregates.';

/** Refuses calls that would not do on these shards what they do on one server. */
export function checkCalls(root: unknown, reach: Reach, context: PlanContext, text: StatementText): void {
  const calls = callsOf(root, context);
  const sets = calls.filter(
    ({ call }) => functionTraits(functionName(call), context)?.traits.returnsSet !== false,
  ).length;
  const takes = calls.some(({ effect }) => effect === 'sequence');
  const compared = comparedTransactions(root, context);
  for (const { call, effect } of calls) {
    const name = functionName(call).name;
    const where = (): PgReportFields => ({ position: text.position(call.location ?? 0) });
    if (reach === 'combined' && context.catalog.isUncommitted && userRoutines(call, context).length > 0) {
      throw refuse(
        `${name}() in a statement that several shards cannot answer by themselves, after DDL in the same transaction`,
        'Another session finishes it, which may know another function of the name: commit first.',
        where(),
      );
    }
    switch (effect) {
      case 'plain':
      case 'once':
      case 'random':
        break;
      case 'current':
        if (reach === 'home' || reach === 'own session') break;
        // It is computed before, which takes what is known before.
        if (reach !== 'one shard' && !takes && !readsArguments(call)) break;
        throw refuse(
          `${name}() in this statement on sharded or reference tables`,
          `Call it in a statement of its own (SELECT ${name}(…)) and send its value.`,
          where(),
        );
      case 'sequence':
        if (reach === 'home' || reach === 'own session') break;
        throw refuse(
          `${name}() in a statement on sharded or reference tables`,
          `Call it in a statement of its own (SELECT ${name}(…)) and send its value.`,
          where(),
        );
      case 'transaction':
        if (reach === 'home' || (isEachOwn(reach, name) && compared.calls.has(call))) break;
        throw refuse(
          `${name}() beside xmin or xmax of sharded tables`,
          'Every shard has transactions of its own: compare them in place, xmin = pg_current_xact_id()::xid.',
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
        if (reach === 'home' || isCombined(reach)) break;
        throw refuse(`${name}() in a statement on some shards`, 'Call it in a SELECT of its own.', where());
      case 'query':
        if (reach === 'home' && !hasShardedTables(context)) break;
        throw refuse(
          `${name}(), which reads tables that its arguments name,`,
          'It would see the rows of one shard: select the rows, and make of them what you need (query_to_xml: xmlagg()).',
          where(),
        );
      case 'time':
        if (reach === 'home' || reach === 'one shard') break;
        throw refuse(
          `${name}(), whose value depends on the time, with columns of sharded tables as arguments`,
          'Each server has a time of its own: send the time as an argument, or pin the statement to one key value.',
          where(),
        );
      case 'with copies':
        if (reach === 'several shards') {
          const problem = copiesProblem(userConduct(call, userRoutines(call, context), context), sets > 1, context);
          if (problem !== undefined)
            throw refuse(`the function ${name}(), ${problem} in a statement on several shards`, COPIES_HINT, where());
        }
        if (reach !== 'combined') break;
        throw refuse(
          `${name}(), which reads tables, in a statement that several shards cannot answer by themselves`,
          'Call it in a statement of its own, or join the tables that it reads.',
          where(),
        );
      case 'at home':
        if (reach === 'home' || reach === 'own session') break;
        throw refuse(
          `${name}(), which uses what lies on the home shard, in a statement on sharded tables`,
          'Call it in a statement of its own, or make the tables that it reads reference tables.',
          where(),
        );
      case 'nowhere':
        throw refuseRoutine(call, context, where());
      case 'unknown':
        if (reach !== 'several shards') break;
        throw refuse(
          `the unknown function ${name}()`,
          'pgring knows no function of that name on the search path, so it cannot tell what it does.',
          where(),
        );
    }
  }
  checkImplied(root, reach, context, text);
}

/** Whether shards have a transaction to compare with: one that has written nothing has no number yet. */
function isEachOwn(reach: Reach, name: string): boolean {
  return (reach === 'one shard' || reach === 'several shards') && !name.endsWith('_if_assigned');
}

/** A call that no server can carry out as one would. */
export function refuseRoutine(call: FuncCall, context: PlanContext, fields: PgReportFields): PgError {
  const routines = userRoutines(call, context);
  const { name } = functionName(call);
  const [callee] = routines;
  if (callee === undefined) {
    return refuse(
      `the temporary function ${name}(), whose body is not read,`,
      'Create it in an ordinary schema.',
      fields,
    );
  }
  const shown = signatureOf(callee.routine);
  const conduct = userConduct(call, routines, context);
  return refuse(`the function ${name}(), ${whyNowhere(conduct)}`, waysOut(conduct, shown), fields);
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

/** Whether its arguments are more than constants. */
function readsArguments(call: FuncCall): boolean {
  return someNode(call.args, (node) => 'ColumnRef' in node || 'ParamRef' in node || 'SubLink' in node);
}

/** Writes to a table whose rules rewrite the statement. */
export function checkWritable(entry: Entry, text: StatementText): void {
  const relation = entry.relation;
  if (relation === undefined || entry.kind === 'home') return;
  if (!relation.hasRules && relation.kind !== 'view') return;
  const construct = relation.hasRules
    ? `a write to the table "${relation.name}" with rules`
    : `a write through the view "${relation.name}"`;
  throw refuse(
    construct,
    'What they run may need rows of other shards: drop them, or place the table with undistribute_table().',
    {
      position: text.position(entry.location),
    },
  );
}
