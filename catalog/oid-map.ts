/**
 * Types and relations have the same names on every shard but not the same oids. Clients know the home shard's; this
 * translates between those and another shard's. Oids below 16384 are PostgreSQL's own and the same everywhere.
 */

/** FirstNormalObjectId (access/transam.h). */
const firstUserOid = 16_384;

/** pg_type's `unknown`: a client shows such a value as the text it is. */
const UNKNOWN_TYPE = 705;
/** "Let the server infer it" as a parameter's type, "no column of a table" as a field's table (protocol, Parse and
 * RowDescription). */
const UNSPECIFIED = 0;

/** A type and its array type (0: none). */
type TypeName = readonly [schema: string, name: string, oid: number, arrayOid: number];
type RelationName = readonly [schema: string, name: string, oid: number];

/** The user types and the relations of one database on one server. */
export interface OidList {
  readonly types: readonly TypeName[];
  readonly relations: readonly RelationName[];
}

/**
 * Translates oids. What one side knows and the other does not is never passed on as it is, for it may name something
 * else there.
 */
export interface OidMap {
  /** The home shard's oid of the shard's type. */
  typeToHome(oid: number): number;
  /** The shard's oid of the home shard's type. */
  typeToShard(oid: number): number;
  /** The home shard's oid of the shard's relation. */
  relationToHome(oid: number): number;
}

/** The translation between the home shard and another; undefined when there is nothing to translate. */
export function makeOidMap(home: OidList, shard: OidList): OidMap | undefined {
  const types = pairUp(nameTypes(home.types), nameTypes(shard.types));
  const relations = pairUp(nameRelations(home.relations), nameRelations(shard.relations));
  if (!types.differ && !relations.differ) return undefined;
  return {
    typeToHome: (oid) => (oid < firstUserOid ? oid : (types.toHome.get(oid) ?? UNKNOWN_TYPE)),
    typeToShard: (oid) => (oid < firstUserOid ? oid : (types.toShard.get(oid) ?? UNSPECIFIED)),
    relationToHome: (oid) => (oid < firstUserOid ? oid : (relations.toHome.get(oid) ?? UNSPECIFIED)),
  };
}

type NamedOids = ReadonlyMap<string, number>;

/**
 * An array type goes by its element's name: its own is made up to be free at the time (pg_type.c, makeArrayTypeName), so
 * it can differ between servers.
 */
function nameTypes(types: readonly TypeName[]): NamedOids {
  const arrays = new Set(types.map(([, , , arrayOid]) => arrayOid));
  const named = new Map<string, number>();
  for (const [schema, name, oid, arrayOid] of types) {
    if (arrays.has(oid)) continue;
    named.set(JSON.stringify([schema, name]), oid);
    if (arrayOid !== 0) named.set(JSON.stringify([schema, name, 'array']), arrayOid);
  }
  return named;
}

function nameRelations(relations: readonly RelationName[]): NamedOids {
  return new Map(relations.map(([schema, name, oid]) => [JSON.stringify([schema, name]), oid]));
}

function pairUp(
  home: NamedOids,
  shard: NamedOids,
): { readonly toHome: ReadonlyMap<number, number>; readonly toShard: ReadonlyMap<number, number>; differ: boolean } {
  const toHome = new Map<number, number>();
  const toShard = new Map<number, number>();
  const shardOids = new Set(shard.values());
  let differ = false;
  for (const [name, homeOid] of home) {
    const shardOid = shard.get(name);
    if (shardOid !== undefined) {
      toHome.set(shardOid, homeOid);
      toShard.set(homeOid, shardOid);
    }
    // What only the home shard has does no harm, unless its oid is another thing's on the shard.
    if (shardOid !== homeOid && (shardOid !== undefined || shardOids.has(homeOid))) differ = true;
  }
  return { toHome, toShard, differ };
}

/** record, regproc, regclass and their kin, and arrays of them: built-in types whose values hold oids of user objects. */
const oidTypes: ReadonlySet<number> = new Set([
  24, 1008, 2202, 2203, 2204, 2205, 2206, 2207, 2208, 2209, 2210, 2211, 2249, 2287, 3734, 3735, 3769, 3770, 4089, 4090,
  4096, 4097, 4191, 4192,
]);

/** True for a type whose values in binary may hold oids that differ between servers: all user types, to be sure. */
export function mayHoldOids(type: number): boolean {
  return type >= firstUserOid || oidTypes.has(type);
}

const inDatabase = `n.nspname NOT IN ('pgring', 'pg_toast') AND n.oid <> pg_catalog.pg_my_temp_schema()
    AND NOT pg_catalog.pg_is_other_temp_schema(n.oid)`;

/** Reads an OidList; one row for readOidList(). Relations are those whose columns a query can return. */
const oidListSql = `
SELECT
  (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(n.nspname, t.typname, t.oid::int8, t.typarray::int8))
   FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
   WHERE t.oid >= ${firstUserOid} AND ${inDatabase})::pg_catalog.text AS types,
  (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(n.nspname, c.relname, c.oid::int8))
   FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.oid >= ${firstUserOid} AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
     AND ${inDatabase})::pg_catalog.text AS relations`;

/** The list of a database, by a query that gives every value as text. */
export async function readOidList(
  query: (sql: string) => Promise<readonly Readonly<Record<string, string | null>>[]>,
): Promise<OidList> {
  const [row] = await query(oidListSql);
  return {
    types: JSON.parse(row?.['types'] ?? '[]') as readonly TypeName[],
    relations: JSON.parse(row?.['relations'] ?? '[]') as readonly RelationName[],
  };
}
