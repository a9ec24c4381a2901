/**
 * A session's own temporary relations, over the catalog that all sessions share. Their schema is `pg_temp` here,
 * whatever its number on the server is.
 */

import { noDatabaseCode, type DatabaseCode } from './code.js';
import { loadCode, resolveTextOrder, readPart, readServer, type RunQuery } from './load.js';
import { buildFunctions, buildRelations } from './load-build.js';
import type { CatalogSnapshot, Relation } from './schema.js';
import { joinTraits, makeSnapshot, nextVersion } from './snapshot.js';

/** The schema that stands for the session's own temporary schema. */
export const temporarySchema = 'pg_temp';

/** What a session has in its temporary schema; undefined for nothing. */
export type TemporaryCatalog = { readonly own: CatalogSnapshot; readonly schema: string } | undefined;

/** Reads it on the session's own connection. `shared`: what temporary views may read. */
export async function loadTemporary(query: RunQuery, shared: CatalogSnapshot): Promise<TemporaryCatalog> {
  const server = await readServer(query);
  const schema = server['temporary_schema'] ?? undefined;
  if (schema === undefined) return undefined;
  const rows = await readPart(query, 'temporary');
  if (rows.relations.length === 0 && rows.functions.length === 0) return undefined;
  const relations = buildRelations(rows, resolveTextOrder(server), new Map());
  const own = makeSnapshot({
    database: shared.database,
    serverVersion: shared.serverVersion,
    relations: relations.map((relation) => ({ ...relation, reads: throughViews(relation, shared) })),
    functions: [buildFunctions(rows.functions)],
    code: rows.functions.length === 0 ? noDatabaseCode : await loadCode(query, shared.serverVersion, rows, false),
  });
  return { own, schema };
}

/** A view's reads are those of the views that it reads, too. */
function throughViews({ reads }: Relation, shared: CatalogSnapshot): readonly number[] {
  const found = reads.flatMap((oid) => {
    const read = shared.relationByOid(oid);
    return read?.kind === 'view' ? read.reads : [oid];
  });
  return [...new Set(found)];
}

/** `ownSchema`: what the server calls a schema of that name, where it is the temporary one. */
function withOwn(
  shared: DatabaseCode,
  own: DatabaseCode,
  ownSchema: (name: string) => string | undefined,
): DatabaseCode {
  if (own === noDatabaseCode) return shared;
  return Object.freeze({
    ...shared,
    hasRoutines: true,
    routines: (schema: string, name: string) => {
      const temporary = ownSchema(schema);
      return temporary === undefined ? shared.routines(schema, name) : own.routines(temporary, name);
    },
    routine: (oid: number) => shared.routine(oid) ?? own.routine(oid),
  });
}

/** The catalog as the session sees it, with a version of its own. */
export function withTemporary(shared: CatalogSnapshot, temporary: TemporaryCatalog): CatalogSnapshot {
  if (temporary === undefined) return shared;
  const { own, schema } = temporary;
  const isOwn = (name: string): boolean => name === temporarySchema || name === schema;
  return Object.freeze({
    version: nextVersion(),
    database: shared.database,
    serverVersion: shared.serverVersion,
    isUncommitted: shared.isUncommitted,
    code: withOwn(shared.code, own.code, (name) =>
      name === temporarySchema ? schema : isOwn(name) ? name : undefined,
    ),
    relation: (of: string, name: string) =>
      isOwn(of) ? own.relation(temporarySchema, name) : shared.relation(of, name),
    relationByOid: (oid: number) => own.relationByOid(oid) ?? shared.relationByOid(oid),
    relations: function* relations(): Generator<Relation> {
      for (const relation of shared.relations()) if (!relation.isTemporary) yield relation;
      yield* own.relations();
    },
    functions: (of: string | undefined, name: string) => {
      if (of === undefined) return joinTraits(shared.functions(of, name), own.functions(of, name));
      return isOwn(of) ? own.functions(temporarySchema, name) : shared.functions(of, name);
    },
  });
}
