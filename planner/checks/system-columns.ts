/**
 * The columns that every row has and no table declares. What they hold means something on one server only: the same
 * ctid or xmin on two shards is chance. Compared with each other within one shard they still tell rows apart, so what
 * finds duplicates by ctid runs where every comparison is between rows of one shard (planner/route/distribution.ts sees to
 * that), and the values go nowhere else.
 */

import type { Node, SelectStmt } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import type { Binder } from '../bind/bind.js';
import { isExtremePlace, isRowPlace, testsRowPlace } from '../bind/row-places.js';
import type { Spread } from '../route/spread.js';
import { systemColumns } from '../postgres/system-column-names.js';
import type { StatementText } from '../tree/text.js';
import { comparedTransactions } from './row-transactions.js';
import { columnRefParts, isStar, nameParts, operatorName, selectOf, someNode, walkNodes } from '../tree/tree.js';

type Where = Pick<Binder, 'context' | 'text'>;

export function namesSystemColumns(root: unknown): boolean {
  return someNode(root, (node) => isSystemColumn(node));
}

function isSystemColumn(node: Node): boolean {
  return 'ColumnRef' in node && systemColumns.has(columnRefParts(node.ColumnRef).at(-1) ?? '');
}

const comparisons: ReadonlySet<string> = new Set(['=', '<>', '!=', '<', '>', '<=', '>=']);

/** Refuses system columns in a statement that several shards run, each for its own rows. */
export function checkSystemColumns(root: unknown, { context, text }: Where, spread?: Spread): void {
  if (!namesSystemColumns(root)) return;
  const relations = new Set((spread?.all ?? []).map(({ entry }) => entry.relation));
  const allowed = new Set([
    ...(relations.size === 1 ? comparedPlaces(root) : []),
    ...namedTables(root),
    ...comparedTransactions(root, context).columns,
  ]);
  refuseOthers(root, text, (node) => allowed.has(node));
}

/** The same, for what the rows of an INSERT return: where `xmax = 0` tells those that ON CONFLICT has not updated. */
export function checkReturnedColumns(root: unknown, { context, text }: Where): void {
  if (!namesSystemColumns(root)) return;
  const allowed = new Set([...unlockedRows(root), ...comparedTransactions(root, context).columns]);
  refuseOthers(root, text, (node) => allowed.has(node) || isTableOid(node));
}

/** xmax, with casts, where it is compared with nothing but 0. */
function unlockedRows(root: unknown): readonly Node[] {
  const found: Node[] = [];
  walkNodes(root, (node) => {
    if (!('A_Expr' in node)) return true;
    const { lexpr, rexpr, name } = node.A_Expr;
    if (!comparisons.has(operatorName(name) ?? '')) return true;
    for (const [column, value] of [[lexpr, rexpr] as const, [rexpr, lexpr] as const]) {
      const inner = withoutCasts(column);
      if (inner === undefined || !isSystemColumn(inner) || !('ColumnRef' in inner)) continue;
      if (columnRefParts(inner.ColumnRef).at(-1) === 'xmax' && isZero(withoutCasts(value))) found.push(inner);
    }
    return true;
  });
  return found;
}

function withoutCasts(node: Node | undefined): Node | undefined {
  return node !== undefined && 'TypeCast' in node ? withoutCasts(node.TypeCast.arg) : node;
}

function isZero(node: Node | undefined): boolean {
  if (node === undefined || !('A_Const' in node)) return false;
  const { ival, sval } = node.A_Const;
  return sval === undefined ? ival !== undefined && (ival.ival ?? 0) === 0 : sval.sval === '0';
}

/** The same, for a statement over copies of the rows, to which tableoid goes with them (planner/checks/table-oids.ts). */
export function checkCopiedColumns(root: unknown, text: StatementText): void {
  refuseOthers(root, text, isTableOid);
}

export function isTableOid(node: Node): boolean {
  return 'ColumnRef' in node && columnRefParts(node.ColumnRef).at(-1) === 'tableoid';
}

/** Whether an oid of a table is read as such, and not only for the table's name. */
export function readsTableOid(root: unknown): boolean {
  const named = namedTables(root);
  return someNode(root, (node) => isTableOid(node) && !named.has(node));
}

/** `tableoid::regclass`: each shard prints the name, which is the same everywhere. */
function namedTables(root: unknown): ReadonlySet<Node> {
  const named = new Set<Node>();
  walkNodes(root, (node) => {
    if (!('TypeCast' in node)) return true;
    const { arg, typeName } = node.TypeCast;
    if (arg !== undefined && isTableOid(arg) && nameParts(typeName?.names).at(-1) === 'regclass') named.add(arg);
    return true;
  });
  return named;
}

function refuseOthers(root: unknown, text: StatementText, isAllowed: (node: Node) => boolean): void {
  walkNodes(root, (node) => {
    if (!isSystemColumn(node) || isAllowed(node) || !('ColumnRef' in node)) return true;
    const name = columnRefParts(node.ColumnRef).at(-1) ?? '';
    throw refuse(`the system column "${name}" over several shards`, hintFor(name), {
      position: text.position(node.ColumnRef.location ?? 0),
    });
  });
}

function hintFor(name: string): string {
  return name === 'ctid'
    ? 'Use the primary key, or restrict the statement to one shard key value; places may only be compared with each other, of rows with the same key.'
    : 'Use the primary key, or restrict the statement to one shard key value.';
}

/** Where ctid is compared with ctid, or orders the rows of a window, and where a subquery hands it to such a place. */
function comparedPlaces(root: unknown): ReadonlySet<Node> {
  const allowed = new Set<Node>();
  const allow = (node: Node | undefined): void => {
    if (node === undefined) return;
    if (isRowPlace(node)) allowed.add(node);
    else if ('FuncCall' in node) allow(node.FuncCall.args?.[0]);
    else if ('SubLink' in node) allow(onlyTarget(selectOf(node.SubLink.subselect)));
  };
  const isComparable = (node: Node | undefined): boolean => {
    if (isRowPlace(node) || isExtremePlace(node)) return true;
    if (node === undefined || !('SubLink' in node) || node.SubLink.subLinkType !== 'EXPR_SUBLINK') return false;
    const target = onlyTarget(selectOf(node.SubLink.subselect));
    return isRowPlace(target) || isExtremePlace(target);
  };
  let derived = false;
  const takeDerived = (node: Node | undefined): void => {
    for (const target of selectOf(node)?.targetList ?? []) {
      if (!('ResTarget' in target) || !isRowPlace(target.ResTarget.val)) continue;
      if (target.ResTarget.name !== undefined && target.ResTarget.name !== 'ctid') continue;
      derived = true;
      allow(target.ResTarget.val);
    }
  };
  walkNodes(root, (node) => {
    if ('A_Expr' in node && node.A_Expr.kind === 'AEXPR_OP') {
      const { name, lexpr, rexpr } = node.A_Expr;
      if (comparisons.has(operatorName(name) ?? '') && isComparable(lexpr) && isComparable(rexpr)) {
        allow(lexpr);
        allow(rexpr);
      }
    } else if (testsRowPlace(node) && 'SubLink' in node) {
      allow(node.SubLink.testexpr);
      allow(node);
    } else if ('NullTest' in node) allow(node.NullTest.arg);
    else if ('RangeSubselect' in node) takeDerived(node.RangeSubselect.subquery);
    else if ('CommonTableExpr' in node) takeDerived(node.CommonTableExpr.ctequery);
    else if ('FuncCall' in node) {
      for (const item of node.FuncCall.over?.orderClause ?? []) if ('SortBy' in item) allow(item.SortBy.node);
    }
    return true;
  });
  // A star or a whole row would take it out of the subquery.
  return derived && readsWholeRows(root) ? new Set() : allowed;
}

function onlyTarget(select: SelectStmt | undefined): Node | undefined {
  const [target, ...others] = select?.targetList ?? [];
  return target !== undefined && others.length === 0 && 'ResTarget' in target ? target.ResTarget.val : undefined;
}

function readsWholeRows(root: unknown): boolean {
  const aliases = new Set<string>();
  walkNodes(root, (node) => {
    if ('RangeSubselect' in node) aliases.add(node.RangeSubselect.alias?.aliasname ?? '');
    if ('RangeVar' in node) aliases.add(node.RangeVar.alias?.aliasname ?? node.RangeVar.relname ?? '');
    return true;
  });
  return someNode(root, (node) => {
    if (!('ColumnRef' in node)) return false;
    const parts = columnRefParts(node.ColumnRef);
    return isStar(node.ColumnRef) || (parts.length === 1 && aliases.has(parts[0] ?? ''));
  });
}
