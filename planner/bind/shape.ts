/** What one SELECT does with its rows: aggregates, windows, grouping, cutting. Subqueries are not looked into. */

import type { FuncCall, Node, SelectStmt, WindowDef } from 'libpg-query';

import type { PlanContext } from '../tree/context.js';
import { functionTraits } from '../code/functions.js';
import type { Scope, VisibleColumn } from './query.js';
import { functionName, integerConstant, nameParts, walkNodes } from '../tree/tree.js';

export interface Shape {
  readonly aggregates: readonly FuncCall[];
  readonly windows: readonly WindowDef[];
  /** LIMIT, OFFSET or FETCH. */
  readonly limited: boolean;
}

/** Visits the nodes of a query's own level, to which what a subquery is compared with (`x = ANY (SELECT …)`) belongs. */
export function walkLevel(value: unknown, visit: (node: Node) => boolean): void {
  walkNodes(value, (node) => {
    if (!('SubLink' in node)) return visit(node);
    walkLevel(node.SubLink.testexpr, visit);
    return false;
  });
}

export function shapeOf(select: SelectStmt, context: PlanContext): Shape {
  const aggregates: FuncCall[] = [];
  const windows: WindowDef[] = [];
  const visit = (node: Node): boolean => {
    if ('GroupingFunc' in node) return true;
    if ('JsonObjectAgg' in node || 'JsonArrayAgg' in node) aggregates.push({ args: [node] });
    if (!('FuncCall' in node)) return true;
    const call = node.FuncCall;
    if (call.over !== undefined) windows.push(windowOf(call.over, select));
    else if (isAggregate(call, context)) aggregates.push(call);
    return true;
  };
  walkLevel(select.targetList, visit);
  walkLevel(select.havingClause, visit);
  walkLevel(select.sortClause, visit);
  walkLevel(select.distinctClause, visit);
  walkLevel(select.windowClause, visit);
  const limited = select.limitCount !== undefined || select.limitOffset !== undefined;
  return { aggregates, windows, limited };
}

export function isAggregate(call: FuncCall, context: PlanContext): boolean {
  if (call.agg_star === true || call.agg_distinct === true || call.agg_filter !== undefined) return true;
  if (call.agg_within_group === true || (call.agg_order?.length ?? 0) > 0) return true;
  return functionTraits(functionName(call), context)?.traits.kind === 'aggregate';
}

/** A window with what it takes over from the WINDOW clause. */
export function windowOf(over: WindowDef, select: SelectStmt, depth = 0): WindowDef {
  const base = over.refname ?? (over.partitionClause === undefined ? over.name : undefined);
  if (base === undefined || depth > 32) return over;
  for (const node of select.windowClause ?? []) {
    if ('WindowDef' in node && node.WindowDef.name === base && node.WindowDef !== over) {
      return windowOf(node.WindowDef, select, depth + 1);
    }
  }
  return over;
}

/** A target list item: its name as the client sees it, its expression, and the columns if it is a star. */
export interface Target {
  readonly name: string;
  readonly expression: Node;
  readonly star: readonly VisibleColumn[] | 'unknown' | undefined;
}

/** The target list. */
export function targetsOf(nodes: readonly Node[] | undefined, scope: Scope): Target[] {
  const targets: Target[] = [];
  for (const node of nodes ?? []) {
    if (!('ResTarget' in node) || node.ResTarget.val === undefined) continue;
    const expression = node.ResTarget.val;
    const star =
      'ColumnRef' in expression && expression.ColumnRef.fields?.some((field) => 'A_Star' in field) === true
        ? (scope.expandStar(expression.ColumnRef) ?? 'unknown')
        : undefined;
    targets.push({ name: node.ResTarget.name ?? columnName(expression), expression, star });
  }
  return targets;
}

/** The name that PostgreSQL gives to an unnamed target (FigureColname, src/backend/parser/parse_target.c). */
export function columnName(expression: Node): string {
  return strongName(expression) ?? weakName(expression) ?? '?column?';
}

function strongName(expression: Node): string | undefined {
  if ('ColumnRef' in expression) return nameParts(expression.ColumnRef.fields).at(-1);
  if ('FuncCall' in expression) return functionName(expression.FuncCall).name;
  if ('A_Indirection' in expression) {
    const field = nameParts(expression.A_Indirection.indirection).at(-1);
    return field ?? (expression.A_Indirection.arg === undefined ? undefined : strongName(expression.A_Indirection.arg));
  }
  if ('CoalesceExpr' in expression) return 'coalesce';
  if ('MinMaxExpr' in expression) return expression.MinMaxExpr.op === 'IS_GREATEST' ? 'greatest' : 'least';
  if ('A_Expr' in expression && expression.A_Expr.kind === 'AEXPR_NULLIF') return 'nullif';
  if ('A_ArrayExpr' in expression) return 'array';
  if ('RowExpr' in expression) return 'row';
  if ('GroupingFunc' in expression) return 'grouping';
  if ('SubLink' in expression && expression.SubLink.subLinkType === 'EXISTS_SUBLINK') return 'exists';
  if ('SubLink' in expression && expression.SubLink.subLinkType === 'ARRAY_SUBLINK') return 'array';
  if ('TypeCast' in expression && expression.TypeCast.arg !== undefined) return strongName(expression.TypeCast.arg);
  if ('CollateClause' in expression && expression.CollateClause.arg !== undefined) {
    return strongName(expression.CollateClause.arg);
  }
  if ('SQLValueFunction' in expression) {
    return expression.SQLValueFunction.op
      ?.replace(/^SVFOP_/, '')
      .replace(/_N$/, '')
      .toLowerCase();
  }
  return undefined;
}

function weakName(expression: Node): string | undefined {
  if ('TypeCast' in expression) return nameParts(expression.TypeCast.typeName?.names).at(-1);
  if ('CaseExpr' in expression) return 'case';
  return undefined;
}

/** GROUP BY and DISTINCT ON items as expressions: ordinals and output names resolved as PostgreSQL does. */
export function groupingExpression(item: Node, targets: readonly Target[], scope: Scope): Node {
  if ('A_Const' in item) return ordinal(item, targets) ?? item;
  if ('ColumnRef' in item && item.ColumnRef.fields?.length === 1) {
    if (scope.columns.some((column) => column.name === nameParts(item.ColumnRef.fields)[0])) return item;
    return outputNamed(item, targets) ?? item;
  }
  return item;
}

/** ORDER BY items as expressions: here an output's name goes before a column's. */
export function orderingExpression(item: Node, targets: readonly Target[]): Node {
  if ('A_Const' in item) return ordinal(item, targets) ?? item;
  return outputNamed(item, targets) ?? item;
}

function outputNamed(item: Node, targets: readonly Target[]): Node | undefined {
  if (!('ColumnRef' in item) || item.ColumnRef.fields?.length !== 1) return undefined;
  const name = nameParts(item.ColumnRef.fields)[0];
  return targets.find((target) => target.star === undefined && target.name === name)?.expression;
}

/** The target of an ordinal, when no star stands before it. */
function ordinal(item: Node, targets: readonly Target[]): Node | undefined {
  const number = 'A_Const' in item ? integerConstant(item.A_Const) : undefined;
  if (number === undefined) return undefined;
  const before = targets.slice(0, number);
  return before.length === number && before.every((target) => target.star === undefined)
    ? before.at(-1)?.expression
    : undefined;
}
