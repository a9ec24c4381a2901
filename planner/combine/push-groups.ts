/**
 * Relations of one FROM that are joined on their shard keys, while the rest of it is not: the shards join them, and ship
 * the joined rows. All conditions are looked at again where the statement is finished, so those that went with the
 * shipped rows need only leave out what cannot matter.
 */

import type { SelectStmt } from 'libpg-query';

import { qualifiedName, quoteIdentifier, type Relation } from '../../catalog/schema.js';
import type { Binder } from '../bind/bind.js';
import { sameKey } from '../route/distribution.js';
import { Classes } from '../bind/facts.js';
import { referencesIn } from '../checks/level-references.js';
import { isSingle } from '../bind/from-entries.js';
import { levelText, type LevelText } from '../tree/level-text.js';
import type { Aliased, NamedColumns } from '../tree/named-columns.js';
import type { Edit } from '../parse/splice.js';
import { queryFacts, type Occurrence } from '../route/pins.js';
import type { SqlPiece } from '../plan/plan.js';
import { printCondition } from './print-condition.js';
import {
  columnsSql,
  shipmentOfColumns,
  shippedAlias,
  shippedName,
  type PushedQuery,
  type ShippedColumn,
} from './push-level.js';
import type { EntryConditions } from './pushdown.js';
import type { Entry, FromNode, Query } from '../bind/query.js';
import { keyColumns, scatterRouting } from '../route/routing.js';
import type { Extent } from '../tree/select-text.js';
import { shapeOf } from '../bind/shape.js';
import { starsOf } from '../bind/stars.js';
import { someNode } from '../tree/tree.js';
import { columnType } from '../bind/value-types.js';

/** What is known of the whole statement. */
export interface StatementParts {
  readonly binder: Binder;
  /** Its edits for what is evaluated once. */
  readonly once: readonly Edit[];
  readonly named: NamedColumns;
  readonly aliased: Aliased;
  readonly conditions: EntryConditions;
  /** All occurrences of relations, with what the statement says of them. */
  readonly occurrences: readonly Occurrence[];
}

interface Member {
  readonly entry: Entry;
  readonly relation: Relation;
  readonly occurrence: Occurrence;
  /** Its name in the text. */
  readonly extent: Extent;
}

export function pushGroups(query: Query, parts: StatementParts): readonly PushedQuery[] {
  const { select } = query;
  const { binder } = parts;
  if (query.kind !== 'select' || select?.fromClause === undefined || query.from === undefined) return [];
  const members = membersOf(query, select, parts);
  if (members.length < 2) return [];
  const written = levelText(select, binder.text);
  const stars = written === undefined ? undefined : starsOf(select, query.scope, binder.text);
  if (written === undefined || stars === undefined) return [];
  const classes = new Classes(queryFacts(query));
  const groups = groupsOf(members, classes);
  const pushed = groups.flatMap((group) => pushGroup(group, classes, query, written, parts) ?? []);
  const [first, ...others] = pushed;
  // The stars stand in the text once.
  return first === undefined
    ? []
    : [{ ...first, edits: (index) => [...first.edits(index), ...stars.flatMap(({ edits }) => edits)] }, ...others];
}

/** Sharded relations that every row of FROM has a row of. */
function membersOf(query: Query, select: SelectStmt, { binder, occurrences }: StatementParts): readonly Member[] {
  const { text } = binder;
  const plain = new Set<number>();
  const collect = (node: unknown): void => {
    void someNode(node, (each) => {
      if ('RangeVar' in each && each.RangeVar.inh === true) plain.add(each.RangeVar.location ?? 0);
      return false;
    });
  };
  collect(select.fromClause);
  return innerEntries(query.from).flatMap((entry): Member[] => {
    const { relation, location } = entry;
    const occurrence = occurrences.find((each) => each.entry === entry);
    const isMember = entry.kind === 'sharded' && entry.alias !== undefined && plain.has(location);
    if (!isMember || relation === undefined || occurrence === undefined) return [];
    let last = text.tokenIndexAt(location);
    while (text.word(last + 1) === '.') last += 2;
    return [{ entry, relation, occurrence, extent: { start: location, end: text.endOf(last) } }];
  });
}

/** Entries that no outer join may replace by NULLs. */
function innerEntries(node: FromNode | undefined): readonly Entry[] {
  if (node === undefined) return [];
  if (node.kind === 'entry') return [node.entry];
  const left = node.join === 'inner' || node.join === 'left' ? innerEntries(node.left) : [];
  const right = node.join === 'inner' || node.join === 'right' ? innerEntries(node.right) : [];
  return [...left, ...right];
}

function groupsOf(members: readonly Member[], classes: Classes): readonly (readonly Member[])[] {
  const groups: Member[][] = [];
  for (const member of members) {
    const isJoined = (other: Member): boolean =>
      sameKey(keyOf(member.entry), keyOf(other.entry), classes) && hasComparableKeys(member, other);
    const group = groups.find(([first]) => first !== undefined && isJoined(first));
    if (group === undefined) groups.push([member]);
    else group.push(member);
  }
  return groups.filter((group) => group.length > 1);
}

function keyOf(entry: Entry): Parameters<typeof sameKey>[0] {
  return { entry, terms: entry.key, nullable: false };
}

/** Whether `=` between the keys needs no collation that the columns do not agree about. */
function hasComparableKeys({ relation }: Member, other: Member): boolean {
  const others = keyColumns(other.relation);
  return keyColumns(relation).every(
    ({ textOrder, collation }, index) => textOrder === 'none' || collation === others[index]?.collation,
  );
}

function pushGroup(
  group: readonly Member[],
  classes: Classes,
  query: Query,
  written: LevelText,
  parts: StatementParts,
): PushedQuery | undefined {
  const { binder, named, aliased } = parts;
  const entries = group.map(({ entry }) => entry);
  if (entries.filter((entry) => !isSingle(entry, entries, classes)).length > 1) return undefined;
  if (entries.some((entry) => someColumnDepends(entry, query, binder))) return undefined;
  const filters = filtersOf(group, parts);
  const routing = scatterRouting(
    group.map(({ occurrence }) => occurrence),
    binder.text,
  );
  // Without a filter the joined rows are more bytes than the relations.
  if (filters.every(({ members }) => members.size > 1) && routing.kind === 'all') return undefined;
  const columns: ShippedColumn[] = [];
  const laterals = group.map(({ relation, entry, extent }, member) => {
    const wanted = relation.columns.filter(
      ({ name }) => aliased.renamed.has(extent.start) || named.wants(name, [entry.alias ?? '']),
    );
    const items = wanted.map((column) => {
      const { declared } = columnType(column);
      if (declared !== undefined) columns.push({ sql: [memberColumn(member, column.name)], type: declared });
      return { column: columns.length - 1, name: column.name };
    });
    const alias = aliased.all.has(extent.start) ? '' : ` AS ${quoteIdentifier(relation.name)}`;
    return { extent, items, alias };
  });
  const from = group.map(({ relation }, member) => `${qualifiedName(relation)} AS ${memberAlias(member)}`);
  const keys = group.slice(1).flatMap(({ relation }, index) => keyEqualities(group[0]?.relation, relation, index + 1));
  const conditions = filters.flatMap(({ pieces }): SqlPiece[] => [' AND ', ...pieces]);
  return {
    shipment: shipmentOfColumns(columns, routing, [
      'SELECT ',
      ...columnsSql(columns),
      ` FROM ${from.join(', ')} WHERE ${keys.join(' AND ')}`,
      ...conditions,
    ]),
    covered: group.map(({ extent }) => extent),
    edits: (index) => {
      const shipped = shippedAlias(index);
      const { start } = written.from;
      return [
        { start, end: start, pieces: [{ kind: 'relation', shipment: index }, ` AS ${shipped}, `] },
        ...laterals.map(({ extent, items, alias }) => {
          const list = items.map(({ column, name }) => `${shipped}.${shippedName(column)} AS ${quoteIdentifier(name)}`);
          return { ...extent, pieces: [`LATERAL (SELECT ${list.join(', ')})${alias}`] };
        }),
      ];
    },
  };
}

function memberAlias(member: number): string {
  return `pgring_t${member + 1}`;
}

function memberColumn(member: number, name: string): string {
  return `${memberAlias(member)}.${quoteIdentifier(name)}`;
}

function keyEqualities(first: Relation | undefined, other: Relation, member: number): readonly string[] {
  const others = keyColumns(other);
  return keyColumns(first).map(
    ({ name }, index) => `${memberColumn(0, name)} = ${memberColumn(member, others[index]?.name ?? '')}`,
  );
}

interface Filter {
  readonly pieces: readonly SqlPiece[];
  /** Which members it reads. */
  readonly members: ReadonlySet<number>;
}

/** Conditions that read nothing but the group's columns. */
function filtersOf(group: readonly Member[], { binder, conditions }: StatementParts): readonly Filter[] {
  const placed = group.flatMap(({ entry }) => conditions.get(entry) ?? []);
  const resolvers = new Map(placed.map(({ node, resolve }) => [node, resolve]));
  return [...resolvers].flatMap(([node, resolve]): Filter[] => {
    const members = new Set<number>();
    const pieces = printCondition(
      node,
      (reference) => {
        const term = resolve(reference);
        const member = group.findIndex((each) => each.entry.columns.some((column) => column.term === term));
        const at = group[member]?.entry.columns.findIndex((column) => column.term === term) ?? -1;
        const name = group[member]?.relation.columns[at]?.name;
        if (term === undefined || name === undefined) return undefined;
        members.add(member);
        return memberColumn(member, name);
      },
      binder.context,
      binder.text,
    );
    return pieces === undefined || members.size === 0 ? [] : [{ pieces, members }];
  });
}

/** Columns that GROUP BY does not name, because they depend on a primary key that it does name: copies have none. */
function someColumnDepends(entry: Entry, { select, scope }: Query, { context }: Binder): boolean {
  const primary = entry.relation?.uniqueKeys.find((key) => key.primary)?.columns;
  if (select?.groupClause === undefined || primary === undefined) return false;
  const terms = new Set(
    select.groupClause.map((node) => ('ColumnRef' in node ? scope.resolve(node.ColumnRef)?.term : undefined)),
  );
  const termOf = (name: string): number | undefined =>
    entry.columns[entry.relation?.columns.findIndex((column) => column.name === name) ?? -1]?.term;
  if (!primary.every((name) => terms.has(termOf(name)))) return false;
  const calls = new Set(shapeOf(select, context).aggregates);
  const references = referencesIn(
    [select.targetList, select.havingClause, select.sortClause],
    scope,
    (node) => 'FuncCall' in node && calls.has(node.FuncCall),
  );
  if (references === 'unresolved') return true;
  const own = new Set(entry.columns.map(({ term }) => term));
  return references.some(({ column: { term } }) => own.has(term) && !terms.has(term));
}
