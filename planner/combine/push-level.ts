/**
 * A query level whose FROM and WHERE the shards can answer by themselves: what of it can run there, and how the rest
 * finds the columns that were shipped.
 */

import type { Node, SelectStmt } from 'libpg-query';

import { PgError, sqlstate } from '../../base/errors.js';
import { quoteIdentifier } from '../../catalog/schema.js';
import { requireAlike } from '../checks/alike.js';
import type { Binder } from '../bind/bind.js';
import { DistributionCheck } from '../route/distribution.js';
import { callsOf, functionTraits } from '../code/functions.js';
import { isClosed, ownItems, referencesIn, termsOfScope, type Reference } from '../checks/level-references.js';
import { levelText, type LevelText } from '../tree/level-text.js';
import type { Edit } from '../parse/splice.js';
import { occurrencesOf, type Occurrence } from '../route/pins.js';
import type { Routing, Shipment, SqlPiece } from '../plan/plan.js';
import type { PlacedCondition } from './pushdown.js';
import type { DeclaredType, Entry, Query, Qualifier, Scope, Subquery } from '../bind/query.js';
import { scatterRouting } from '../route/routing.js';
import type { Extent } from '../tree/select-text.js';
import { columnName, groupingExpression, targetsOf, type Target } from '../bind/shape.js';
import { namesSystemColumns } from '../checks/system-columns.js';
import { columnRefParts, functionName, isStar, someNode, walkNodes } from '../tree/tree.js';

/** A part of the statement that runs on the shards, and is shipped as its result. */
export interface PushedQuery {
  readonly shipment: Shipment;
  /** What the statement reads in its place. `index`: of the shipment in the plan. */
  readonly edits: (index: number) => readonly Edit[];
  /** Parts of the text that only the shards read. */
  readonly covered: readonly Extent[];
}

export interface Level {
  readonly query: Query;
  readonly select: SelectStmt;
  readonly scope: Scope;
  readonly written: LevelText;
  readonly targets: readonly Target[];
  readonly occurrences: readonly Occurrence[];
  readonly binder: Binder;
  /** The statement's edits for what is evaluated once. */
  readonly once: readonly Edit[];
  /** The statement itself, whose rows all are wanted. */
  readonly isTop: boolean;
  /** Conditions around it, on its outputs. */
  readonly outside: readonly PlacedCondition[];
}

/** How a query stands in the statement. */
interface Standing {
  /** The statement itself. */
  readonly isTop: boolean;
  /** Conditions around it, on its outputs. */
  readonly outside: readonly PlacedCondition[];
  /** All occurrences of relations, with what the statement says of them; undefined where the query is bound twice. */
  readonly occurrences: readonly Occurrence[] | undefined;
}

/** A level that stands by itself and does nothing that must not be done on several shards. */
export function pushableLevel(
  query: Query,
  binder: Binder,
  once: readonly Edit[],
  { isTop, outside, occurrences: all }: Standing,
): Level | undefined {
  const { select, scope } = query;
  if (query.kind !== 'select' || select === undefined || query.from === undefined) return undefined;
  if (select.lockingClause !== undefined || select.intoClause !== undefined) return undefined;
  const own = occurrencesOf(query);
  const occurrences = own.map((one) => all?.find(({ entry }) => entry === one.entry) ?? one);
  const isSharded = occurrences.some(({ entry }) => entry.kind === 'sharded');
  if (!isSharded || readsCommonTable(select, scope) || !isClosed(query)) return undefined;
  const { context, text } = binder;
  const isSteady = callsOf(select, context).every(({ effect }) => effect === 'plain' || effect === 'once');
  if (!isSteady || namesSystemColumns(select)) return undefined;
  const written = levelText(select, text);
  if (written === undefined) return undefined;
  const targets = targetsOf(select.targetList, scope);
  return { query, select, scope, written, targets, occurrences, binder, once, isTop, outside };
}

/** A WITH query of this statement: the shards do not have it. */
function readsCommonTable(select: SelectStmt, scope: Scope): boolean {
  return someNode(
    [select.fromClause, select.whereClause],
    (node) =>
      'RangeTableSample' in node ||
      ('RangeVar' in node &&
        node.RangeVar.schemaname === undefined &&
        scope.commonTables.has(node.RangeVar.relname ?? '')),
  );
}

/** Runs a check; false where it refuses. */
function isAllowed(check: () => void): boolean {
  try {
    check();
    return true;
  } catch (error) {
    if (error instanceof PgError && error.sqlstate === sqlstate.featureNotSupported) return false;
    throw error;
  }
}

/** Where the rows of FROM and WHERE are, when every shard can find its own; undefined otherwise. */
export function rowsRouting(level: Level): Routing | undefined {
  const outside = outsideSubqueries(level).flatMap((subquery) => occurrencesOf(subquery.query));
  const isRead = ({ entry }: Occurrence): boolean => !outside.some((other) => other.entry === entry);
  const within = (subquery: Subquery): boolean => isInside(level, subquery);
  return routingBy(level, level.occurrences.filter(isRead), (check) => {
    requireAlike(level.select, level.query, level.binder, within);
    return check.checkRows(level.query, within);
  });
}

/** Where the whole answer is, when it is the union of the shards' answers; undefined otherwise. */
export function resultRouting(level: Level): Routing | undefined {
  return routingBy(level, level.occurrences, (check) => {
    requireAlike(level.select, level.query, level.binder);
    return check.checkPart(level.query);
  });
}

function routingBy(
  { binder: { context, text } }: Level,
  occurrences: readonly Occurrence[],
  findAnchors: (check: DistributionCheck) => readonly Entry[],
): Routing | undefined {
  if (occurrences.some(({ entry }) => entry.kind === 'home' || entry.kind === 'catalog')) return undefined;
  let anchors: readonly Entry[] = [];
  const isUnion = isAllowed(() => {
    anchors = findAnchors(new DistributionCheck(context, text));
  });
  if (!isUnion || anchors.length === 0) return undefined;
  return scatterRouting(
    occurrences.filter(({ entry }) => anchors.includes(entry)),
    text,
  );
}

/** Whether a subquery stands in FROM or WHERE. */
function isInside({ written: { from, where } }: Level, { location }: Subquery): boolean {
  const isIn = (extent: Extent | undefined): boolean =>
    extent !== undefined && location >= extent.start && location < extent.end;
  return isIn(from) || isIn(where);
}

export function outsideSubqueries(level: Level): readonly Subquery[] {
  return level.query.subqueries.filter((subquery) => !isInside(level, subquery));
}

/** Whether nothing outside FROM and WHERE reads columns of FROM from within a subquery. */
export function keepsToItself(level: Level): boolean {
  return outsideSubqueries(level).every(({ query }) => isClosed(query));
}

export function returnsSet(nodes: unknown, { binder }: Level): boolean {
  return someNode(
    nodes,
    (node) =>
      'FuncCall' in node && functionTraits(functionName(node.FuncCall), binder.context)?.traits.returnsSet !== false,
  );
}

/** What a level reads of its rows beside FROM and WHERE, but for what `skip` says; undefined where that is not clear. */
export function restReferences(level: Level, skip: (node: Node) => boolean): readonly Reference[] | undefined {
  const { select, scope, targets } = level;
  const own = termsOfScope(scope);
  const found = referencesIn(
    [
      select.targetList,
      (select.groupClause ?? []).filter((node) => groupingExpression(node, targets, scope) === node),
      ownItems(select.distinctClause, targets),
      ownItems(select.sortClause, targets),
      select.havingClause,
      select.windowClause,
    ],
    scope,
    skip,
  );
  if (found === 'unresolved' || found.some(({ column }) => !own.has(column.term))) return undefined;
  return found;
}

/** The client's text with what is evaluated once filled in. */
export function verbatim({ binder, once }: Level, { start, end }: Extent): readonly SqlPiece[] {
  // A label at the end belongs to what is around.
  const edits = once.filter((edit) => edit.start < edit.end || (edit.start > start && edit.end < end));
  return binder.text.pieces(start, end, edits);
}

/** ` FROM … WHERE …` as written. */
export function rowsSql(level: Level): readonly SqlPiece[] {
  const { from, where } = level.written;
  return [' FROM ', ...verbatim(level, from), ...(where === undefined ? [] : [' ', ...verbatim(level, where)])];
}

/** A column of what is shipped: the shards' expression and its type. */
export interface ShippedColumn {
  readonly sql: readonly SqlPiece[];
  readonly type: DeclaredType;
}

/** What is shipped has columns of these names, which ORDER BY must not take for the statement's own. */
export function shippedName(index: number): string {
  return `pgring_c${index + 1}`;
}

export function shipmentOfColumns(
  columns: readonly ShippedColumn[],
  routing: Routing,
  sql: readonly SqlPiece[],
): Shipment {
  return {
    relation: undefined,
    columns: columns.map((_, index) => shippedName(index)),
    types: columns.map(({ type: { typeOid, baseTypeOid, typeName, collation } }) => ({
      typeOid,
      baseTypeOid,
      typeName,
      collation,
    })),
    definition: columns
      .map(({ type: { typeName, collation } }, index) => {
        const collate = collation === undefined ? '' : ` COLLATE ${collation}`;
        return `${shippedName(index)} ${typeName}${collate}`;
      })
      .join(', '),
    routing,
    sql,
    primaryKey: [],
    probed: [],
    always: true,
  };
}

/** The select list of the shards' query. */
export function columnsSql(columns: readonly ShippedColumn[]): readonly SqlPiece[] {
  return columns.flatMap(({ sql }, index): SqlPiece[] => [
    index === 0 ? '' : ', ',
    ...sql,
    ` AS ${shippedName(index)}`,
  ]);
}

/** The name under which the statement reads what was shipped. */
export function shippedAlias(index: number): string {
  return `pgring_${index}`;
}

interface Exposure {
  /** Undefined: a column that USING merged, which has no qualifier. */
  readonly alias: string | undefined;
  readonly name: string;
  readonly column: number;
}

/**
 * The columns of FROM that the rest of a level reads. They are shipped, and found again under their own qualifiers by
 * LATERAL subqueries, which PostgreSQL takes apart when it plans: so the text of the rest can stay as it is.
 */
export class ExposedColumns {
  readonly columns: ShippedColumn[] = [];
  readonly #scope: Scope;
  readonly #exposures: Exposure[] = [];
  readonly #unqualified = new Set<string>();
  readonly #indexes = new Map<string, number>();

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  /** False for a column that cannot be shipped. */
  add({ node, column }: Reference): boolean {
    const parts = columnRefParts(node);
    const { declared } = column.type ?? {};
    if (declared === undefined || parts.length > 2) return false;
    const holders = this.#scope.qualifiers.filter((each) => each.columns.some(({ term }) => term === column.term));
    const named = parts.length === 2 ? holders.filter(({ alias }) => alias === parts[0]) : holders;
    const [holder] = named;
    if (named.length > 1 || (holder === undefined && parts.length === 2)) return false;
    const isMerged = holder === undefined;
    if (isMerged && !this.#scope.columns.some(({ term }) => term === column.term)) return false;
    if (holder !== undefined && holder.alias === undefined) return false;
    if (parts.length === 1) this.#unqualified.add(column.name);
    this.#expose(holder?.alias, column, declared, parts.map(quoteIdentifier).join('.'));
    return true;
  }

  /** All columns of a qualifier, in their order. */
  addAll({ alias, columns, open }: Qualifier): boolean {
    if (alias === undefined || open || this.#exposures.some((each) => each.alias === alias)) return false;
    return columns.every((column) => {
      const declared = column.type?.declared;
      if (declared === undefined) return false;
      this.#expose(alias, column, declared, `${quoteIdentifier(alias)}.${quoteIdentifier(column.name)}`);
      return true;
    });
  }

  #expose(alias: string | undefined, { term, name }: Reference['column'], type: DeclaredType, sql: string): void {
    const key = `${term} ${type.typeName}`;
    const index = this.#indexes.get(key) ?? this.columns.length;
    if (index === this.columns.length) {
      this.#indexes.set(key, index);
      this.columns.push({ sql: [sql], type });
    }
    if (!this.#exposures.some((each) => each.alias === alias && each.name === name)) {
      this.#exposures.push({ alias, name, column: index });
    }
  }

  /** Whether every unqualified name still means one column. */
  get isUnambiguous(): boolean {
    return [...this.#unqualified].every(
      (name) => this.#exposures.filter((exposure) => exposure.name === name).length === 1,
    );
  }

  /** What stands in FROM where the level's own items were. */
  fromSql(index: number): readonly SqlPiece[] {
    const shipped = shippedAlias(index);
    const aliases = [...new Set(this.#exposures.map(({ alias }) => alias))];
    const laterals = aliases.map((alias) => {
      const items = this.#exposures
        .filter((exposure) => exposure.alias === alias)
        .map(({ name, column }) => `${shipped}.${shippedName(column)} AS ${quoteIdentifier(name)}`);
      return `, LATERAL (SELECT ${items.join(', ')}) AS ${quoteIdentifier(alias ?? `${shipped}_merged`)}`;
    });
    return [{ kind: 'relation', shipment: index }, ` AS ${shipped}${laterals.join('')}`];
  }
}

/** FROM reads what was shipped, and WHERE is done. */
export function rowsEdits(
  { written: { from, where } }: Level,
  index: number,
  exposed: ExposedColumns,
): readonly Edit[] {
  const edits: Edit[] = [{ ...from, pieces: exposed.fromSql(index) }];
  if (where !== undefined) edits.push({ ...where, pieces: [] });
  return edits;
}

/** Labels for targets that took their names from what an edit replaced. */
export function labelEdits({ select, written, once }: Level, edits: readonly Edit[]): readonly Edit[] {
  return (select.targetList ?? []).flatMap((node, index): Edit[] => {
    const extent = written.labelled[index];
    if (!('ResTarget' in node) || node.ResTarget.name !== undefined || extent === undefined) return [];
    const { val } = node.ResTarget;
    const isEdited = edits.some((edit) => edit.start >= extent.start && edit.end <= extent.end);
    const isLabelled = once.some((edit) => edit.start === extent.end && edit.end === extent.end);
    if (!isEdited || isLabelled || val === undefined || isStarNode(val)) return [];
    const label = columnName(val);
    if (label === '?column?') return [];
    return [{ start: extent.end, end: extent.end, pieces: [` AS ${quoteIdentifier(label)}`] }];
  });
}

function isStarNode(node: Node): boolean {
  return 'ColumnRef' in node && isStar(node.ColumnRef);
}

/** Whether some star stands in the select list. */
export function hasStar(select: SelectStmt): boolean {
  let found = false;
  walkNodes(select.targetList, (node) => {
    if ('SubLink' in node) return false;
    found ||= isStarNode(node);
    return true;
  });
  return found;
}
