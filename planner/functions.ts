/** What the functions of a statement do beyond computing a value from their arguments. */

import type { FuncCall } from 'libpg-query';

import { unreachable } from '../base/assert.js';
import type { FunctionTraits } from '../catalog/schema.js';
import type { PlanContext } from './context.js';
import { isSizeFunction } from './size-functions.js';
import { functionName, someNode, walkNodes, type QualifiedName } from './tree.js';

export interface KnownFunction {
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
 * - `local`: tells or changes something of one server
 * - `user`: a function of the user's, whose body may read sharded tables
 * - `settings`: set_config()
 * - `size`: measures what is stored; the parts on all shards add up (planner/sizes.ts)
 * - `query`: runs a statement or reads a table that its arguments name
 * - `unknown`: no such function is known
 */
export type FunctionEffect =
  'plain' | 'once' | 'random' | 'sequence' | 'local' | 'user' | 'settings' | 'size' | 'query' | 'unknown';

const randomFunctions: ReadonlySet<string> = new Set([
  'random',
  'random_normal',
  'gen_random_uuid',
  'uuidv4',
  'uuidv7',
  'clock_timestamp',
  'timeofday',
]);

/** Functions of the extensions uuid-ossp and pgcrypto: volatile or not, they read no table. */
const extensionRandom: ReadonlySet<string> = new Set([
  'uuid_generate_v1',
  'uuid_generate_v1mc',
  'uuid_generate_v4',
  'gen_random_bytes',
  'gen_salt',
]);

const sequenceFunctions: ReadonlySet<string> = new Set(['nextval', 'currval', 'lastval', 'setval']);

/** Stable built-in functions that depend on more than their arguments and the settings, though they have arguments. */
const serverStable =
  /^(pg_|has_|txid_|inet_|to_reg|row_security_active|obj_description|col_description|shobj_description|format_type|getdatabaseencoding|query_to|table_to|schema_to|database_to|cursor_to|ts_stat|lo_)/;

/** utils/adt/xml.c, ts_stat() and the two-argument ts_rewrite(): they run SQL through SPI. */
const queryFunctions =
  /^((query|table|schema|database)_to_xml(schema|_and_xmlschema)?|cursor_to_xml(schema)?|ts_stat)$/;

/** Stable functions without arguments that tell of the session, its transaction or its server: the home shard's. */
const sessionFunctions =
  /^(pg_backend_pid|txid_current(_if_assigned|_snapshot)?|pg_current_(xact_id(_if_assigned)?|snapshot)|inet_(server|client)_(addr|port)|pg_postmaster_start_time|pg_conf_load_time|pg_my_temp_schema)$/;

/** Whether a call must be answered by the home shard's own connection, wherever the rest of the statement runs. */
export function isOfSession({ call, effect }: Call): boolean {
  return effect === 'once' && sessionFunctions.test(functionName(call).name);
}

const conversionStable = /^pg_(typeof|column_size|client_encoding|size_pretty|size_bytes)$/;

export function effectOf(call: FuncCall, context: PlanContext): FunctionEffect {
  const name = functionName(call);
  const known = functionTraits(name, context);
  if (sequenceFunctions.has(name.name)) return 'sequence';
  if (name.name === 'set_config') return 'settings';
  if (known === undefined) return extensionRandom.has(name.name) ? 'random' : 'unknown';
  if (!known.builtin) {
    if (known.traits.volatility === 'immutable') return 'plain';
    return extensionRandom.has(name.name) ? 'random' : 'user';
  }
  if (isSizeFunction(name.name)) return 'size';
  if (queryFunctions.test(name.name) || (name.name === 'ts_rewrite' && call.args?.length === 2)) return 'query';
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
      return serverStable.test(name.name) && !conversionStable.test(name.name) ? 'local' : 'plain';
    case 'volatile':
      return randomFunctions.has(name.name) ? 'random' : 'local';
    default:
      return unreachable(known.traits.volatility, 'volatility');
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

export interface Call {
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
