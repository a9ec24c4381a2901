/** What the names of relations mean. */

import type { RangeVar } from 'libpg-query';

import { PgError, sqlstate } from '../base/errors.js';
import { temporarySchema } from '../catalog/resolve.js';
import type { CatalogSnapshot, Relation } from '../catalog/schema.js';
import type { PlanContext } from './context.js';
import type { EntryKind } from './query.js';
import { namesSizes } from './size-functions.js';
import type { QualifiedName } from './tree.js';

const catalogSchemas: ReadonlySet<string> = new Set(['pg_catalog', 'information_schema', 'pg_toast']);

/** What names are looked up in. */
export type NamingContext = Pick<PlanContext, 'catalog' | 'searchPath'>;

/** What a relation's name means. pg_catalog is searched first, as PostgreSQL does. */
export function resolveRelation(name: QualifiedName, context: NamingContext): Relation | 'catalog' | undefined {
  if (name.schema !== undefined) {
    if (catalogSchemas.has(name.schema)) return 'catalog';
    return context.catalog.relation(name.schema, name.name);
  }
  const temporary = context.searchPath.includes(temporarySchema)
    ? undefined
    : context.catalog.relation(temporarySchema, name.name);
  if (temporary !== undefined) return temporary;
  if (name.name.startsWith('pg_') && !existsOnPath(name.name, context)) return 'catalog';
  for (const schema of context.searchPath) {
    const found = catalogSchemas.has(schema) ? undefined : context.catalog.relation(schema, name.name);
    if (found !== undefined) return found;
    if (schema === 'information_schema' && informationViews.test(name.name)) return 'catalog';
  }
  return undefined;
}

/** Whether a relation of that name would be created in the session's temporary schema. */
export function isTemporaryTarget(range: RangeVar, { searchPath }: Pick<PlanContext, 'searchPath'>): boolean {
  if (range.relpersistence === 't') return true;
  return (range.schemaname ?? searchPath[0]) === temporarySchema;
}

const informationViews = /^(tables|columns|schemata|views|routines|parameters|table_constraints|key_column_usage)$/;

function existsOnPath(name: string, context: NamingContext): boolean {
  return context.searchPath.some((schema) => context.catalog.relation(schema, name) !== undefined);
}

/** What PostgreSQL says of a relation that is not there; utility statements tell no position. */
export function undefinedRelation(name: QualifiedName, position?: number): PgError {
  const shown = name.schema === undefined ? name.name : `${name.schema}.${name.name}`;
  return new PgError(
    sqlstate.undefinedTable,
    `relation "${shown}" does not exist`,
    position === undefined ? {} : { position },
  );
}

/** Where a relation's rows are: for a view, where the rows of what it reads are. */
export function entryKind(relation: Relation, catalog: CatalogSnapshot): EntryKind | 'view over shards' {
  if (relation.kind !== 'view') {
    return relation.kind === 'materialized view' || relation.kind === 'sequence' ? 'home' : relation.placement.kind;
  }
  if (namesSizes(relation.definition)) return 'view over shards';
  let kind: EntryKind = 'catalog';
  let reference = false;
  let home = relation.reads.length === 0;
  for (const oid of relation.reads) {
    const read = catalog.relationByOid(oid);
    if (read === undefined || catalogSchemas.has(read.schema)) home = true;
    else if (read.kind === 'view') continue;
    else if (read.kind === 'materialized view' || read.kind === 'sequence') home = true;
    else if (read.placement.kind === 'sharded') return 'view over shards';
    else if (read.placement.kind === 'reference') reference = true;
    else home = true;
  }
  if (reference && !home) kind = 'reference';
  else if (home) kind = 'home';
  return kind;
}
