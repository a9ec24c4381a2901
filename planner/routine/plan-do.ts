/** DO: a block that touches nothing sharded runs on the home shard, one that is only DDL on all. */

import type { DoStmt, Node } from 'libpg-query';

import { PgError, refuse } from '../../base/errors.js';
import { ConductBuilder, reachableOf, whyNowhere } from '../code/conduct.js';
import { readAnonymous, type PlpgsqlBody } from '../code/read-plpgsql.js';
import { conductOfReader, readFragments } from '../code/read-routine.js';
import { SqlReader } from '../code/read-sql.js';
import { scanBody } from '../code/scan-body.js';
import type { PlanContext } from '../tree/context.js';
import { parseStatements } from '../parse/parser.js';
import type { Plan } from '../plan/plan.js';
import { StatementText } from '../tree/text.js';

type PlanDdl = (node: Node, context: PlanContext, text: StatementText) => Plan;

const HINT =
  'A DO block may use home tables and read reference tables, or hold nothing but DDL: run its statements from the client.';

export function planDo(statement: DoStmt, context: PlanContext, text: StatementText, planDdl: PlanDdl): Plan {
  const position = { position: text.position(text.start) };
  const option = (wanted: string): string | undefined => {
    for (const node of statement.args ?? []) {
      if (!('DefElem' in node) || node.DefElem.defname !== wanted) continue;
      const { arg } = node.DefElem;
      return arg !== undefined && 'String' in arg ? arg.String.sval : undefined;
    }
    return undefined;
  };
  const language = option('language') ?? 'plpgsql';
  const source = option('as');
  if (source === undefined || language !== 'plpgsql') {
    throw refuse(
      `DO in the language ${language}`,
      'Write it in PL/pgSQL, or run its statements from the client.',
      position,
    );
  }
  const body = readBody(source);
  if (body !== undefined && isDdl(body, context, planDdl)) {
    return {
      kind: 'ddl',
      where: 'everywhere',
      sql: 'client',
      transactional: true,
      changes: [{ kind: 'prune' }],
      notices: [],
      changesCatalog: true,
    };
  }
  const reader = new SqlReader(context, 'code');
  try {
    if (body === undefined) scanBody(source, reader, context);
    else readFragments(body, reader);
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    reader.cannotRead('its syntax');
  }
  const conduct = conductOfReader(reader, context.catalog);
  if (reachableOf(conduct) === 'nowhere') {
    throw refuse(`this DO block, ${whyNowhere(conduct)}`, HINT, position);
  }
  const plan = { kind: 'pass', routing: { kind: 'home' }, access: 'write', sql: 'client', computed: [] } as const;
  const left = conduct.leaves.size > 0 ? { ...plan, leaves: [...conduct.leaves] } : plan;
  const noted = conduct.notifies ? { ...left, notifies: true as const } : left;
  return conduct.changesTemporary ? { ...noted, changesTemporary: true } : noted;
}

function parsedOrNone(sql: string): ReturnType<typeof parseStatements> {
  try {
    return parseStatements(sql);
  } catch (error) {
    if (error instanceof PgError) return [];
    throw error;
  }
}

function readBody(source: string): PlpgsqlBody | undefined {
  try {
    return readAnonymous(source);
  } catch (error) {
    if (error instanceof PgError) return undefined;
    throw error;
  }
}

const queries: ReadonlySet<string> = new Set(['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt', 'CallStmt']);

/**
 * Whether all that the block does is DDL that every shard runs as it is, and what it asks about is the catalog, which
 * says the same everywhere.
 */
function isDdl(body: PlpgsqlBody, context: PlanContext, planDdl: PlanDdl): boolean {
  if (body.unread !== undefined || body.endsTransactions) return false;
  const asked = new ConductBuilder();
  let changes = 0;
  for (const { sql, kind } of body.fragments) {
    for (const statement of parsedOrNone(sql)) {
      if (kind === 'expression' || 'SelectStmt' in statement.node) {
        const reader = new SqlReader(context, 'code');
        reader.read(statement.node);
        asked.add(conductOfReader(reader, context.catalog));
        continue;
      }
      if (queries.has(Object.keys(statement.node)[0] ?? '')) return false;
      const inner = new StatementText({ statement, sql: Buffer.from(sql), slots: undefined, context });
      const plan = planDdl(statement.node, context, inner);
      if (plan.kind !== 'ddl' || plan.where !== 'everywhere' || plan.sql !== 'client' || !plan.transactional)
        return false;
      if (plan.changes.some((change) => change.kind === 'place')) return false;
      changes += 1;
    }
  }
  const { reads, writes, unread, depends } = asked;
  return changes > 0 && reads.size === 0 && writes.size === 0 && unread === undefined && depends !== 'random';
}
