/**
 * Rung 5: any other SELECT is finished by a real PostgreSQL. The relations that it reads are shipped, cut to the
 * columns it names, to temporary tables of a session on the home shard, and the statement runs there over them.
 */

import type { Node, SelectStmt } from 'libpg-query';

import { refuse } from '../base/errors.js';
import { qualifiedName, quoteIdentifier, type Column, type Relation } from '../catalog/schema.js';
import type { Binder } from './bind.js';
import { checkCalls, checkSystemColumns } from './checks.js';
import { computeOnce, ComputedList } from './computed.js';
import type { Occurrence } from './pins.js';
import type { Spread } from './spread.js';
import type { ComputedExpression, Plan, Routing, Shipment, SqlPiece } from './plan.js';
import { aliasedLocations, NamedColumns, type Aliased } from './named-columns.js';
import { pushQueries } from './push-queries.js';
import { conditionsByEntry, ownConditions, type EntryConditions } from './pushdown.js';
import type { Query } from './query.js';
import { schemaEdits, wholeRowEdits } from './row-references.js';
import { keyColumns, scatterRouting } from './routing.js';
import type { Edit } from './parse/splice.js';
import type { Extent } from './select-text.js';
import type { StatementText } from './text.js';
import { walkNodes } from './tree.js';

/** A place in the text where a relation is named, with all that is known of its rows there. */
interface Place {
  readonly location: number;
  readonly relation: Relation;
  readonly occurrences: readonly Occurrence[];
}

export function planCombine(select: SelectStmt, query: Query, spread: Spread, binder: Binder): Plan {
  const { text } = binder;
  const { shipments, edits, computed } = combineParts([{ SelectStmt: select }], select, query, spread, binder);
  return { kind: 'combine', shipments, sql: text.pieces(text.start, text.end, edits), computed };
}

/** What a statement needs to run on one server: the rows that it reads, and the edits that make it read their copies. */
export interface CombineParts {
  readonly shipments: readonly Shipment[];
  readonly edits: readonly Edit[];
  readonly computed: readonly ComputedExpression[];
}

/** `roots`: all parts of the statement that read; `select`: the one whose columns are the result. */
export function combineParts(
  roots: readonly Node[],
  select: SelectStmt,
  query: Query,
  spread: Spread,
  binder: Binder,
): CombineParts {
  const { text, context } = binder;
  checkCombinable(roots, text);
  checkSystemColumns(roots, text);
  checkCalls(roots, 'combined', context, text);
  const computed = new ComputedList();
  const once = computeOnce(roots, context, text, computed, 'session');
  const named = new NamedColumns(roots);
  const aliased = aliasedLocations(roots);
  const conditions = conditionsByEntry(query);
  const pushed = pushQueries(query, { binder, once, named, aliased, conditions });
  const covered = pushed.flatMap((part) => part.covered);
  const isLeft = ({ start, end }: Extent): boolean =>
    !covered.some((extent) => start >= extent.start && end <= extent.end);
  const places = placesOf(spread).filter(({ location }) => isLeft({ start: location, end: location }));
  const relations = [...new Set(places.map(({ relation }) => relation))];
  const ofRelations = relations.map((relation) =>
    shipmentOf(
      relation,
      places.filter((place) => place.relation === relation),
      named,
      aliased,
      conditions,
      binder,
    ),
  );
  const shipments = [...pushed.map(({ shipment }) => shipment), ...ofRelations];
  const replaced = pushed.flatMap((part, index) => part.edits(index));
  // An insertion at the edge of what is replaced belongs to what is around.
  const isKept = (edit: Edit): boolean =>
    !replaced.some(({ start, end }) =>
      edit.start === edit.end ? edit.start > start && edit.end < end : edit.start >= start && edit.end <= end,
    );
  const edits: Edit[] = [
    ...places.map((place) => relationEdit(place, pushed.length + relations.indexOf(place.relation), aliased, text)),
    ...[...once, ...schemaEdits(roots, text), ...wholeRowEdits(query, text)].filter(isKept),
    ...replaced,
  ];
  return { shipments, edits, computed: computed.expressions };
}

function checkCombinable(root: readonly Node[], text: StatementText): void {
  walkNodes(root, (node) => {
    if ('LockingClause' in node) {
      throw refuse(
        'FOR UPDATE or FOR SHARE in a SELECT that several shards cannot answer by themselves',
        'Lock the rows by a simple SELECT … FOR UPDATE first, in the same transaction.',
      );
    }
    if ('RangeTableSample' in node) {
      throw refuse('TABLESAMPLE over several shards', 'Use WHERE random() < fraction.', {
        position: text.position(node.RangeTableSample.location ?? 0),
      });
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
function placesOf(spread: Spread): readonly Place[] {
  const places = new Map<number, { relation: Relation; occurrences: Occurrence[] }>();
  for (const occurrence of spread.all) {
    const { relation, location } = occurrence.entry;
    if (relation === undefined) continue;
    const place = places.get(location);
    if (place === undefined) places.set(location, { relation, occurrences: [occurrence] });
    else place.occurrences.push(occurrence);
  }
  return [...places].map(([location, place]) => ({ location, ...place }));
}

function shipmentOf(
  relation: Relation,
  places: readonly Place[],
  named: NamedColumns,
  aliased: Aliased,
  conditions: EntryConditions,
  binder: Binder,
): Shipment {
  const isSharded = relation.placement.kind === 'sharded' && places.some((place) => isShardedPlace(place));
  const renamed = places.some(({ location }) => aliased.renamed.has(location));
  const aliases = places.flatMap(({ occurrences }) => occurrences.map(({ entry }) => entry.alias ?? ''));
  const primaryKey = relation.uniqueKeys.find((key) => key.primary)?.columns ?? [];
  const dependent = named.grouped && primaryKey.length > 0 ? primaryKey : [];
  const columns = relation.columns.filter(
    ({ name }) => renamed || named.wants(name, aliases) || dependent.includes(name),
  );
  // count(*) names no column, but its rows must be shipped all the same.
  const shipped = columns.length > 0 ? columns : [...keyColumns(relation), ...relation.columns].slice(0, 1);
  const list = shipped.map(({ name }) => quoteIdentifier(name));
  const filter = shipmentFilter(places, conditions, binder);
  return {
    relation: qualifiedName(relation),
    columns: list,
    typeOids: shipped.map(({ typeOid }) => typeOid),
    definition: shipped.map(columnDefinition).join(', '),
    routing: isSharded ? shipmentRouting(places, binder.text) : unshardedRouting(relation),
    sql: [
      `SELECT ${list.join(', ')} FROM ${qualifiedName(relation)}`,
      ...(filter === undefined ? [] : [' WHERE ', ...filter]),
    ],
    primaryKey: dependent.map(quoteIdentifier),
    always: isSharded,
  };
}

/** A row is shipped when some place may need it; undefined when one of them may need any. */
function shipmentFilter(
  places: readonly Place[],
  conditions: EntryConditions,
  binder: Binder,
): readonly SqlPiece[] | undefined {
  const filters: (readonly SqlPiece[])[] = [];
  for (const { occurrences } of places) {
    // A WITH query that is bound twice has the same conditions in both.
    const entry = occurrences[0]?.entry;
    const filter = entry === undefined ? undefined : ownConditions(entry, conditions.get(entry) ?? [], binder);
    if (filter === undefined) return undefined;
    filters.push(filter);
  }
  if (filters.length === 1) return filters[0];
  return filters.flatMap((filter, index) => [index === 0 ? '(' : ' OR (', ...filter, ')']);
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
function relationEdit({ location, relation }: Place, shipment: number, aliased: Aliased, text: StatementText): Edit {
  let last = text.tokenIndexAt(location);
  while (text.word(last + 1) === '.') last += 2;
  const alias = aliased.all.has(location) ? [] : [` AS ${quoteIdentifier(relation.name)}`];
  const pieces: SqlPiece[] = [{ kind: 'relation', shipment }, ...alias];
  return { start: location, end: text.endOf(last), pieces };
}
