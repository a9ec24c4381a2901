/**
 * Expressions that have a value for every row. Of a subquery PostgreSQL may evaluate others for a part of the rows only,
 * those that a condition around lets through; on the shards they would be evaluated for all of them, and might fail.
 */

import type { Node } from 'libpg-query';

import { typeOid } from '../../catalog/type-oid.js';
import { functionName, operatorName, walkNodes } from '../tree/tree.js';
import { plainType } from '../tree/values.js';

/** Sums and products may still leave their range, which the aggregates of a subquery do as well. */
const operators: ReadonlySet<string> = new Set('= <> != < <= > >= + - * || ~~ !~~ ~~* !~~* -> ->> && @>'.split(' '));

const functions: ReadonlySet<string> = new Set(
  'count sum avg min max string_agg bool_and bool_or every bit_and bit_or abs lower upper btrim length char_length extract date_part date_trunc concat rank dense_rank row_number'.split(
    ' ',
  ),
);

export function cannotFail(nodes: unknown): boolean {
  let isSafe = true;
  walkNodes(nodes, (node) => {
    isSafe &&= isSafeNode(node);
    return isSafe;
  });
  return isSafe;
}

function isSafeNode(node: Node): boolean {
  if ('A_Expr' in node) return operators.has(operatorName(node.A_Expr.name) ?? '');
  if ('FuncCall' in node) return functions.has(functionName(node.FuncCall).name);
  if ('TypeCast' in node) {
    const { arg, typeName } = node.TypeCast;
    return plainType(typeName) === typeOid.text || (arg !== undefined && 'A_Const' in arg);
  }
  return !('SubLink' in node);
}
