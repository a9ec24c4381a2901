/**
 * Materialized views: their rows lie on the home shard, which makes them of all shards' rows. The others have the view
 * without rows, so that later DDL finds it there.
 */

import type { CreateTableAsStmt, RefreshMatViewStmt } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import type { Relation } from '../../catalog/schema.js';
import { checkCalls } from '../checks/checks.js';
import { reachableOf, whyNowhere } from '../code/conduct.js';
import { conductOfAll } from '../code/read-routine.js';
import { SqlReader } from '../code/read-sql.js';
import { parseStatements } from '../parse/parser.js';
import type { Plan } from '../plan/plan.js';
import type { PlanContext } from '../tree/context.js';
import type { StatementText } from '../tree/text.js';
import { someNode, stringValue } from '../tree/tree.js';
import { namedRelation } from './alter-table.js';

export function planMaterializedView(create: CreateTableAsStmt, context: PlanContext, text: StatementText): Plan {
  const reader = new SqlReader(context, 'statement');
  reader.read(create.query);
  const sharded = shardedOf(reader);
  if (sharded.length > 0) checkCalls([create.query], 'home', context, text);
  const tables =
    sharded.length === 0 ? [] : checkGathered(sharded, [create.query, ...viewQueries(reader, context)], text);
  if (create.into?.skipData === true) return ddl({ sql: 'client', gathers: undefined, changesCatalog: true });
  const tokens = text.tokens();
  const last = tokens.length - 1;
  const saysData = text.word(last) === 'data' && text.word(last - 1) === 'with';
  const end = saysData ? text.startOf(last - 1) : text.endOf(last);
  const elsewhere = [...text.pieces(text.start, end), ' WITH NO DATA'];
  return ddl({ sql: 'client', gathers: { tables, elsewhere }, changesCatalog: true });
}

export function planRefresh(refresh: RefreshMatViewStmt, context: PlanContext, text: StatementText): Plan {
  const relation = namedRelation(refresh.relation, context);
  const reads = relation?.reads.flatMap((oid) => context.catalog.relationByOid(oid) ?? []) ?? [];
  const sharded = reads.filter(({ placement }) => placement.kind === 'sharded');
  if (relation === undefined || sharded.length === 0 || refresh.skipData === true) {
    return { kind: 'pass', routing: { kind: 'home' }, access: 'write', sql: 'client', computed: [] };
  }
  const reader = new SqlReader({ catalog: context.catalog, searchPath: [] }, 'statement');
  const queries = relation.definition === undefined ? [] : parseStatements(relation.definition).map(({ node }) => node);
  reader.read(queries);
  checkBodies(reader, context, text);
  const tables = checkGathered(sharded, [...queries, ...viewQueries(reader, context)], text);
  return ddl({ sql: 'client', gathers: { tables, elsewhere: undefined }, changesCatalog: false });
}

type DdlPlan = Extract<Plan, { readonly kind: 'ddl' }>;

function ddl(made: Pick<DdlPlan, 'sql' | 'changesCatalog'> & { readonly gathers: DdlPlan['gathers'] }): Plan {
  const { gathers, ...rest } = made;
  const base = { kind: 'ddl', where: 'everywhere', transactional: true, changes: [], notices: [], ...rest } as const;
  return gathers === undefined ? base : { ...base, gathers };
}

function shardedOf(reader: SqlReader): readonly Relation[] {
  return [...reader.reads].filter(
    ({ kind, placement }) => placement.kind === 'sharded' && kind !== 'materialized view',
  );
}

/** The queries of the views that it reads. */
function viewQueries({ reads }: SqlReader, { catalog }: PlanContext): readonly unknown[] {
  const oids = new Set([...reads].map(({ oid }) => oid));
  return [...catalog.relations()].flatMap(({ kind, definition, reads: read }) =>
    kind === 'view' && definition !== undefined && read.some((oid) => oids.has(oid))
      ? parseStatements(definition).map(({ node }) => node)
      : [],
  );
}

/** The functions that it calls see the rows of the home shard alone. */
function checkBodies(reader: SqlReader, context: PlanContext, text: StatementText): void {
  const conduct = conductOfAll([...reader.calls, ...reader.implied], context.catalog);
  if (reachableOf(conduct) !== 'nowhere') return;
  throw refuse(
    `a materialized view with a function ${whyNowhere(conduct)}`,
    'Use CREATE TABLE … AS, and fill it anew when its rows are to be fresh.',
    { position: text.position(text.start) },
  );
}

const systemColumns: ReadonlySet<string> = new Set(['tableoid', 'ctid', 'xmin', 'xmax', 'cmin', 'cmax']);

/** Whether a query can tell a table's own rows from those that are brought to it. */
function tellsApart(query: unknown): boolean {
  return someNode(query, (node) => {
    if ('RangeVar' in node) return node.RangeVar.inh !== true;
    if ('RangeTableSample' in node) return true;
    return 'ColumnRef' in node && systemColumns.has(stringValue(node.ColumnRef.fields?.at(-1)) ?? '');
  });
}

function checkGathered(
  sharded: readonly Relation[],
  queries: readonly unknown[],
  text: StatementText,
): readonly { readonly schema: string; readonly name: string }[] {
  const position = { position: text.position(text.start) };
  const hint = 'Use CREATE TABLE … AS, and fill it anew when its rows are to be fresh.';
  const tree = sharded.find(({ kind, isPartition, isInherited }) => kind !== 'table' || isPartition || isInherited);
  if (tree !== undefined) {
    throw refuse(
      `a materialized view over "${tree.name}", a sharded table with partitions or children,`,
      hint,
      position,
    );
  }
  if (tellsApart(queries))
    throw refuse('a materialized view over sharded tables with ONLY, TABLESAMPLE or system columns', hint, position);
  return sharded.map(({ schema, name }) => ({ schema, name }));
}
