/** Aggregates and window functions whose value is the same in whatever order the rows come. */

import type { FuncCall, Node, SelectStmt } from 'libpg-query';

import { typeOid } from '../../catalog/type-oid.js';
import type { PlanContext } from '../tree/context.js';
import { functionTraits } from '../code/functions.js';
import { isIntegerType } from '../postgres/key-family.js';
import type { Query } from '../bind/query.js';
import { isExact, orderItems, ordersTotally } from './row-order.js';
import { isAggregate, windowOf } from '../bind/shape.js';
import { functionName, treeText } from '../tree/tree.js';
import { typeOf } from '../bind/value-types.js';

/** Exact for integers and numeric, of which floats are neither. */
const sums: ReadonlySet<string> = new Set([
  'sum',
  'avg',
  'stddev',
  'stddev_pop',
  'stddev_samp',
  'variance',
  'var_pop',
  'var_samp',
]);

const logical: ReadonlySet<string> = new Set(['bool_and', 'bool_or', 'every', 'bit_and', 'bit_or', 'bit_xor']);

/** They make one value of the rows in their order. */
const lists: ReadonlySet<string> = new Set([
  'array_agg',
  'string_agg',
  'json_agg',
  'jsonb_agg',
  'json_object_agg',
  'jsonb_object_agg',
  'xmlagg',
]);

/** Those that count from a row's peers. */
const ranks: ReadonlySet<string> = new Set(['rank', 'dense_rank', 'percent_rank', 'cume_dist']);

export function isAlikeAggregate(call: FuncCall, query: Query, context: PlanContext): boolean {
  const name = functionName(call);
  if (functionTraits(name, context)?.builtin !== true || call.agg_within_group === true) return false;
  if (name.name === 'count' || logical.has(name.name)) return true;
  const [argument] = call.args ?? [];
  if (argument === undefined) return false;
  if (name.name === 'min' || name.name === 'max') return isExact(argument, query.scope);
  if (sums.has(name.name)) {
    const type = typeOf(argument, query.scope)?.baseTypeOid ?? 0;
    const isNumber = isIntegerType(type) || type === typeOid.numeric;
    return isNumber && (call.agg_distinct !== true || isExact(argument, query.scope));
  }
  return lists.has(name.name) && isOrdered(call, query);
}

/** Whether the rows that are listed have one order, or all that is shown of them has. */
function isOrdered(call: FuncCall, query: Query): boolean {
  const items = orderItems(call.agg_order);
  if (ordersTotally(items, query)) return true;
  const sorted = new Set(items.map((item) => treeText(item)));
  return (call.args ?? []).every(
    (argument) => isConstant(argument) || (sorted.has(treeText(argument)) && isExact(argument, query.scope)),
  );
}

function isConstant(node: Node): boolean {
  return 'A_Const' in node || 'ParamRef' in node;
}

/** FRAMEOPTION_NONDEFAULT (src/include/nodes/parsenodes.h). */
const NONDEFAULT_FRAME = 1;

export function isAlikeWindow(call: FuncCall, query: Query, select: SelectStmt, context: PlanContext): boolean {
  const over = call.over === undefined ? undefined : windowOf(call.over, select);
  if (over === undefined || call.over?.refname !== undefined || over.refname !== undefined) return false;
  const name = functionName(call);
  if (functionTraits(name, context)?.builtin !== true) return false;
  if (ordersTotally([...(over.partitionClause ?? []), ...orderItems(over.orderClause)], query)) return true;
  if (ranks.has(name.name)) return true;
  const hasOwnFrame = ((over.frameOptions ?? 0) & NONDEFAULT_FRAME) !== 0;
  return !hasOwnFrame && isAggregate(call, context) && isAlikeAggregate(call, query, context);
}
