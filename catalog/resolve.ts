/** Finds what a name means, by the rules of PostgreSQL's namespace.c (RangeVarGetRelid, recomputeNamespacePath). */

import type { CatalogSnapshot, Relation } from './schema.js';

/** The schema that stands for the session's own temporary schema. */
export const temporarySchema = 'pg_temp';

/**
 * The schemas where a relation of an unqualified name is looked for, in order. The path holds true names: the caller
 * has put the role's name for "$user". Schemas that do not exist do no harm.
 */
export function relationSearchOrder(searchPath: readonly string[]): readonly string[] {
  const order = searchPath.includes('pg_catalog') ? searchPath : ['pg_catalog', ...searchPath];
  return order.includes(temporarySchema) ? order : [temporarySchema, ...order];
}

/** The relation that a name means, or undefined when there is none. */
export function resolveRelation(
  snapshot: CatalogSnapshot,
  searchPath: readonly string[],
  schema: string | undefined,
  name: string,
): Relation | undefined {
  if (schema !== undefined) return snapshot.relation(schema, name);
  for (const each of relationSearchOrder(searchPath)) {
    const relation = snapshot.relation(each, name);
    if (relation !== undefined) return relation;
  }
  return undefined;
}
