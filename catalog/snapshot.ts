/** A CatalogSnapshot with constant-time lookups. */

import type { DatabaseCode } from './code.js';
import type { CatalogSnapshot, FunctionTraits, Relation } from './schema.js';

let lastVersion = 0;

interface SnapshotContents {
  readonly database: string;
  readonly serverVersion: number;
  readonly isUncommitted?: boolean;
  readonly relations: readonly Relation[];
  /** Traits by schema, then by name. A later part adds schemas; functions of one schema in several parts add up. */
  readonly functions: readonly FunctionsBySchema[];
  readonly code: DatabaseCode;
}

export type FunctionsBySchema = ReadonlyMap<string, ReadonlyMap<string, FunctionTraits>>;

/** A version that no snapshot of this process has. */
export function nextVersion(): number {
  lastVersion += 1;
  return lastVersion;
}

/** Makes a snapshot with a version of its own. */
export function makeSnapshot(contents: SnapshotContents): CatalogSnapshot {
  const bySchema = new Map<string, Map<string, Relation>>();
  const byOid = new Map<number, Relation>();
  for (const relation of contents.relations) {
    byOid.set(relation.oid, relation);
    let names = bySchema.get(relation.schema);
    if (names === undefined) bySchema.set(relation.schema, (names = new Map<string, Relation>()));
    names.set(relation.name, relation);
  }
  const { functions } = contents;
  return Object.freeze({
    version: nextVersion(),
    database: contents.database,
    serverVersion: contents.serverVersion,
    isUncommitted: contents.isUncommitted === true,
    relation: (schema: string, name: string) => bySchema.get(schema)?.get(name),
    code: contents.code,
    relationByOid: (oid: number) => byOid.get(oid),
    relations: () => byOid.values(),
    functions: (schema: string | undefined, name: string) => {
      let traits: FunctionTraits | undefined;
      for (const part of functions) {
        if (schema !== undefined) traits = joinTraits(traits, part.get(schema)?.get(name));
        else for (const names of part.values()) traits = joinTraits(traits, names.get(name));
      }
      return traits;
    },
  });
}

const volatilities = ['immutable', 'stable', 'volatile'] as const;
const kinds = ['function', 'procedure', 'window', 'aggregate'] as const;

/** What holds for a call of which only the name is known: the least stable, and the kind that says most. */
export function joinTraits(
  left: FunctionTraits | undefined,
  right: FunctionTraits | undefined,
): FunctionTraits | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  return Object.freeze({
    volatility:
      volatilities.indexOf(left.volatility) > volatilities.indexOf(right.volatility)
        ? left.volatility
        : right.volatility,
    kind: kinds.indexOf(left.kind) > kinds.indexOf(right.kind) ? left.kind : right.kind,
    returnsSet: left.returnsSet || right.returnsSet,
  });
}
