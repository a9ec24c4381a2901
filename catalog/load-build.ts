/** Makes relations and function traits of the rows that the catalog queries gave. */

import { present } from '../base/assert.js';
import type { CatalogRows, FunctionRow, KeyRow } from './load-sql.js';
import {
  qualifiedName,
  type Column,
  type FunctionTraits,
  type Placement,
  type Relation,
  type RelationKind,
  type TextOrder,
  type UniqueKey,
} from './schema.js';
import type { FunctionsBySchema } from './snapshot.js';
import { reparsable } from './view-definition.js';

/** Rows of pgring.placement by relation; keys as column numbers. */
export type PlacementLookup = ReadonlyMap<
  number,
  { readonly kind: Placement['kind']; readonly key: readonly number[] }
>;

/** pg_class.relkind */
const relationKinds: ReadonlyMap<string, RelationKind> = new Map([
  ['r', 'table'],
  ['p', 'partitioned table'],
  ['v', 'view'],
  ['m', 'materialized view'],
  ['f', 'foreign table'],
  ['S', 'sequence'],
  ['c', 'composite type'],
  ['i', 'index'],
  ['I', 'index'],
]);

export function buildRelations(
  rows: CatalogRows,
  textOrder: (collation: number) => TextOrder,
  placements: PlacementLookup,
): readonly Relation[] {
  const columns = buildColumns(rows, textOrder);
  const keys = buildKeys(rows.keys, columns);
  const findPlacement = makePlacementFinder(rows, columns, placements);
  const findReads = makeReadsFinder(rows);
  const definitions = new Map(rows.definitions.map(([view, sql]) => [view, reparsable(sql)]));
  const ruled = new Set(rows.ruled);
  const inherited = new Set(rows.inherited);
  const references = new Map<number, readonly number[]>();
  for (const [from, target] of rows.references) {
    references.set(from, Object.freeze([...(references.get(from) ?? nothing), target]));
  }
  const followed = new Set(rows.references.flatMap(([, target, follows]) => (follows ? [target] : [])));
  return rows.relations.map(([oid, schema, name, kind, hasRowSecurity, isPartition, isTemporary]) =>
    Object.freeze({
      oid,
      schema,
      name,
      kind: present(relationKinds.get(kind), `relkind ${kind} is known`),
      columns: columns.get(oid) ?? nothing,
      uniqueKeys: keys.get(oid) ?? nothing,
      placement: findPlacement(oid),
      reads: kind === 'v' || kind === 'm' ? findReads(oid) : nothing,
      definition: definitions.get(oid),
      hasRules: ruled.has(oid),
      hasRowSecurity,
      isPartition,
      isInherited: inherited.has(oid),
      references: references.get(oid) ?? nothing,
      isFollowed: followed.has(oid),
      isTemporary,
    }),
  );
}

const nothing: readonly never[] = Object.freeze([]);

type Columns = ReadonlyMap<number, readonly Column[]>;

function buildColumns(rows: CatalogRows, textOrder: (collation: number) => TextOrder): Columns {
  const place = (relation: number, column: number): string => `${relation}.${column}`;
  const defaults = new Map(rows.defaults.map(([relation, column, sql]) => [place(relation, column), sql]));
  const sequences = new Map(
    rows.sequences.map(([relation, column, schema, name]) => [
      place(relation, column),
      qualifiedName({ schema, name }),
    ]),
  );
  const domains = new Map(rows.domains.map((row) => [row[0], row]));
  const columns = new Map<number, Column[]>();
  for (const row of rows.columns) {
    const [relation, name, number, typeOid, typeName, typeModifier, notNull, generated, identity] = row;
    const [, , , , , , , , , collation, collationName] = row;
    let baseTypeOid = typeOid;
    let domainNotNull = false;
    let domainDefault: string | null = null;
    for (let domain = domains.get(typeOid); domain !== undefined; domain = domains.get(baseTypeOid)) {
      baseTypeOid = domain[1];
      domainNotNull ||= domain[3];
      domainDefault ??= domain[4];
    }
    const ownDefault = defaults.get(place(relation, number));
    const sequence = sequences.get(place(relation, number));
    const list = columns.get(relation) ?? [];
    if (list.length === 0) columns.set(relation, list);
    list.push(
      Object.freeze({
        name,
        number,
        typeOid,
        baseTypeOid,
        typeName,
        typeModifier,
        notNull: notNull || domainNotNull,
        defaultExpression: generated === '' && identity === '' ? (ownDefault ?? domainDefault ?? undefined) : undefined,
        generated: generated === 's' ? 'stored' : generated === 'v' ? 'virtual' : 'no',
        identity: identity === 'a' ? 'always' : identity === 'd' ? 'by default' : 'no',
        textOrder: textOrder(collation),
        collation: collationName ?? undefined,
        // A default that only mentions a sequence (`'x' || nextval(…)`) is an expression like any other.
        sequence: identity !== '' || isPlainNextval(ownDefault) ? sequence : undefined,
      }),
    );
  }
  for (const list of columns.values()) {
    list.sort((left, right) => left.number - right.number);
    Object.freeze(list);
  }
  return columns;
}

function isPlainNextval(expression: string | undefined): boolean {
  return expression !== undefined && /^nextval\('(?:[^']|'')+'::regclass\)$/.test(expression);
}

function buildKeys(rows: readonly KeyRow[], columns: Columns): ReadonlyMap<number, readonly UniqueKey[]> {
  const keys = new Map<number, UniqueKey[]>();
  for (const [relation, name, primary, partial, numbers, byEquality] of rows) {
    const names = numbers
      .filter((number, index) => number > 0 && byEquality?.[index] !== false)
      .map((number) => nameOf(columns, relation, number));
    const list = keys.get(relation) ?? [];
    if (list.length === 0) keys.set(relation, list);
    list.push(Object.freeze({ name, columns: Object.freeze(names), primary, ...(partial ? { partial } : {}) }));
  }
  // The primary key first, then by name, so that equal catalogs make equal snapshots.
  for (const list of keys.values()) {
    list.sort((left, right) => Number(right.primary) - Number(left.primary) || (left.name < right.name ? -1 : 1));
    Object.freeze(list);
  }
  return keys;
}

/** A dropped column has PostgreSQL's name for it, which no statement can name: the key is never known then. */
function nameOf(columns: Columns, relation: number, number: number): string {
  const column = columns.get(relation)?.find((each) => each.number === number);
  return column?.name ?? `........pg.dropped.${number}........`;
}

const home: Placement = Object.freeze({ kind: 'home' });
const reference: Placement = Object.freeze({ kind: 'reference' });

function makePlacementFinder(
  rows: CatalogRows,
  columns: Columns,
  placements: PlacementLookup,
): (relation: number) => Placement {
  const parents = new Map(rows.partitions);
  return (relation) => {
    let owner = relation;
    let parent = parents.get(owner);
    while (!placements.has(owner) && parent !== undefined) {
      owner = parent;
      parent = parents.get(owner);
    }
    const placement = placements.get(owner);
    if (placement?.kind !== 'sharded') return placement?.kind === 'reference' ? reference : home;
    // By name: a partition may number its columns otherwise than its parent.
    const key = Object.freeze(placement.key.map((number) => nameOf(columns, owner, number)));
    return Object.freeze({ kind: 'sharded', key });
  };
}

/** Views are looked through; a materialized view holds its own rows, so it is itself what is read. */
function makeReadsFinder(rows: CatalogRows): (view: number) => readonly number[] {
  const views = new Set(rows.relations.filter((row) => row[3] === 'v').map((row) => row[0]));
  const edges = new Map<number, number[]>();
  for (const [view, relation] of rows.reads) {
    const list = edges.get(view);
    if (list === undefined) edges.set(view, [relation]);
    else list.push(relation);
  }
  return (view) => {
    const seen = new Set<number>();
    const found = new Set<number>();
    const pending = [view];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      for (const relation of edges.get(next) ?? []) {
        if (!views.has(relation)) found.add(relation);
        else if (!seen.has(relation)) {
          seen.add(relation);
          pending.push(relation);
        }
      }
    }
    return Object.freeze([...found].sort((left, right) => left - right));
  };
}

const volatilities = ['immutable', 'stable', 'volatile'] as const;

export function buildFunctions(rows: readonly FunctionRow[]): FunctionsBySchema {
  const bySchema = new Map<string, Map<string, FunctionTraits>>();
  for (const [schema, name, volatility, kinds, returnsSet] of rows) {
    let names = bySchema.get(schema);
    if (names === undefined) bySchema.set(schema, (names = new Map<string, FunctionTraits>()));
    names.set(
      name,
      Object.freeze({ volatility: volatilities[volatility] ?? 'volatile', kind: kindOf(kinds), returnsSet }),
    );
  }
  return bySchema;
}

/** When functions of several kinds share a name, the kind that says most decides (as in joinTraits). */
function kindOf(kinds: string): FunctionTraits['kind'] {
  if (kinds.includes('a')) return 'aggregate';
  if (kinds.includes('w')) return 'window';
  return kinds.includes('p') ? 'procedure' : 'function';
}
