/** A SELECT over several shards: their rows concatenated, merged in order, or their aggregates combined. */

import type { FuncCall, Node, SelectStmt, SortBy } from 'libpg-query';

import { assert } from '../../base/assert.js';
import { refuse } from '../../base/errors.js';
import { quoteIdentifier } from '../../catalog/schema.js';
import type { Binder } from '../bind/bind.js';
import { computeOnce, type ComputedList } from '../checks/computed.js';
import { effectOf } from '../code/functions.js';
import { typeOid } from '../../catalog/type-oid.js';
import { orderTypeOf } from './order-types.js';
import type { Occurrence } from '../route/pins.js';
import type { Combination, Gather, OrderKey, Plan, SqlPiece, SqlTemplate, ValueSource } from '../plan/plan.js';
import { scatterRouting } from '../route/routing.js';
import type { ValueType, Query } from '../bind/query.js';
import { isPlainSelect, locateClauses, type SelectText } from '../tree/select-text.js';
import { orderingExpression, targetsOf, type Target } from '../bind/shape.js';
import type { Edit } from '../parse/splice.js';
import type { StatementText } from '../tree/text.js';
import { functionName, integerConstant, leftmostLocation, operatorName, someNode } from '../tree/tree.js';
import { typeOf } from '../bind/value-types.js';
import { comparedValue } from '../tree/values.js';

type ScatterPlan = Extract<Plan, { readonly kind: 'scatter' }>;

/** `inserted`: edits of the statement that the shards' SQL gets besides. */
export function planScatter(
  select: SelectStmt,
  query: Query,
  anchors: readonly Occurrence[],
  ungrouped: boolean,
  binder: Binder,
  computed: ComputedList,
  inserted: readonly Edit[] = [],
): ScatterPlan {
  const { text, context } = binder;
  const locks = (select.lockingClause?.length ?? 0) > 0;
  const targets = targetsOf(select.targetList, query.scope);
  const firstTarget = leftmostLocation(select.targetList) ?? text.start;
  const clauses = locateClauses(text, firstTarget, labels(select.targetList));
  if (select.limitOption === 'LIMIT_OPTION_WITH_TIES') {
    throw refuse('FETCH FIRST … WITH TIES over several shards', 'Use LIMIT with an ORDER BY that has no ties.');
  }
  const isCut = select.limitCount !== undefined || select.limitOffset !== undefined;
  if ((isCut || ungrouped || select.sortClause !== undefined) && !isPlainSelect(text, firstTarget)) {
    throw refuse(
      'TABLE or a SELECT in parentheses with more than its rows, over several shards',
      'Write a plain SELECT.',
    );
  }
  const edits: Edit[] = [...inserted];
  let gather: Gather;
  if (ungrouped) {
    gather = { kind: 'aggregate', columns: aggregateColumns(select, targets, query, clauses, binder, edits) };
  } else if ((select.sortClause?.length ?? 0) > 0) {
    gather = mergeBy(select, targets, query, clauses, binder, edits);
  } else {
    gather = { kind: 'concatenate' };
  }
  const limit = cutValue(select.limitCount, binder, computed);
  const offset = cutValue(select.limitOffset, binder, computed);
  const withoutCut = { ...select, limitCount: undefined, limitOffset: undefined };
  const once = computeOnce(withoutCut, context, text, computed);
  checkHidden(once, clauses);
  // At the end of the target list a label goes before the hidden columns.
  edits.unshift(...once);
  if (clauses.limit !== undefined && isCut) {
    const pieces: SqlPiece[] = select.limitCount === undefined || ungrouped ? [] : ['LIMIT ', { kind: 'limit' }];
    edits.push({ ...clauses.limit, pieces });
  }
  return {
    kind: 'scatter',
    routing: scatterRouting(anchors, text),
    sql: text.template(edits),
    computed: computed.expressions,
    gather,
    limit,
    offset,
    locks,
    lockedInOrder: locks && isCut && gather.kind === 'merge' ? lockedInOrder(select, clauses, edits, text) : undefined,
  };
}

/** Rows that are locked one by one up to a limit: what tells their order without locking any. */
function lockedInOrder(
  select: SelectStmt,
  { locking }: SelectText,
  edits: readonly Edit[],
  text: StatementText,
): { readonly unlocked: SqlTemplate; readonly skips: boolean } {
  assert(locking !== undefined, 'a locking clause that is not in the text');
  const skips = (select.lockingClause ?? []).some(
    (node) => 'LockingClause' in node && node.LockingClause.waitPolicy === 'LockWaitSkip',
  );
  return { unlocked: text.template([...edits, { ...locking, pieces: [] }]), skips };
}

/** Hidden columns copy text of the statement: what is computed once could differ in the copy. */
function checkHidden(once: readonly Edit[], clauses: SelectText): void {
  for (const edit of once) {
    if (clauses.order.some((extent) => edit.start >= extent.start && edit.end <= extent.end)) {
      throw refuse('ORDER BY an expression of the current time or user, over several shards', 'Order by a column.');
    }
  }
}

function labels(targets: readonly Node[] | undefined): boolean[] {
  return (targets ?? []).map((node) => 'ResTarget' in node && node.ResTarget.name !== undefined);
}

/** The value of LIMIT or OFFSET. */
function cutValue(node: Node | undefined, binder: Binder, computed: ComputedList): ValueSource | undefined {
  if (node === undefined) return undefined;
  if ('A_Const' in node && node.A_Const.isnull === true) return { kind: 'null' };
  const value = comparedValue(node, { baseTypeOid: typeOid.int8 }, binder.text);
  if (value !== undefined) return value;
  const constant = 'A_Const' in node ? integerConstant(node.A_Const) : undefined;
  // FETCH FIRST ROW ONLY has a constant without a place in the text.
  if (constant !== undefined) {
    if (node !== undefined && 'A_Const' in node && (node.A_Const.location ?? 0) >= 0)
      binder.text.dependsOnLiterals = true;
    return computed.add([String(constant)], 'pg_catalog.int8');
  }
  throw refuse('LIMIT or OFFSET of an expression over several shards', 'Send a number or a parameter.', {
    position: binder.text.position(leftmostLocation(node) ?? 0),
  });
}

/** ORDER BY as hidden columns that the merge compares. */
function mergeBy(
  select: SelectStmt,
  targets: readonly Target[],
  query: Query,
  clauses: SelectText,
  binder: Binder,
  edits: Edit[],
): Gather {
  const order: OrderKey[] = [];
  const hidden: SqlPiece[] = [];
  const width = targetWidth(targets);
  const sorts = select.sortClause ?? [];
  sorts.forEach((node, index) => {
    if (!('SortBy' in node) || node.SortBy.node === undefined) return;
    const sort = node.SortBy;
    const written = clauses.order[index];
    const found = orderedValue(sort.node ?? node, targets, query, clauses, binder, written);
    const position = binder.text.position(written?.start ?? 0);
    const type = found.type === undefined ? undefined : orderTypeOf(found.type);
    if (type === 'locale') {
      throw refuse(
        'ORDER BY text in a collation of the operating system or ICU, over several shards',
        'Order by bytes: ORDER BY … COLLATE "C".',
        { position },
      );
    }
    if (type === undefined) {
      throw refuse(
        'ORDER BY this expression over several shards',
        'Order by columns of built-in scalar types, or cast the expression: ORDER BY (…)::bigint.',
        { position },
      );
    }
    if (
      someNode(
        found.expression,
        (part) =>
          'SQLValueFunction' in part || ('FuncCall' in part && effectOf(part.FuncCall, binder.context) !== 'plain'),
      )
    ) {
      throw refuse('ORDER BY an expression that is not immutable, over several shards', 'Order by a column.', {
        position,
      });
    }
    if ((select.distinctClause?.length ?? 0) > 0) requireTarget(select, found.expression, targets, position);
    const direction = directionOf(sort, position);
    order.push({ column: width + index, type, ...direction });
    hidden.push(', ', ...found.sql, ` AS pgring_${index + 1}`);
  });
  edits.push({ start: clauses.targetsEnd, end: clauses.targetsEnd, pieces: hidden });
  return { kind: 'merge', order, hidden: order.length };
}

/** How many columns the shards' rows have before the hidden ones. */
function targetWidth(targets: readonly Target[]): number {
  let width = 0;
  for (const { star } of targets) {
    if (star === 'unknown') {
      throw refuse('ORDER BY with a star over a function, over several shards', 'List the columns instead of *.');
    }
    width += star === undefined ? 1 : star.length;
  }
  return width;
}

interface OrderedValue {
  readonly expression: Node;
  readonly type: ValueType | undefined;
  readonly sql: readonly SqlPiece[];
}

function orderedValue(
  node: Node,
  targets: readonly Target[],
  query: Query,
  clauses: SelectText,
  binder: Binder,
  written: { start: number; end: number } | undefined,
): OrderedValue {
  const ordinal = 'A_Const' in node ? integerConstant(node.A_Const) : undefined;
  if (ordinal !== undefined) {
    const starred = columnOfStar(ordinal, targets);
    if (starred !== undefined) {
      const reference: Node = { ColumnRef: { fields: [{ String: { sval: starred } }] } };
      const type = query.scope.resolveName(starred)?.type;
      return { expression: reference, type, sql: [quoteIdentifier(starred)] };
    }
  }
  const expression = orderingExpression(node, targets);
  const index = targets.findIndex((target) => target.expression === expression);
  const extent = expression === node ? written : clauses.targets[index];
  const sql = extent === undefined ? [] : binder.text.pieces(extent.start, extent.end);
  const isLiteral = 'A_Const' in expression;
  return { expression, type: isLiteral ? undefined : typeOf(expression, query.scope), sql };
}

/** The name of the column that an ordinal means when it falls into a star. */
function columnOfStar(ordinal: number, targets: readonly Target[]): string | undefined {
  let before = 0;
  for (const { star } of targets) {
    if (star === 'unknown') return undefined;
    const width = star === undefined ? 1 : star.length;
    if (ordinal <= before + width) return star?.[ordinal - before - 1]?.name;
    before += width;
  }
  return undefined;
}

/** With DISTINCT, a hidden column that is no copy of a target would keep duplicates. */
function requireTarget(select: SelectStmt, expression: Node, targets: readonly Target[], position: number): void {
  const isOn = select.distinctClause?.some((node) => Object.keys(node).length > 0) === true;
  if (isOn) return;
  const isColumn = 'ColumnRef' in expression;
  const inTargets = targets.some((target) => target.expression === expression || target.star !== undefined);
  const sameColumn = isColumn && targets.some((target) => sameReference(target.expression, expression));
  if (!inTargets && !sameColumn) {
    throw refuse(
      'SELECT DISTINCT with ORDER BY another expression, over several shards',
      'Order by a column of the select list.',
      { position },
    );
  }
}

function sameReference(left: Node, right: Node): boolean {
  if (!('ColumnRef' in left) || !('ColumnRef' in right)) return false;
  return JSON.stringify(left.ColumnRef.fields) === JSON.stringify(right.ColumnRef.fields);
}

function directionOf(sort: SortBy, position: number): { descending: boolean; nullsFirst: boolean } {
  let descending = sort.sortby_dir === 'SORTBY_DESC';
  if (sort.sortby_dir === 'SORTBY_USING') {
    const operator = operatorName(sort.useOp);
    if (operator !== '<' && operator !== '>') {
      throw refuse('ORDER BY … USING an operator other than < and >', 'Use ASC or DESC.', { position });
    }
    descending = operator === '>';
  }
  const nulls = sort.sortby_nulls;
  const nullsFirst = nulls === 'SORTBY_NULLS_FIRST' || (nulls !== 'SORTBY_NULLS_LAST' && descending);
  return { descending, nullsFirst };
}

const AGGREGATE_HINT =
  'Over several shards these aggregates combine: count, sum of integers and numeric, min, max, bool_and, bool_or, bit_and, bit_or, each alone in the select list.';

/** The extremes need a copy of themselves to be compared in: hidden columns behind the visible ones. */
function aggregateColumns(
  select: SelectStmt,
  targets: readonly Target[],
  query: Query,
  clauses: SelectText,
  binder: Binder,
  edits: Edit[],
): Combination[] {
  if (select.havingClause !== undefined) {
    throw refuse('HAVING over all rows of several shards', 'Compare the aggregate in the client.');
  }
  if ((select.sortClause?.length ?? 0) > 0) {
    throw refuse('ORDER BY with an aggregate over several shards', 'Leave it out: there is one row.');
  }
  const copies: SqlPiece[] = [];
  let copy = targets.length;
  const columns = targets.map(({ expression }, index) => {
    const call = 'FuncCall' in expression ? expression.FuncCall : undefined;
    const combination = call === undefined ? undefined : combinationOf(call, query, copy);
    if (combination !== undefined) {
      const extent = clauses.targets[index];
      if ('copy' in combination && extent !== undefined) {
        copies.push(', ', ...binder.text.pieces(extent.start, extent.end), ` AS pgring_${copy}`);
        copy += 1;
      }
      return combination;
    }
    const shown =
      call === undefined ? 'an expression around aggregates' : `the aggregate ${functionName(call).name}() here`;
    throw refuse(`${shown}, over several shards`, AGGREGATE_HINT, {
      position: binder.text.position(leftmostLocation(expression) ?? 0),
    });
  });
  if (copies.length > 0) edits.push({ start: clauses.targetsEnd, end: clauses.targetsEnd, pieces: copies });
  return columns;
}

const integerNames: ReadonlyMap<number, 'int2' | 'int4' | 'int8'> = new Map([
  [typeOid.int2, 'int2'],
  [typeOid.int4, 'int4'],
  [typeOid.int8, 'int8'],
]);

/** `copy`: the column that a copy of the aggregate's value would get. */
function combinationOf(call: FuncCall, query: Query, copy: number): Combination | undefined {
  if ((call.agg_order?.length ?? 0) > 0 || call.agg_within_group === true || call.over !== undefined) return undefined;
  const { schema, name } = functionName(call);
  if (schema !== undefined && schema !== 'pg_catalog') return undefined;
  const argument = call.args?.[0];
  if (call.agg_distinct === true && name !== 'min' && name !== 'max') return undefined;
  if (name === 'count') return { kind: 'count' };
  if (argument === undefined || call.args?.length !== 1) return undefined;
  const type = typeOf(argument, query.scope);
  switch (name) {
    case 'sum':
      if (type?.baseTypeOid === typeOid.int2 || type?.baseTypeOid === typeOid.int4)
        return { kind: 'sum', type: 'int8' };
      return type?.baseTypeOid === typeOid.int8 || type?.baseTypeOid === typeOid.numeric
        ? { kind: 'sum', type: 'numeric' }
        : undefined;
    case 'min':
    case 'max': {
      const order = type === undefined ? undefined : orderTypeOf(type);
      const hasAggregate =
        order !== undefined &&
        order !== 'locale' &&
        order !== 'bool' &&
        order !== 'uuid' &&
        order !== 'name' &&
        order !== 'char' &&
        order !== 'bytea';
      return hasAggregate ? { kind: name, type: order, copy } : undefined;
    }
    case 'bool_and':
    case 'every':
      return { kind: 'bool_and' };
    case 'bool_or':
      return { kind: 'bool_or' };
    case 'bit_and':
    case 'bit_or': {
      const integer = integerNames.get(type?.baseTypeOid ?? 0);
      return integer === undefined ? undefined : { kind: name, type: integer };
    }
    default:
      return undefined;
  }
}
