/**
 * The rows of a level's FROM and WHERE, made by the shards: joined and filtered there, and where the level has a LIMIT,
 * no more of each shard than may be wanted. The rest of the level stays as it is, ORDER BY and LIMIT too.
 */

import type { Node } from 'libpg-query';

import { typeOid } from '../../catalog/type-oid.js';
import { Classes, type Term } from '../bind/facts.js';
import { entriesOf, isSingle, joinFacts } from '../bind/from-entries.js';
import { queryFacts } from '../route/pins.js';
import type { SqlPiece } from '../plan/plan.js';
import {
  columnsSql,
  ExposedColumns,
  keepsToItself,
  restReferences,
  returnsSet,
  rowsEdits,
  rowsRouting,
  rowsSql,
  shipmentOfColumns,
  verbatim,
  type Level,
  type PushedQuery,
} from './push-level.js';
import { orderingExpression, shapeOf } from '../bind/shape.js';
import { starsOf, type Star } from '../bind/stars.js';
import { someNode } from '../tree/tree.js';
import { comparedValue } from '../tree/values.js';

export function pushRows(level: Level): PushedQuery | undefined {
  const { scope, written } = level;
  const cut = cutSql(level);
  if (cut === undefined && !isWorthJoining(level)) return undefined;
  if (!keepsToItself(level) || dependsOnKey(level)) return undefined;
  const exposed = new ExposedColumns(scope);
  const stars = exposeStars(level, exposed);
  const starred = new Set<Node>(stars?.map(({ node }) => node));
  const references = restReferences(level, (node) => starred.has(node));
  if (stars === undefined || references?.every((reference) => exposed.add(reference)) !== true) return undefined;
  if (!exposed.isUnambiguous) return undefined;
  const routing = rowsRouting(level);
  if (routing === undefined) return undefined;
  // count(*) reads no column, but its rows must be shipped all the same.
  const { columns } = exposed;
  const shipped =
    columns.length > 0
      ? columns
      : [
          {
            sql: ['true'],
            type: {
              typeOid: typeOid.bool,
              baseTypeOid: typeOid.bool,
              typeName: 'pg_catalog.bool',
              collation: undefined,
              exact: true,
            },
          },
        ];
  const { from, where } = written;
  const sql: readonly SqlPiece[] = ['SELECT ', ...columnsSql(shipped), ...rowsSql(level), ...(cut ?? [])];
  return {
    shipment: shipmentOfColumns(shipped, routing, sql),
    covered: where === undefined ? [from] : [from, where],
    edits: (index) => [...stars.flatMap(({ edits }) => edits), ...rowsEdits(level, index, exposed)],
  };
}

/** Exposes what the stars of the select list stand for; undefined where that cannot be. */
function exposeStars({ select, scope, binder }: Level, exposed: ExposedColumns): readonly Star[] | undefined {
  const stars = starsOf(select, scope, binder.text);
  const shown = new Set(stars?.flatMap(({ qualifiers }) => qualifiers));
  return [...shown].every((qualifier) => exposed.addAll(qualifier)) ? stars : undefined;
}

/** A copy has no primary key, on which columns beside the grouped ones could depend. */
function dependsOnKey({ select, query, scope }: Level): boolean {
  if (select.groupClause === undefined) return false;
  const names = new Set<Term | undefined>();
  for (const node of select.groupClause) {
    if ('ColumnRef' in node) names.add(scope.resolve(node.ColumnRef)?.term);
  }
  return entriesOf(query.from).some(({ relation, columns }) => {
    const primary = relation?.uniqueKeys.find((key) => key.primary)?.columns;
    return primary?.every((name) => {
      const at = relation?.columns.findIndex((column) => column.name === name) ?? -1;
      return names.has(columns[at]?.term ?? -1);
    });
  });
}

/**
 * Whether fewer rows come of a join on the shards than its relations have: when something filters them, and when no more
 * than one of them can have several rows for one of the others.
 */
function isWorthJoining({ query, select, occurrences }: Level): boolean {
  const entries = entriesOf(query.from);
  if (occurrences.filter(({ entry }) => entry.kind === 'sharded').length < 2) return false;
  const hasSubquery = someNode(select.whereClause, (node) => 'SubLink' in node);
  if (select.whereClause === undefined || (entries.length < 2 && !hasSubquery)) return false;
  const classes = new Classes([...queryFacts(query), ...joinFacts(query.from)]);
  const manifold = entries.filter((entry) => !isSingle(entry, entries, classes));
  return manifold.length <= 1;
}

/** More than so many rows are not cut off on the shards: LIMIT + OFFSET must not overflow. */
const MAXIMUM_CUT = 1_000_000_000;

/** ` ORDER BY … LIMIT …` for the shards; undefined where a row's place depends on more than the row. */
function cutSql(level: Level): readonly SqlPiece[] | undefined {
  const { select, targets, written, binder } = level;
  const { limitCount, limitOffset } = select;
  const shape = shapeOf(select, binder.context);
  const looksAtRows =
    shape.aggregates.length > 0 ||
    shape.windows.length > 0 ||
    select.groupClause !== undefined ||
    select.havingClause !== undefined ||
    select.distinctClause !== undefined;
  if (limitCount === undefined || written.limit === undefined || looksAtRows) return undefined;
  if (returnsSet([select.targetList, select.sortClause], level)) return undefined;
  const isCount = (node: Node): boolean =>
    comparedValue(node, { baseTypeOid: typeOid.int8 }, binder.text) !== undefined;
  if (!isCount(limitCount) || (limitOffset !== undefined && !isCount(limitOffset))) return undefined;
  if (limitOffset !== undefined && written.offset === undefined) return undefined;
  const order: SqlPiece[] = [];
  for (const [index, node] of (select.sortClause ?? []).entries()) {
    if (!('SortBy' in node) || node.SortBy.node === undefined) return undefined;
    const item = node.SortBy.node;
    const expression = orderingExpression(item, targets);
    if ('A_Const' in expression || someNode(expression, (part) => 'SubLink' in part)) return undefined;
    const extent =
      expression === item
        ? written.order[index]
        : written.targets[targets.findIndex((target) => target.expression === expression)];
    const direction = written.directions[index];
    if (extent === undefined || direction === undefined) return undefined;
    order.push(
      index === 0 ? ' ORDER BY ' : ', ',
      ...verbatim(level, extent),
      binder.text.slice(direction.start, direction.end),
    );
  }
  return [...order, ...limitSql(level, written.limit)];
}

function limitSql(level: Level, extent: { readonly start: number; readonly end: number }): readonly SqlPiece[] {
  const { select, written } = level;
  const limit = verbatim(level, extent);
  const offset = written.offset === undefined ? undefined : verbatim(level, written.offset);
  const count: readonly SqlPiece[] =
    offset === undefined
      ? ['(', ...limit, ')']
      : [
          '(CASE WHEN ',
          ...limit,
          ` <= ${MAXIMUM_CUT} AND coalesce(`,
          ...offset,
          `, 0) <= ${MAXIMUM_CUT} THEN greatest(`,
          ...limit,
          ', 0) + greatest(',
          ...offset,
          ', 0) END)',
        ];
  return select.limitOption === 'LIMIT_OPTION_WITH_TIES'
    ? [' FETCH FIRST ', ...count, ' ROWS WITH TIES']
    : [' LIMIT ', ...count];
}
