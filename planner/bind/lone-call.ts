/** A SELECT that is one function call with literal arguments and nothing else. */

import type { FuncCall, Node, SelectStmt } from 'libpg-query';

import { columnName } from './shape.js';

interface LoneCall {
  readonly call: FuncCall;
  /** The name of the one column of its answer. */
  readonly column: string;
}

export function loneCall(select: SelectStmt): LoneCall | undefined {
  const targets = select.targetList ?? [];
  const target = targets.length === 1 ? targets[0] : undefined;
  if (target === undefined || !('ResTarget' in target) || target.ResTarget.val === undefined) return undefined;
  const expression = target.ResTarget.val;
  if (!('FuncCall' in expression) || select.whereClause !== undefined || (select.fromClause?.length ?? 0) > 0) {
    return undefined;
  }
  if (select.withClause !== undefined || select.limitCount !== undefined || select.havingClause !== undefined)
    return undefined;
  return { call: expression.FuncCall, column: target.ResTarget.name ?? columnName(expression) };
}

/** A literal argument's text, through casts and `name => value`; undefined for anything else. */
export function literalArgument(node: Node | undefined): string | undefined {
  if (node === undefined) return undefined;
  if ('TypeCast' in node) return literalArgument(node.TypeCast.arg);
  if ('A_Const' in node) {
    const { sval, boolval } = node.A_Const;
    if (sval !== undefined) return sval.sval ?? '';
    return boolval === undefined ? undefined : String(boolval.boolval ?? false);
  }
  return undefined;
}

/** Arguments in their order, by name where they are named. */
export function argumentsOf(call: FuncCall, names: readonly string[]): (Node | undefined)[] {
  const found: (Node | undefined)[] = names.map(() => undefined);
  (call.args ?? []).forEach((node, index) => {
    if ('NamedArgExpr' in node) found[names.indexOf(node.NamedArgExpr.name ?? '')] = node.NamedArgExpr.arg;
    else found[index] = node;
  });
  return found;
}
