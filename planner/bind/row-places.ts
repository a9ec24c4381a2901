/** Places of rows: where a condition compares them with each other, it is about rows of one shard. */

import type { FuncCall, Node, SelectStmt } from 'libpg-query';

import { columnRefParts, functionName, nameParts, operatorName, selectOf, someNode } from '../tree/tree.js';

/** A column named ctid. */
export function isRowPlace(node: Node | undefined): boolean {
  return node !== undefined && 'ColumnRef' in node && columnRefParts(node.ColumnRef).at(-1) === 'ctid';
}

/** `min(ctid)`: of rows that are there, one's own place. */
export function isExtremePlace(node: Node | undefined): boolean {
  if (node === undefined || !('FuncCall' in node)) return false;
  const call: FuncCall = node.FuncCall;
  const { name } = functionName(call);
  return (
    (name === 'min' || name === 'max') &&
    call.args?.length === 1 &&
    call.agg_filter === undefined &&
    call.over === undefined &&
    isRowPlace(call.args[0])
  );
}

/** The one column of a subquery that is a row's place, and never null. */
function selectsRowPlace(select: SelectStmt | undefined): boolean {
  const [target, ...others] = select?.targetList ?? [];
  if (select === undefined || target === undefined || others.length > 0 || !('ResTarget' in target)) return false;
  if (someNode([select], (node) => 'JoinExpr' in node && node.JoinExpr.jointype !== 'JOIN_INNER')) return false;
  const { val } = target.ResTarget;
  return isRowPlace(val) || (isExtremePlace(val) && (select.groupClause?.length ?? 0) > 0);
}

/** `ctid IN (SELECT ctid …)`, NOT IN, = ANY, <> ALL: the rows that a subquery finds, or all but them. */
export function testsRowPlace(node: Node): boolean {
  if (!('SubLink' in node)) return false;
  const { testexpr, subselect, subLinkType, operName } = node.SubLink;
  const operator = operName === undefined ? '=' : operatorName(operName);
  const isTest =
    (subLinkType === 'ANY_SUBLINK' && operator === '=') || (subLinkType === 'ALL_SUBLINK' && operator === '<>');
  return isTest && isRowPlace(testexpr) && selectsRowPlace(selectOf(subselect));
}

/** The qualifiers of both sides of `a.ctid = b.ctid`. */
export function samePlaces(node: Node): readonly [string, string] | undefined {
  if (!('A_Expr' in node) || node.A_Expr.kind !== 'AEXPR_OP' || operatorName(node.A_Expr.name) !== '=')
    return undefined;
  const [left, right] = [node.A_Expr.lexpr, node.A_Expr.rexpr].map((side) =>
    side !== undefined && isRowPlace(side) && 'ColumnRef' in side ? nameParts(side.ColumnRef.fields) : [],
  );
  const [a, b] = [left?.at(-2), right?.at(-2)];
  return a === undefined || b === undefined ? undefined : [a, b];
}
