/** What the functions of a statement do beyond computing a value from their arguments. */

import type { FuncCall } from 'libpg-query';

import { unreachable } from '../../base/assert.js';
import type { FunctionTraits } from '../../catalog/schema.js';
import { builtinDependence } from './builtins.js';
import { ConductBuilder, reachableOf, type Conduct } from './conduct.js';
import { conductOfAll } from './read-routine.js';
import { routinesNamed, type Callee } from './routines.js';
import type { PlanContext } from '../tree/context.js';
import {
  currentValueFunctions,
  localStable,
  randomFunctions,
  runsQueries,
  sequenceFunctions,
  sessionFunctions,
  transactionFunctions,
} from '../postgres/function-names.js';
import { isSizeFunction } from '../postgres/size-functions.js';
import { functionName, someNode, walkNodes, type QualifiedName } from '../tree/tree.js';

interface KnownFunction {
  readonly traits: FunctionTraits;
  readonly builtin: boolean;
}

export function functionTraits(name: QualifiedName, context: PlanContext): KnownFunction | undefined {
  if (name.schema !== undefined) {
    const traits = context.catalog.functions(name.schema, name.name);
    return traits === undefined ? undefined : { traits, builtin: name.schema === 'pg_catalog' };
  }
  const builtin = context.catalog.functions('pg_catalog', name.name);
  const user = context.searchPath
    .map((schema) => (schema === 'pg_catalog' ? undefined : context.catalog.functions(schema, name.name)))
    .find((traits) => traits !== undefined);
  // An overload of a built-in function's name may be the one that is meant: the less stable one decides.
  if (user !== undefined && (builtin === undefined || rank(user) > rank(builtin)))
    return { traits: user, builtin: false };
  return builtin === undefined ? undefined : { traits: builtin, builtin: true };
}

function rank(traits: FunctionTraits): number {
  return { immutable: 0, stable: 1, volatile: 2 }[traits.volatility];
}

/**
 * How a call behaves when several shards evaluate it:
 * - `plain`: from its arguments and the session's settings alone
 * - `once`: the same for the whole statement, so it is evaluated once (now(), current_user)
 * - `random`: a new value for each row, whichever server makes it
 * - `sequence`: takes from a sequence, which the home shard keeps
 * - `current`: tells what the session took from a sequence last, as only its own connection to the home shard can
 * - `local`: tells or changes something of one server
 * - `time`: one value for the statement, the transaction's time among it, though it cannot be evaluated before
 * - `with copies`: reads reference tables, in the session's own transaction
 * - `at home`: reads or changes what only the home shard has
 * - `nowhere`: a function of the user's that touches sharded tables, writes to one copy of a reference table, or cannot
 *   be read
 * - `transaction`: the transaction of the server that it runs on, to be compared with xmin
 * - `settings`: set_config()
 * - `size`: measures what is stored; the parts on all shards add up (planner/checks/sizes.ts)
 * - `query`: runs a statement or reads a table that its arguments name
 * - `unknown`: no such function is known
 */
export type FunctionEffect =
  | 'plain'
  | 'once'
  | 'random'
  | 'sequence'
  | 'current'
  | 'local'
  | 'time'
  | 'with copies'
  | 'at home'
  | 'nowhere'
  | 'transaction'
  | 'settings'
  | 'size'
  | 'query'
  | 'unknown';

/** Functions of the extensions uuid-ossp and pgcrypto: volatile or not, they read no table. */
const extensionRandom: ReadonlySet<string> = new Set([
  'uuid_generate_v1',
  'uuid_generate_v1mc',
  'uuid_generate_v4',
  'gen_random_bytes',
  'gen_salt',
]);

/** Whether a call must be answered by the home shard's own connection, wherever the rest of the statement runs. */
export function isOfSession({ call, effect }: Call): boolean {
  if (effect === 'sequence' || effect === 'current') return true;
  return effect === 'once' && sessionFunctions.test(functionName(call).name);
}

export function effectOf(call: FuncCall, context: PlanContext): FunctionEffect {
  const name = functionName(call);
  const known = functionTraits(name, context);
  if (sequenceFunctions.has(name.name)) return currentValueFunctions.has(name.name) ? 'current' : 'sequence';
  if (name.name === 'set_config') return 'settings';
  if (known === undefined) return extensionRandom.has(name.name) ? 'random' : 'unknown';
  const routines = userRoutines(call, context);
  if (routines.length > 0) return userEffect(call, routines, context);
  if (!known.builtin) {
    if (extensionRandom.has(name.name)) return 'random';
    // No function of the name takes as many arguments: the server will say so. Of temporary ones only the name is known.
    return routinesNamed(name, undefined, context).length > 0 ? 'unknown' : 'nowhere';
  }
  if (context.namesRowTransactions === true && transactionFunctions.test(name.name)) return 'transaction';
  if (isSizeFunction(name.name)) return 'size';
  if (runsQueries(name.name, call)) return 'query';
  if (name.name === 'ts_rewrite') return 'plain';
  switch (known.traits.volatility) {
    case 'immutable':
      return 'plain';
    case 'stable':
      // A set is no value; what returns one is stable only for time zones' sake (generate_series).
      // So is the value of an aggregate: it depends on the rows, whatever its arguments are.
      if (!readsColumns(call) && !known.traits.returnsSet && known.traits.kind === 'function')
        return isSteady(call, context) ? 'once' : 'plain';
      if (name.name === 'age' && call.args?.length === 1) return 'local';
      return localStable(name.name) ? 'local' : 'plain';
    case 'volatile':
      return randomFunctions.has(name.name) ? 'random' : 'local';
    default:
      return unreachable(known.traits.volatility, 'volatility');
  }
}

/** The functions of the user's that a call may mean. */
export function userRoutines(call: FuncCall, context: PlanContext): readonly Callee[] {
  const { searchPath } = context;
  const count = call.agg_within_group === true ? undefined : (call.args?.length ?? 0);
  return routinesNamed(functionName(call), count, context).map((routine) => ({ routine, searchPath }));
}

/** What a call of the user's functions does; a built-in one of the name may be meant as well. */
export function userConduct(call: FuncCall, routines: readonly Callee[], context: PlanContext): Conduct {
  const conduct = new ConductBuilder();
  conduct.add(conductOfAll(routines, context.catalog));
  const { schema, name } = functionName(call);
  const builtin = schema === undefined ? context.catalog.functions('pg_catalog', name) : undefined;
  if (builtin !== undefined) conduct.dependsOn(builtinDependence(name, call, builtin));
  return conduct;
}

function userEffect(call: FuncCall, routines: readonly Callee[], context: PlanContext): FunctionEffect {
  const conduct = userConduct(call, routines, context);
  const reachable = reachableOf(conduct);
  if (reachable !== 'anywhere') return reachable;
  switch (conduct.depends) {
    case 'plain':
    case 'random':
      return conduct.depends;
    case 'server':
      return 'at home';
    case 'time': {
      const isValue = routines.every(({ routine }) => routine.kind === 'function' && !routine.returnsSet);
      return isValue && !readsColumns(call) && isSteady(call, context) ? 'once' : 'time';
    }
    default:
      return unreachable(conduct.depends, 'dependence');
  }
}

/** Whether the arguments have one value for the statement too; to_char(random(), '9') has one for each row. */
function isSteady(call: FuncCall, context: PlanContext): boolean {
  return callsOf(call.args, context).every(({ effect }) => effect === 'plain' || effect === 'once');
}

/** Whether an expression reads columns, or anything else that is not the same for the whole statement. */
export function readsColumns(value: unknown): boolean {
  return someNode(value, (node) => 'ColumnRef' in node || 'SubLink' in node || 'SetToDefault' in node);
}

interface Call {
  readonly call: FuncCall;
  readonly effect: FunctionEffect;
}

/** Every function call of a statement, with what it does. */
export function callsOf(value: unknown, context: PlanContext): Call[] {
  const calls: Call[] = [];
  walkNodes(value, (node) => {
    if ('FuncCall' in node) calls.push({ call: node.FuncCall, effect: effectOf(node.FuncCall, context) });
    return true;
  });
  return calls;
}
