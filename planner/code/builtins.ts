/** What PostgreSQL's own functions depend on when code of the user's calls them. */

import type { FuncCall, Node } from 'libpg-query';

import type { FunctionTraits } from '../../catalog/schema.js';
import { localStable, randomFunctions, runsQueries, sequenceFunctions } from '../postgres/function-names.js';
import { isSizeFunction } from '../postgres/size-functions.js';
import type { Dependence } from './conduct.js';

/** The transaction's time. */
const timeFunctions: ReadonlySet<string> = new Set(['now', 'transaction_timestamp', 'statement_timestamp']);

/** They tell of the backend that runs the code, which has the same to tell on every shard; or only wait. */
const indifferent: ReadonlySet<string> = new Set([
  'pg_trigger_depth',
  'pg_sleep',
  'pg_sleep_for',
  'pg_sleep_until',
  'pg_get_userbyid',
]);

/** Whether it reads tables that its arguments name, or measures them. */
export function readsNamedTables(name: string, call: FuncCall): boolean {
  return runsQueries(name, call) || isSizeFunction(name);
}

export function builtinDependence(name: string, call: FuncCall, traits: FunctionTraits | undefined): Dependence {
  if (sequenceFunctions.has(name)) return 'server';
  if (timeFunctions.has(name) || (name === 'age' && call.args?.length === 1)) return 'time';
  if (randomFunctions.has(name)) return 'random';
  if (traits === undefined) return 'server';
  if (traits.volatility === 'immutable' || indifferent.has(name)) return 'plain';
  return traits.volatility === 'stable' && !localStable(name) ? 'plain' : 'server';
}

const timeKeywords = /^SVFOP_(CURRENT_(DATE|TIME|TIMESTAMP)|LOCALTIME|LOCALTIMESTAMP)/;

/** 'now'::timestamp, 'today'::date and the like (src/backend/utils/adt/datetime.c). */
const timeWords = /\b(now|today|tomorrow|yesterday)\b/i;

/** What a node that is no call depends on. */
export function nodeDependence(node: Node): Dependence {
  if ('SQLValueFunction' in node) return timeKeywords.test(node.SQLValueFunction.op ?? '') ? 'time' : 'plain';
  if ('TypeCast' in node) {
    const { arg } = node.TypeCast;
    const literal = arg !== undefined && 'A_Const' in arg ? arg.A_Const.sval?.sval : undefined;
    return literal !== undefined && timeWords.test(literal) && isTimeType(node) ? 'time' : 'plain';
  }
  return 'plain';
}

function isTimeType(node: Extract<Node, { TypeCast: unknown }>): boolean {
  return (node.TypeCast.typeName?.names ?? []).some(
    (part) => 'String' in part && /^(date|time|abstime)/.test(part.String.sval ?? ''),
  );
}
