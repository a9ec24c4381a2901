/**
 * Rung 5: any other SELECT is finished by a real PostgreSQL. The relations that it reads are shipped, cut to the
 * columns it names, to temporary tables of a session on the home shard, and the statement runs there over them.
 */

import type { Node, SelectStmt } from 'libpg-query';

import { assert } from '../../base/assert.js';
import { refuse } from '../../base/errors.js';
import { qualifiedName, quoteIdentifier, type Column, type Relation } from '../../catalog/schema.js';
import type { Binder } from '../bind/bind.js';
import { callsReadTables, callsRoutines } from '../checks/check-implied.js';
import { callsOf } from '../code/functions.js';
import { checkCalls } from '../checks/checks.js';
import { computeOnce, ComputedList } from '../checks/computed.js';
import { outerTerms, probedColumns, type OuterTerms } from './correlated.js';
import type { Occurrence } from '../route/pins.js';
import type { Spread } from '../route/spread.js';
import type { ComputedExpression, Plan, Routing, Shipment, SqlPiece } from '../plan/plan.js';
import { aliasedLocations, NamedColumns, type Aliased } from '../tree/named-columns.js';
import { pushQueries } from './push-queries.js';
import { conditionsByEntry, ownConditions, type EntryConditions } from './pushdown.js';
import type { Query } from '../bind/query.js';
import { schemaEdits, wholeRowEdits } from './row-references.js';
import { keyColumns, scatterRouting } from '../route/routing.js';
import { sizeEdits } from '../checks/sizes.js';
import type { Edit } from '../parse/splice.js';
import { checkCopiedColumns } from '../checks/system-columns.js';
import { sampleExtents, type Extent } from '../checks/table-sample.js';
import { tableOidColumn, tableOidEdits } from '../checks/table-oids.js';
import type { StatementText } from '../tree/text.js';
import { walkNodes } from '../tree/tree.js';

/** A place in the text where a relation is named, with all that is known of its rows there. */
interface Place {
  readonly location: number;
  readonly relation: Relation;
  /** `ONLY`: without the rows of its children. */
  readonly only: boolean;
  readonly occurrences: readonly Occurrence[];
  /** Its TABLESAMPLE, which the shards carry out. */
  readonly sample: Extent | undefined;
}

export function planCombine(
  select: SelectStmt,
  query: Query,
  spread: Spread,
  binder: Binder,
): Extract<Plan, { readonly kind: 'combine' }> {
  const { text } = binder;
  const roots: Node[] = [{ SelectStmt: select }];
  // What numbers are taken from, and what was taken, is the session's own.
  const isOwn = callsOf(roots, binder.context).some(({ effect }) => effect === 'sequence' || effect === 'at home');
  const reach = isOwn ? 'own session' : 'combined alone';
  const { shipments, edits, computed } = combineParts(roots, query, spread, binder, reach);
  const readsOutside = !isOwn && callsReadTables(roots, binder.context);
  const callsUncommitted = !isOwn && binder.context.catalog.isUncommitted && callsRoutines(roots, binder.context);
  const sql = text.pieces(text.start, text.end, edits);
  const session = isOwn ? 'own' : 'another';
  return { kind: 'combine', shipments, sql, computed, readsOutside, callsUncommitted, session };
}

/** The edits that put a shipment in the place of a relation, wherever the statement names it. */
export function shipmentEdits(
  roots: readonly Node[],
  relation: string,
  shipment: number,
  spread: Spread,
  text: StatementText,
): readonly Edit[] {
  const aliased = aliasedLocations(roots);
  return placesOf(spread, onlyLocations(roots), new Map())
    .filter((place) => qualifiedName(place.relation) === relation)
    .flatMap((place) => relationEdits(place, shipment, aliased, text));
}

/** What a statement needs to run on one server: the rows that it reads, and the edits that make it read their copies. */
interface CombineParts {
  readonly shipments: readonly Shipment[];
  readonly edits: readonly Edit[];
  readonly computed: readonly ComputedExpression[];
}

/** `roots`: all parts of the statement that read; `query`: what is bound of them. */
export function combineParts(
  roots: readonly Node[],
  query: Query,
  spread: Spread,
  binder: Binder,
  reach: 'combined' | 'combined alone' | 'own session' = 'combined',
): CombineParts {
  const { text, context } = binder;
  checkCombinable(roots);
  checkCopiedColumns(roots, text);
  checkCalls(roots, reach, context, text);
  const computed = new ComputedList();
  const once = computeOnce(roots, context, text, computed, 'session');
  const named = new NamedColumns(roots);
  const aliased = aliasedLocations(roots);
  const conditions = conditionsByEntry(query, context);
  const pushed = pushQueries(query, { binder, once, named, aliased, conditions, occurrences: spread.all });
  const replaced = pushed.flatMap((part, index) => part.edits(index));
  const covered = pushed.flatMap((part) => part.covered);
  const isCovered = (start: number): boolean => covered.some((extent) => start >= extent.start && start < extent.end);
  const places = placesOf(spread, onlyLocations(roots), sampleExtents(roots, text)).filter(
    ({ location }) => !isCovered(location),
  );
  const groups = shippedTogether(places);
  const tableOids = tableOidEdits(roots, spread, text);
  const shipments = [
    ...pushed.map(({ shipment }) => shipment),
    ...groups.map((group) => ({
      ...shipmentOf(group, named, aliased, conditions, binder, tableOids.relations),
      probed: probedLists(group, conditions, outerTerms(query)),
    })),
  ];
  const own = [
    ...once,
    ...sizeEdits(roots, context, text, computed),
    ...tableOids.edits,
    ...schemaEdits(roots, text),
    ...wholeRowEdits(query, text),
  ];
  const edits: Edit[] = [
    ...groups.flatMap((group, index) =>
      group.flatMap((place) => relationEdits(place, pushed.length + index, aliased, text)),
    ),
    ...places.flatMap(({ sample }) => (sample === undefined ? [] : [{ ...sample, pieces: [] }])),
    ...own.filter((edit) => !isReplaced(edit, replaced)),
    ...replaced,
  ];
  return { shipments, edits, computed: computed.expressions };
}

/** Relations as queries of their own: their SQL, and the edits that put their rows, by number, in their places. */
interface RelationQueries {
  readonly stages: readonly (readonly SqlPiece[])[];
  readonly edits: readonly Edit[];
}

/** `where`: the condition of a statement that writes. */
export function relationQueries(
  roots: readonly Node[],
  query: Query,
  spread: Spread,
  binder: Binder,
  where: Node | undefined,
): RelationQueries {
  const { text, context } = binder;
  const named = new NamedColumns(roots);
  const aliased = aliasedLocations(roots);
  const conditions = conditionsByEntry(query, context, where);
  const groups = shippedTogether(placesOf(spread, onlyLocations(roots), sampleExtents(roots, text)));
  return {
    stages: groups.map((group) => shipmentOf(group, named, aliased, conditions, binder, new Set()).sql),
    edits: groups.flatMap((group, index) =>
      group.flatMap((place) => [
        ...relationEdits(place, index, aliased, text).map(bracketed),
        ...(place.sample === undefined ? [] : [{ ...place.sample, pieces: [] }]),
      ]),
    ),
  };
}

/** A query where a relation's name stood. */
function bracketed(edit: Edit): Edit {
  const pieces = edit.pieces.flatMap((piece) => (typeof piece === 'string' ? [piece] : ['(', piece, ')']));
  return { ...edit, pieces };
}

/** An insertion at the edge of what is replaced belongs to what is around. */
function isReplaced(edit: Edit, replaced: readonly Edit[]): boolean {
  return replaced.some(({ start, end }) =>
    edit.start === edit.end ? edit.start > start && edit.end < end : edit.start >= start && edit.end <= end,
  );
}

function checkCombinable(root: readonly Node[]): void {
  walkNodes(root, (node) => {
    if ('LockingClause' in node) {
      throw refuse(
        'FOR UPDATE or FOR SHARE in a SELECT that several shards cannot answer by themselves',
        'Lock the rows by a simple SELECT … FOR UPDATE first, in the same transaction.',
      );
    }
    if ('InsertStmt' in node || 'UpdateStmt' in node || 'DeleteStmt' in node || 'MergeStmt' in node) {
      throw refuse(
        'a WITH query that writes, in a statement over several shards',
        'Run it as a statement of its own in the same transaction.',
      );
    }
    return true;
  });
}

/** A WITH query that is read twice is bound twice: its relations stand in the text once. */
function placesOf(spread: Spread, only: ReadonlySet<number>, samples: ReadonlyMap<number, Extent>): readonly Place[] {
  const places = new Map<number, { relation: Relation; only: boolean; occurrences: Occurrence[] }>();
  for (const occurrence of spread.all) {
    const { relation, location } = occurrence.entry;
    if (relation === undefined) continue;
    const place = places.get(location);
    if (place === undefined) places.set(location, { relation, only: only.has(location), occurrences: [occurrence] });
    else place.occurrences.push(occurrence);
  }
  return [...places].map(([location, place]) => ({ location, ...place, sample: samples.get(location) }));
}

/** One copy serves all places of a relation, but each sample is its own. */
function shippedTogether(places: readonly Place[]): readonly (readonly Place[])[] {
  const whole = new Map<string, Place[]>();
  const groups: Place[][] = [];
  for (const place of places) {
    const group = place.sample === undefined ? whole.get(sourceOf(place)) : undefined;
    if (group !== undefined) {
      group.push(place);
      continue;
    }
    const made = [place];
    groups.push(made);
    if (place.sample === undefined) whole.set(sourceOf(place), made);
  }
  return groups;
}

/** Where the rows come from, as FROM names it. */
function sourceOf({ relation, only }: Place): string {
  return only ? `ONLY ${qualifiedName(relation)}` : qualifiedName(relation);
}

function onlyLocations(roots: readonly Node[]): ReadonlySet<number> {
  const locations = new Set<number>();
  walkNodes(roots, (node) => {
    if ('RangeVar' in node && node.RangeVar.inh !== true) locations.add(node.RangeVar.location ?? 0);
    return true;
  });
  return locations;
}

function shipmentOf(
  places: readonly Place[],
  named: NamedColumns,
  aliased: Aliased,
  conditions: EntryConditions,
  binder: Binder,
  tableOids: ReadonlySet<Relation>,
): Omit<Shipment, 'probed'> {
  const [first] = places;
  assert(first !== undefined, 'a shipment is for some place');
  const { relation, sample } = first;
  const isSharded = relation.placement.kind === 'sharded' && places.some((place) => isShardedPlace(place));
  const renamed = places.some(({ location }) => aliased.renamed.has(location));
  const entries = places.flatMap(({ occurrences }) => occurrences.map(({ entry }) => entry));
  const aliases = entries.map(({ alias }) => alias ?? '');
  const primaryKey = relation.uniqueKeys.find((key) => key.primary)?.columns ?? [];
  const dependent = named.grouped && primaryKey.length > 0 ? primaryKey : [];
  const columns = relation.columns.filter(
    ({ name }) => renamed || named.wants(name, aliases) || dependent.includes(name),
  );
  // count(*) names no column, but its rows must be shipped all the same.
  const shipped = columns.length > 0 ? columns : [...keyColumns(relation), ...relation.columns].slice(0, 1);
  const list = shipped.map(({ name }) => quoteIdentifier(name));
  const filter = shipmentFilter(places, conditions, binder);
  const extra = tableOids.has(relation) ? [tableOidColumn(relation, binder.context)] : [];
  return {
    relation: qualifiedName(relation),
    columns: [...list, ...extra.map(({ name }) => name)],
    definition: [...shipped.map(columnDefinition), ...extra.map(({ definition }) => definition)].join(', '),
    types: [
      ...shipped.map(({ typeOid, baseTypeOid, typeName, collation }) => ({
        typeOid,
        baseTypeOid,
        typeName,
        collation,
      })),
      ...extra.map(({ type }) => type),
    ],
    routing: isSharded ? shipmentRouting(places, binder.text) : unshardedRouting(relation),
    sql: [
      `SELECT ${[...list, ...extra.map(({ expression }) => expression)].join(', ')} FROM ${sourceOf(first)}`,
      ...(sample === undefined ? [] : [' ', ...binder.text.pieces(sample.start, sample.end)]),
      ...(filter === undefined ? [] : [' WHERE ', ...filter]),
    ],
    primaryKey: dependent.map(quoteIdentifier),
    always: isSharded || relation.isTemporary || sample !== undefined,
  };
}

/** What subqueries compare with the query around them, for each place where they do. */
function probedLists(
  places: readonly Place[],
  conditions: EntryConditions,
  outer: OuterTerms,
): readonly (readonly string[])[] {
  const lists = new Map<string, readonly string[]>();
  for (const { entry } of places.flatMap(({ occurrences }) => occurrences)) {
    const columns = probedColumns(entry, conditions.get(entry) ?? [], outer).map(({ name }) => quoteIdentifier(name));
    if (columns.length > 0) lists.set(columns.join(', '), columns);
  }
  return [...lists.values()];
}

/** A row is shipped when some place may need it; undefined when one of them may need any. */
function shipmentFilter(
  places: readonly Place[],
  conditions: EntryConditions,
  binder: Binder,
): readonly SqlPiece[] | undefined {
  const filters = new Map<string, readonly SqlPiece[]>();
  for (const { entry } of places.flatMap(({ occurrences }) => occurrences)) {
    const filter = ownConditions(entry, conditions.get(entry) ?? [], binder);
    if (filter === undefined) return undefined;
    // A WITH query that is bound twice has mostly the same conditions in both.
    filters.set(JSON.stringify(filter), filter);
  }
  const [only, ...others] = filters.values();
  if (only === undefined || others.length === 0) return only;
  return [only, ...others].flatMap((filter, index) => [index === 0 ? '(' : ' OR (', ...filter, ')']);
}

export function columnDefinition({ name, typeName, collation }: Column): string {
  return `${quoteIdentifier(name)} ${typeName}${collation === undefined ? '' : ` COLLATE ${collation}`}`;
}

function isShardedPlace(place: Place): boolean {
  return place.occurrences.some(({ entry }) => entry.kind === 'sharded');
}

/** Only where all of its rows that matter are known to be on some shards can the others be left out. */
function shipmentRouting(places: readonly Place[], text: StatementText): Routing {
  const occurrences = places.flatMap((place) => place.occurrences);
  const [only] = occurrences;
  return only !== undefined && occurrences.length === 1 ? scatterRouting([only], text) : { kind: 'all' };
}

function unshardedRouting(relation: Relation): Routing {
  return relation.placement.kind === 'reference' ? { kind: 'any' } : { kind: 'home' };
}

/** Puts the copy's name where the relation's was; its columns are still found under the relation's own name. */
function relationEdits({ location, relation }: Place, shipment: number, aliased: Aliased, text: StatementText): Edit[] {
  let first = text.tokenIndexAt(location);
  let last = first;
  while (text.word(last + 1) === '.') last += 2;
  // `t *` and `ONLY (t)` say which rows are meant: the copy has just those.
  if (text.word(last + 1) === '*') last += 1;
  if (text.word(first - 1) === '(' && text.word(first - 2) === 'only') {
    first -= 2;
    last += 1;
  }
  const alias = aliased.all.has(location) ? [] : [` AS ${quoteIdentifier(relation.name)}`];
  const edit: Edit = {
    start: text.startOf(first),
    end: text.endOf(last),
    pieces: [{ kind: 'relation', shipment }, ...alias],
  };
  const before = text.word(first - 1) === 'only' ? first - 2 : first - 1;
  if (text.word(before) !== 'table') return [edit];
  return [{ start: text.startOf(before), end: text.endOf(before), pieces: ['SELECT * FROM'] }, edit];
}
