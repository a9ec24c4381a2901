/** Reads a database's catalog from its home shard. */

import { assert, present } from '../base/assert.js';
import type { DatabaseCode, Declaration } from './code.js';
import { makeTextOrders } from './collation.js';
import { buildFunctions, buildRelations, type PlacementLookup } from './load-build.js';
import { buildDatabaseCode } from './load-code.js';
import { codeSql, declarationSql, type CodeRows } from './load-code-sql.js';
import { catalogSql, placementSql, serverSql, type CatalogPart, type CatalogRows } from './load-sql.js';
import type { CatalogSnapshot, Placement, Relation, TextOrder } from './schema.js';
import { makeSnapshot, type FunctionsBySchema } from './snapshot.js';

/** Runs one statement and gives its rows with every value as text. */
export type RunQuery = (sql: string) => Promise<readonly Readonly<Record<string, string | null>>[]>;

interface SystemPart {
  readonly relations: readonly Relation[];
  readonly functions: FunctionsBySchema;
}

/** What initdb made is the same in every database of a server, and mostly on every server of a version. */
const systemParts = new Map<string, SystemPart>();
/** Parts kept at one time: one for each server version and default collation in use. */
const maximumSystemParts = 8;

/**
 * At most five round trips, six when the server's system catalog is not known yet. Relations without a placement record
 * are at home; partitions are placed as their parents.
 */
export async function loadSnapshot(query: RunQuery, database: string, isUncommitted = false): Promise<CatalogSnapshot> {
  const server = await readServer(query);
  const serverVersion = Number(server['server_version']);
  const textOrder = resolveTextOrder(server);
  const system = await loadSystemPart(query, textOrder, [
    serverVersion,
    server['system_functions'],
    server['system_relations'],
    textOrder(100),
  ]);
  const rows = await readPart(query, 'user');
  // After the relations: a table and its placement are committed together, so each table has its record by now.
  const placements = isTrue(server['installed']) ? await loadPlacements(query) : none;
  const declares = isTrue(server['declares']);
  return makeSnapshot({
    database,
    serverVersion,
    isUncommitted,
    relations: [...system.relations, ...buildRelations(rows, textOrder, placements)],
    functions: [system.functions, buildFunctions(rows.functions)],
    code: await loadCode(query, serverVersion, rows, declares),
  });
}

function isTrue(value: string | null | undefined): boolean {
  return value === 't' || value === 'true';
}

export async function loadCode(
  query: RunQuery,
  serverVersion: number,
  { partitions }: Pick<CatalogRows, 'partitions'>,
  declares: boolean,
): Promise<DatabaseCode> {
  const rows = (await readLists(query, codeSql(serverVersion))) as unknown as CodeRows;
  const declarations = new Map<number, Declaration>();
  for (const { routine, argument } of declares ? await query(declarationSql) : []) {
    const declared = Number(argument);
    declarations.set(
      Number(routine),
      declared === 0 ? { kind: 'anywhere' } : { kind: 'by argument', argument: declared },
    );
  }
  return buildDatabaseCode(rows, partitions, declarations);
}

const none: PlacementLookup = new Map();

type Server = Readonly<Record<string, string | null>>;

export async function readServer(query: RunQuery): Promise<Server> {
  return present((await query(serverSql))[0], 'the server describes itself');
}

/** How the collations of a server's database sort. */
export function resolveTextOrder(server: Server): (collation: number) => TextOrder {
  const [provider, locale] = readJson(server['default_collation']) as readonly [string | null, string | null];
  const collations = readJson(server['collations']) as readonly (readonly [number, string, string | null])[];
  return makeTextOrders(
    collations.map(([oid, provider, locale]) => ({ oid, provider, locale })),
    // pg_database has no provider before PostgreSQL 15: libc was the only one.
    { provider: provider ?? 'c', locale },
  );
}

async function loadSystemPart(
  query: RunQuery,
  textOrder: (collation: number) => TextOrder,
  marks: readonly unknown[],
): Promise<SystemPart> {
  const key = marks.join('/');
  const known = systemParts.get(key);
  if (known !== undefined) return known;
  const rows = await readPart(query, 'system');
  const part: SystemPart = {
    relations: buildRelations(rows, textOrder, none),
    functions: buildFunctions(rows.functions),
  };
  if (systemParts.size >= maximumSystemParts) systemParts.clear();
  systemParts.set(key, part);
  return part;
}

export async function readPart(query: RunQuery, part: CatalogPart): Promise<CatalogRows> {
  return (await readLists(query, catalogSql(part))) as unknown as CatalogRows;
}

/** One row of JSON arrays. The shape is that of our own query, whose answer has no other author than PostgreSQL. */
async function readLists(query: RunQuery, sql: string): Promise<Readonly<Record<string, unknown>>> {
  const answer = present((await query(sql))[0], 'the catalog query gives one row');
  // No rows come as NULL.
  return Object.fromEntries(Object.entries(answer).map(([name, text]) => [name, text === null ? [] : readJson(text)]));
}

async function loadPlacements(query: RunQuery): Promise<PlacementLookup> {
  const placements = new Map<number, { readonly kind: Placement['kind']; readonly key: readonly number[] }>();
  for (const row of await query(placementSql)) {
    const { relation, kind, key } = row;
    assert(kind === 'sharded' || kind === 'reference' || kind === 'home', `a kind of placement: ${kind}`);
    placements.set(Number(relation), { kind, key: readJson(key) as readonly number[] });
  }
  return placements;
}

function readJson(text: string | null | undefined): unknown {
  return JSON.parse(present(text, 'a JSON value of the catalog query'));
}
