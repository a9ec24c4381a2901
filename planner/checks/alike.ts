/**
 * Whether what each shard evaluates for itself, over its own copies of reference tables or over no table at all, comes
 * out alike on every one. Copies hold the same rows, but not in the same physical order, and chance is each server's own.
 */

import type { FuncCall, Node, SelectStmt } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import type { Relation } from '../../catalog/schema.js';
import { isAlikeAggregate, isAlikeWindow } from './alike-aggregates.js';
import type { Binder } from '../bind/bind.js';
import { bindView } from '../bind/bind-view.js';
import type { PlanContext } from '../tree/context.js';
import { entriesOf } from '../bind/from-entries.js';
import { effectOf, functionTraits } from '../code/functions.js';
import { hasUniqueKey, isExact, isSingleRow, orderItems, ordersTotally, pinnedTerms } from './row-order.js';
import { occurrencesOf } from '../route/pins.js';
import type { Entry, Query, Subquery } from '../bind/query.js';
import type { StatementText } from '../tree/text.js';
import { groupingExpression, isAggregate, targetsOf, walkLevel } from '../bind/shape.js';
import { functionName, leftmostLocation, someNode, walkNodes } from '../tree/tree.js';

const HINT =
  'Make it the same for every copy (ORDER BY a unique key, also within aggregates), or read its rows first and send them as parameters.';

/** What may come out otherwise on another shard. */
export interface Difference {
  readonly construct: string;
  readonly location: number | undefined;
}

/**
 * Throws a refusal unless the parts of a statement that no shard key ties to one shard are the same on all.
 * `roots`: its tree; `within`: which subqueries of the query itself the shards evaluate.
 */
export function requireAlike(
  roots: unknown,
  query: Query,
  { context, text }: Binder,
  within?: (subquery: Subquery) => boolean,
): void {
  const found = differenceIn(roots, query, context, within);
  if (found === undefined) return;
  throw refuse(
    `${found.construct} in a part of the statement that each shard would evaluate for itself`,
    HINT,
    found.location === undefined ? {} : { position: text.position(found.location) },
  );
}

/** Functions and samples in FROM that give each shard other rows, beside sharded tables or not. */
function sourceDifference(roots: unknown, query: Query, context: PlanContext): Difference | undefined {
  let found: Difference | undefined;
  const places = new Map(occurrencesOf(query).map(({ entry }) => [entry.location, entry.kind]));
  walkNodes(roots, (node) => {
    if ('RangeFunction' in node || 'RangeTableFunc' in node || 'JsonTable' in node) {
      found ??= callDifference(node, context);
    }
    if ('RangeTableSample' in node) {
      const { relation } = node.RangeTableSample;
      const location = relation !== undefined && 'RangeVar' in relation ? (relation.RangeVar.location ?? 0) : undefined;
      if (location === undefined || places.get(location) === 'reference') {
        found ??= { construct: 'TABLESAMPLE of a reference table', location };
      }
    }
    return true;
  });
  return found;
}

/** A call whose value is not the same wherever it is evaluated, subqueries left out. */
function callDifference(
  nodes: unknown,
  context: PlanContext,
  isJudged: (call: FuncCall) => boolean = () => false,
): Difference | undefined {
  let found: Difference | undefined;
  walkLevel(nodes, (node) => {
    if ('SelectStmt' in node) return false;
    if (!('FuncCall' in node)) return true;
    const effect = effectOf(node.FuncCall, context);
    if (effect === 'plain' || effect === 'once' || isJudged(node.FuncCall)) return true;
    found ??= differenceOf(node.FuncCall, '');
    return true;
  });
  return found;
}

function differenceOf(call: FuncCall, why: string): Difference {
  return { construct: `${functionName(call).name}()${why}`, location: call.location ?? 0 };
}

/** The rows of a view over reference tables are made on every shard. */
function viewDifference(view: Relation, location: number, context: PlanContext): Difference | undefined {
  const bound = bindView(view, context);
  const construct = `the view "${view.name}"`;
  if (bound === undefined) return { construct: `${construct}, whose definition is not known,`, location };
  const found = differenceIn(bound.root, bound.query, context);
  return found === undefined ? undefined : { construct: `${found.construct} in ${construct},`, location };
}

/** `isJudged`: calls of functions that read tables whose bodies are judged for themselves. */
export function differenceIn(
  roots: unknown,
  query: Query,
  context: PlanContext,
  within?: (subquery: Subquery) => boolean,
  isJudged?: (call: FuncCall) => boolean,
): Difference | undefined {
  return sourceDifference(roots, query, context) ?? new AlikeCheck(roots, context, isJudged).visit(query, within);
}

class AlikeCheck {
  readonly #context: PlanContext;
  readonly #isJudged: ((call: FuncCall) => boolean) | undefined;
  /** What EXISTS asks of: how many rows there are, not which. */
  readonly #counted: ReadonlySet<SelectStmt>;

  constructor(roots: unknown, context: PlanContext, isJudged: ((call: FuncCall) => boolean) | undefined) {
    this.#context = context;
    this.#isJudged = isJudged;
    const counted = new Set<SelectStmt>();
    walkNodes(roots, (node) => {
      if (!('SubLink' in node) || node.SubLink.subLinkType !== 'EXISTS_SUBLINK') return true;
      const { subselect } = node.SubLink;
      if (subselect !== undefined && 'SelectStmt' in subselect) counted.add(subselect.SelectStmt);
      return true;
    });
    this.#counted = counted;
  }

  /** A query over sharded tables, or one over none. */
  visit(query: Query, within: (subquery: Subquery) => boolean = () => true): Difference | undefined {
    const isSharded = occurrencesOf(query).some(({ entry }) => entry.kind === 'sharded');
    const own = isSharded ? undefined : this.#level(query);
    if (own !== undefined) return own;
    for (const { query: inner, relation, location } of entriesOf(query.from)) {
      const found =
        inner !== undefined
          ? this.visit(inner)
          : relation?.kind === 'view'
            ? viewDifference(relation, location, this.#context)
            : undefined;
      if (found !== undefined) return found;
    }
    // What no one reads of WITH is not evaluated.
    for (const inner of [...query.subqueries.filter(within), ...query.arms]) {
      const found = this.visit(inner.query);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #level(query: Query): Difference | undefined {
    const { select } = query;
    if (select === undefined) return undefined;
    if (query.kind !== 'select') return this.#setOperation(query, select);
    const called = callDifference(select, this.#context, this.#isJudged);
    // Without rows of a table, everything comes in the order in which it is made.
    if (called !== undefined || !readsRows(query)) return called;
    const skips = someNode(
      select.lockingClause,
      (node) => 'LockingClause' in node && node.LockingClause.waitPolicy === 'LockWaitSkip',
    );
    if (skips) return { construct: 'SKIP LOCKED', location: leftmostLocation(select.targetList) };
    if (isSingleRow(query)) return undefined;
    return this.#calls(query, select) ?? this.#cut(query, select) ?? this.#merged(query, select);
  }

  #setOperation(query: Query, select: SelectStmt): Difference | undefined {
    const called = callDifference([select.sortClause, select.limitCount, select.limitOffset], this.#context);
    if (called !== undefined || !readsRows(query)) return called;
    const location = leftmostLocation(select);
    if (isCut(select)) return { construct: 'LIMIT or OFFSET of a UNION, INTERSECT or EXCEPT', location };
    const keepsAll = select.op === 'SETOP_UNION' && select.all === true;
    if (keepsAll || query.outputs.every(({ type }) => type?.declared?.exact === true)) return undefined;
    return {
      construct: 'UNION, INTERSECT or EXCEPT of values that may be equal and yet be written differently',
      location,
    };
  }

  /** Aggregates and window functions that depend on the order of rows. */
  #calls(query: Query, select: SelectStmt): Difference | undefined {
    let found: Difference | undefined;
    walkLevel(select, (node) => {
      if ('SelectStmt' in node) return false;
      if ('JsonArrayAgg' in node || 'JsonObjectAgg' in node) {
        found ??= { construct: 'an aggregate that makes JSON', location: leftmostLocation(node) };
      }
      if (!('FuncCall' in node)) return true;
      const call = node.FuncCall;
      const isOrdered =
        call.over === undefined
          ? isAggregate(call, this.#context) && !isAlikeAggregate(call, query, this.#context)
          : !isAlikeWindow(call, query, select, this.#context);
      if (isOrdered) found ??= differenceOf(call, ', which depends on the order of the rows,');
      return true;
    });
    return found;
  }

  /** LIMIT and DISTINCT ON: which rows are left. */
  #cut(query: Query, select: SelectStmt): Difference | undefined {
    const location = leftmostLocation(select.targetList);
    const isOn = (select.distinctClause ?? []).some((node) => Object.keys(node).length > 0);
    if (this.#counted.has(select) || (!isCut(select) && !isOn)) return undefined;
    const isGrouped = (select.groupClause?.length ?? 0) > 0;
    let aggregates = false;
    let multiplies = false;
    walkLevel(select.targetList, (node) => {
      if ('SelectStmt' in node) return false;
      if (!('FuncCall' in node)) return true;
      const { FuncCall: call } = node;
      aggregates ||= call.over === undefined && isAggregate(call, this.#context);
      multiplies ||= functionTraits(functionName(call), this.#context)?.traits.returnsSet !== false;
      return true;
    });
    // One row, of all rows.
    if (aggregates && !isGrouped && !multiplies && !isOn) return undefined;
    const targets = targetsOf(select.targetList, query.scope);
    const isTotal = !isGrouped && !multiplies && ordersTotally(orderItems(select.sortClause, targets), query);
    const isPlain = (select.distinctClause?.length ?? 0) === 0 || isOn;
    if (isTotal && isPlain) return undefined;
    const construct = isOn ? 'DISTINCT ON' : 'LIMIT or OFFSET';
    return { construct: `${construct} without an order by a unique key`, location };
  }

  /** DISTINCT and GROUP BY show one of the values that are equal: 1.0 or 1.00. */
  #merged(query: Query, select: SelectStmt): Difference | undefined {
    const { scope } = query;
    const targets = targetsOf(select.targetList, scope);
    const distinct = select.distinctClause ?? [];
    const isWhole = distinct.length > 0 && distinct.every((node) => Object.keys(node).length === 0);
    const location = leftmostLocation(select.targetList);
    if (isWhole && !this.#counted.has(select)) {
      const areExact = targets.every(({ expression, star }) =>
        star === undefined
          ? 'A_Const' in expression || isExact(expression, scope)
          : star !== 'unknown' && star.every(({ type }) => type?.declared?.exact === true),
      );
      if (!areExact)
        return { construct: 'DISTINCT of values that may be equal and yet be written differently', location };
    }
    const grouped = (select.groupClause ?? []).flatMap(groupingItems);
    const areExact = grouped.every((item) => isExact(groupingExpression(item, targets, scope), scope));
    return areExact
      ? undefined
      : { construct: 'GROUP BY values that may be equal and yet be written differently', location };
  }
}

/** The expressions of GROUP BY, also those inside of grouping sets. */
function groupingItems(node: Node): readonly Node[] {
  if ('GroupingSet' in node) return (node.GroupingSet.content ?? []).flatMap(groupingItems);
  return 'RowExpr' in node ? (node.RowExpr.args ?? []).flatMap(groupingItems) : [node];
}

function isCut({ limitCount, limitOffset }: SelectStmt): boolean {
  const isAll = limitCount !== undefined && 'A_Const' in limitCount && limitCount.A_Const.isnull === true;
  return (limitCount !== undefined && !isAll) || limitOffset !== undefined;
}

/**
 * UPDATE … FROM takes any of the rows that match: which one depends on their order. Throws a refusal unless there is
 * one of each table that is read, for each row of the copy.
 */
export function requireOneMatch(node: Node, query: Query, text: StatementText): void {
  if (!('UpdateStmt' in node)) return;
  const [target, ...others] = entriesOf(query.from);
  const unclear = others.find(
    (entry) => !(entry.query !== undefined && isSingleRow(entry.query)) && !isOneFor(entry, target, query),
  );
  if (unclear === undefined) return;
  throw refuse(
    `an UPDATE of a reference table from "${unclear.alias ?? ''}", of which several rows may match`,
    'Join it by all columns of one of its unique keys, or write SET … = (SELECT … WHERE …).',
    { position: text.position(unclear.location) },
  );
}

function isOneFor(entry: Entry, target: Entry | undefined, query: Query): boolean {
  const ofOthers = entriesOf(query.from)
    .filter((other) => other !== target)
    .flatMap(({ columns }) => columns.map(({ term }) => term));
  return hasUniqueKey(entry, pinnedTerms(query, new Set(ofOthers)), false);
}

function readsEntryRows(entry: Entry): boolean {
  return entry.query === undefined ? entry.kind !== 'derived' || !entry.open : readsRows(entry.query);
}

/** Whether rows of a table, or of a WITH query that reads itself, stand behind a query. */
function readsRows(query: Query): boolean {
  return (
    entriesOf(query.from).some(readsEntryRows) ||
    [...query.subqueries, ...query.arms].some((inner) => readsRows(inner.query))
  );
}
