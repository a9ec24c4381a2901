/**
 * Partial aggregation: the shards group their own rows, by the statement's groups or finer, and ship one row a group;
 * the level's aggregates are then taken over these. HAVING, windows, ORDER BY and the rest of the level stay as they are.
 */

import type { FuncCall, Node } from 'libpg-query';

import { quoteIdentifier } from '../../catalog/schema.js';
import type { Term } from '../bind/facts.js';
import type { Reference } from '../checks/level-references.js';
import { cannotFail } from '../checks/failing.js';
import { orderTypeOf } from '../scatter/order-types.js';
import type { Edit } from '../parse/splice.js';
import type { SqlPiece } from '../plan/plan.js';
import {
  columnsSql,
  ExposedColumns,
  hasStar,
  keepsToItself,
  labelEdits,
  restReferences,
  returnsSet,
  rowsEdits,
  rowsRouting,
  rowsSql,
  shipmentOfColumns,
  shippedAlias,
  shippedName,
  verbatim,
  type Level,
  type PushedQuery,
  type ShippedColumn,
} from './push-level.js';
import type { Extent } from '../tree/select-text.js';
import { groupingExpression, shapeOf, type Shape } from '../bind/shape.js';
import { splitAggregate, type SplitAggregate } from './split-aggregate.js';
import { columnRefParts, someNode, treeText } from '../tree/tree.js';
import { typeOf } from '../bind/value-types.js';

/** What a level groups by. */
interface Grouping {
  /** Items of GROUP BY, those of grouping sets too, as expressions. */
  readonly items: readonly Node[];
  readonly terms: ReadonlySet<Term>;
  /** GROUPING SETS, ROLLUP, CUBE. */
  readonly hasSets: boolean;
}

/** A group expression that the shards compute. */
interface GroupExpression {
  readonly column: ShippedColumn;
  /** Where it stands: there its column is read instead. */
  readonly extents: readonly Extent[];
  readonly nodes: readonly Node[];
}

export function pushAggregates(level: Level): PushedQuery | undefined {
  const { select, binder } = level;
  const shape = shapeOf(select, binder.context);
  const isGrouped = (select.groupClause?.length ?? 0) > 0;
  const isAggregated = isGrouped || shape.aggregates.length > 0 || select.havingClause !== undefined;
  const distinct = select.distinctClause ?? [];
  const isDistinct = distinct.length > 0 && distinct.every((node) => Object.keys(node).length === 0);
  if (!isAggregated && !(isDistinct && shape.windows.length === 0)) return undefined;
  if (hasStar(select) || returnsSet([select.targetList, select.groupClause], level) || !keepsToItself(level))
    return undefined;
  if (!level.isTop && !shape.aggregates.every((call) => cannotFail([call.args, call.agg_filter]))) return undefined;
  const splits = splitAll(shape, level);
  const grouping = groupingOf(level);
  if (splits === undefined || grouping === undefined) return undefined;
  const calls = new Set(shape.aggregates);
  const pushed =
    withExpressions(level, grouping, splits, calls) ?? withColumns(level, grouping, splits, calls, isAggregated);
  return pushed;
}

function splitAll(shape: Shape, level: Level): readonly SplitAggregate[] | undefined {
  const splits = shape.aggregates.map((call) => splitAggregate(call, level));
  const known = splits.filter((split) => split !== undefined);
  return known.length === splits.length ? known : undefined;
}

function groupingOf({ select, targets, scope }: Level): Grouping | undefined {
  const items: Node[] = [];
  let hasSets = false;
  const visit = (node: Node): void => {
    if ('GroupingSet' in node) {
      hasSets = true;
      for (const part of node.GroupingSet.content ?? []) visit(part);
    } else if ('RowExpr' in node && hasSets) {
      for (const part of node.RowExpr.args ?? []) visit(part);
    } else {
      items.push(groupingExpression(node, targets, scope));
    }
  };
  for (const node of select.groupClause ?? []) visit(node);
  const terms = new Set<Term>();
  for (const item of items) {
    const column = 'ColumnRef' in item ? scope.resolve(item.ColumnRef) : undefined;
    if ('ColumnRef' in item && column === undefined) return undefined;
    if (column !== undefined) terms.add(column.term);
  }
  return { items, terms, hasSets };
}

function isCall(node: Node, calls: ReadonlySet<FuncCall>): boolean {
  return 'FuncCall' in node && calls.has(node.FuncCall);
}

/** The shards compute the group expressions; undefined where these are read in other places than as a whole. */
function withExpressions(
  level: Level,
  grouping: Grouping,
  splits: readonly SplitAggregate[],
  calls: ReadonlySet<FuncCall>,
): PushedQuery | undefined {
  const { select } = level;
  if (grouping.hasSets || someNode([select.targetList, select.sortClause], (node) => 'GroupingFunc' in node))
    return undefined;
  const expressions = groupExpressions(level, grouping);
  if (expressions === undefined || expressions.length === 0) return undefined;
  const replaced = new Set(expressions.flatMap(({ nodes }) => nodes));
  const references = restReferences(level, (node) => isCall(node, calls) || replaced.has(node));
  if (references?.every(({ column }) => grouping.terms.has(column.term)) !== true) return undefined;
  return assemble(level, references, [], expressions, splits);
}

function groupExpressions(level: Level, { items }: Grouping): readonly GroupExpression[] | undefined {
  const { select, targets, written, scope, binder } = level;
  const found = new Map<string, GroupExpression>();
  for (const [index, item] of items.entries()) {
    if ('ColumnRef' in item || 'A_Const' in item || found.has(treeText(item))) continue;
    const type = typeOf(item, scope)?.declared;
    if (!level.isTop && !cannotFail(item)) return undefined;
    if (type?.exact !== true || someNode(item, (node) => 'SubLink' in node)) return undefined;
    const same = (node: Node | undefined): boolean => node !== undefined && treeText(node) === treeText(item);
    const nodes: Node[] = [];
    const extents: Extent[] = [];
    const take = (node: Node, extent: Extent | undefined): void => {
      if (!same(node) || extent === undefined) return;
      nodes.push(node);
      extents.push(extent);
    };
    targets.forEach(({ expression }, at) => {
      take(expression, written.targets[at]);
    });
    (select.groupClause ?? []).forEach((node, at) => {
      take(node, written.groups[at]);
    });
    (select.sortClause ?? []).forEach((node, at) => {
      if ('SortBy' in node && node.SortBy.node !== undefined) take(node.SortBy.node, written.order[at]);
    });
    const [first] = extents;
    if (first === undefined || items[index] === undefined) return undefined;
    // Literals that are equal here are not in another statement of the same form.
    if (extents.length > 1 && someNode(item, (node) => 'A_Const' in node)) binder.text.dependsOnLiterals = true;
    found.set(treeText(item), { column: { sql: verbatim(level, first), type }, nodes, extents });
  }
  return [...found.values()];
}

/** The shards group by every column that the level reads outside of aggregates. */
function withColumns(
  level: Level,
  grouping: Grouping,
  splits: readonly SplitAggregate[],
  calls: ReadonlySet<FuncCall>,
  isAggregated: boolean,
): PushedQuery | undefined {
  const references = restReferences(level, (node) => isCall(node, calls));
  if (references === undefined) return undefined;
  if (!isAggregated) return assemble(level, references, [], [], splits);
  const meaning = (node: Node): string => meaningOf(node, level);
  const expressions = new Set(grouping.items.filter((item) => !('ColumnRef' in item)).map(meaning));
  const loose = restReferences(level, (node) => isCall(node, calls) || expressions.has(meaning(node)));
  const dependent = (loose ?? []).filter(({ column }) => !grouping.terms.has(column.term));
  // What is neither grouped nor part of a group's expression can only depend on a primary key among the groups.
  if (dependent.length > 0 && (grouping.hasSets || !dependent.every((each) => hasGroupedKey(each, grouping, level))))
    return undefined;
  return assemble(level, references, dependent, [], splits);
}

/** The text of an expression's tree, in which `a` and `t.a` are one column. */
function meaningOf(node: Node, { scope }: Level): string {
  return treeText(node, (reference) => scope.resolve(reference)?.term ?? reference);
}

/** Whether the primary key of the column's table is among the groups. */
function hasGroupedKey({ column }: Reference, { terms }: Grouping, { occurrences }: Level): boolean {
  const entry = occurrences.find((each) => each.entry.columns.some(({ term }) => term === column.term))?.entry;
  const key = entry?.relation?.uniqueKeys.find(({ primary }) => primary)?.columns ?? [];
  const keyTerms = key.map((name) => {
    const index = entry?.relation?.columns.findIndex((each) => each.name === name) ?? -1;
    return entry?.columns[index]?.term;
  });
  return keyTerms.length > 0 && keyTerms.every((term) => term !== undefined && terms.has(term));
}

function assemble(
  level: Level,
  references: readonly Reference[],
  dependent: readonly Reference[],
  expressions: readonly GroupExpression[],
  splits: readonly SplitAggregate[],
): PushedQuery | undefined {
  const { select, scope, written } = level;
  const exposed = new ExposedColumns(scope);
  for (const reference of references) {
    const { type, term } = reference.column;
    const isDependent = dependent.some(({ column }) => column.term === term);
    const isGroup =
      type?.declared?.exact === true || (isDependent && type !== undefined && orderTypeOf(type) !== undefined);
    if (!isGroup || !exposed.add(reference)) return undefined;
  }
  if (!exposed.isUnambiguous) return undefined;
  const distinct = splits.flatMap((split) => (split.distinct === undefined ? [] : [split.distinct]));
  const groups: readonly ShippedColumn[] = [
    ...exposed.columns,
    ...expressions.map(({ column }) => column),
    ...distinct,
  ];
  if (groups.length === distinct.length && (select.groupClause?.length ?? 0) > 0) return undefined;
  const columns = [...groups, ...splits.flatMap(({ states }) => states)];
  const routing = rowsRouting(level);
  if (routing === undefined || columns.length === 0) return undefined;
  const ordinals = groups.map((_, index) => String(index + 1)).join(', ');
  const sql: readonly SqlPiece[] = [
    'SELECT ',
    ...columnsSql(columns),
    ...rowsSql(level),
    ...(groups.length === 0 ? [] : [` GROUP BY ${ordinals}`]),
  ];
  const { from, where } = written;
  return {
    shipment: shipmentOfColumns(columns, routing, sql),
    covered: where === undefined ? [from] : [from, where],
    edits: (index) => {
      const name = (column: number): string => `${shippedAlias(index)}.${shippedName(column)}`;
      const edits: Edit[] = expressions.flatMap(({ extents }, at) =>
        extents.map((extent) => ({ ...extent, pieces: [name(exposed.columns.length + at)] })),
      );
      let nextDistinct = groups.length - distinct.length;
      let nextState = groups.length;
      for (const { extent, states, distinct: argument, combine } of splits) {
        const names = argument === undefined ? states.map((_, at) => name(nextState + at)) : [name(nextDistinct)];
        nextState += states.length;
        if (argument !== undefined) nextDistinct += 1;
        edits.push({ ...extent, pieces: [combine(names)] });
      }
      return [
        ...edits,
        ...labelEdits(level, edits),
        ...dependentEdits(level, dependent),
        ...rowsEdits(level, index, exposed),
      ];
    },
  };
}

/** Columns that depend on a primary key are grouped by as well: their copies have none. */
function dependentEdits({ written }: Level, dependent: readonly Reference[]): readonly Edit[] {
  const end = written.groups.at(-1)?.end;
  const names = new Set(dependent.map(({ node }) => columnRefParts(node).map(quoteIdentifier).join('.')));
  return end === undefined || names.size === 0 ? [] : [{ start: end, end, pieces: [`, ${[...names].join(', ')}`] }];
}
