/** What the names of relations mean. */

import type { RangeVar } from 'libpg-query';

import { PgError, sqlstate } from '../../base/errors.js';
import { temporarySchema } from '../../catalog/temporary.js';
import type { CatalogSnapshot, Relation } from '../../catalog/schema.js';
import type { PlanContext } from './context.js';
import { namesSizes } from '../postgres/size-functions.js';
import type { QualifiedName } from './tree.js';

const catalogSchemas: ReadonlySet<string> = new Set(['pg_catalog', 'information_schema', 'pg_toast']);

/** Where the rows of an occurrence come from. `catalog`: pg_catalog and its like, on the home shard. */
export type EntryKind = 'sharded' | 'reference' | 'home' | 'catalog' | 'derived';

/** What names are looked up in. */
export type NamingContext = Pick<PlanContext, 'catalog' | 'searchPath'>;

/**
 * What a relation's name means, by the rules of PostgreSQL's namespace.c (RangeVarGetRelid, recomputeNamespacePath): the
 * session's temporary schema and pg_catalog are searched first where the path does not name them. What is in a schema of
 * the server's own is 'catalog'.
 */
export function resolveRelation(
  name: QualifiedName,
  { catalog, searchPath }: NamingContext,
): Relation | 'catalog' | undefined {
  if (name.schema !== undefined) {
    return catalogSchemas.has(name.schema) ? 'catalog' : catalog.relation(name.schema, name.name);
  }
  const path = searchPath.includes('pg_catalog') ? searchPath : ['pg_catalog', ...searchPath];
  for (const schema of path.includes(temporarySchema) ? path : [temporarySchema, ...path]) {
    const found = catalog.relation(schema, name.name);
    if (found !== undefined) return catalogSchemas.has(schema) ? 'catalog' : found;
  }
  return undefined;
}

/** Whether a relation of that name would be created in the session's temporary schema. */
export function isTemporaryTarget(range: RangeVar, { searchPath }: Pick<PlanContext, 'searchPath'>): boolean {
  if (range.relpersistence === 't') return true;
  return (range.schemaname ?? searchPath[0]) === temporarySchema;
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
