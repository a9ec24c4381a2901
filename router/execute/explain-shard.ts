/** One server's EXPLAIN of its part of a statement. */

import { readDataRow } from '../../wire/backend.js';
import { queryRows } from '../backend/command.js';
import type { BackendConnection } from '../backend/connection.js';
import { frameEnd } from '../merge/stream.js';
import type { BoundParameters } from './context.js';
import { isProperties, type Json } from './explain-document.js';
import type { ExplainPlan, ShardExplanation } from './explanation.js';
import { ShardRows } from './shard-rows.js';

/** What a plan's top node says it does. */
interface Estimate {
  readonly rows: number;
  readonly bytes: number;
}

interface ExplainQuery {
  readonly sql: string;
  readonly parameters: BoundParameters;
}

/** The SQL that has a server explain SQL. Other formats than text are all made of JSON. */
export function explainSql({ options, format }: ExplainPlan, sql: string | Buffer): string {
  const all = [...options, `FORMAT ${format === 'text' ? 'TEXT' : 'JSON'}`];
  return `EXPLAIN (${all.join(', ')}) ${sql.toString('utf8')}`;
}

export async function explainOn(
  connection: BackendConnection,
  { format }: ExplainPlan,
  { sql, parameters }: ExplainQuery,
): Promise<ShardExplanation> {
  // GENERIC_PLAN leaves parameters open, which only the simple protocol does.
  const lines =
    parameters.values.length === 0
      ? (await queryRows(connection, sql)).map((row) => row['QUERY PLAN'] ?? '')
      : await boundLines(connection, { sql, parameters });
  if (format === 'text') return { kind: 'lines', lines };
  const parsed = JSON.parse(lines.join('\n')) as Json;
  const document: Json | undefined = Array.isArray(parsed) ? (parsed as readonly Json[])[0] : undefined;
  return { kind: 'document', document: isProperties(document) ? document : {} };
}

async function boundLines(connection: BackendConnection, query: ExplainQuery): Promise<readonly string[]> {
  const rows = ShardRows.send(connection, { ...query, resultFormats: [] }, { portal: '', batchRows: 0 });
  const lines: string[] = [];
  try {
    await rows.describe();
    for (let run = await rows.next(); run !== undefined; run = await rows.next()) {
      for (let position = run.start; position < run.end; position = frameEnd(run.bytes, position)) {
        lines.push(readDataRow(run.bytes, position)[0]?.toString('utf8') ?? '');
      }
    }
    await rows.close();
  } catch (error) {
    await rows.abort();
    throw error;
  }
  return lines;
}

/** The top node's estimate; undefined with COSTS OFF. */
export function estimateOf(explanation: ShardExplanation): Estimate | undefined {
  if (explanation.kind === 'lines') {
    const [, rows, width] = /\(cost=\S+ rows=(\d+) width=(\d+)\)/.exec(explanation.lines[0] ?? '') ?? [];
    return rows === undefined ? undefined : { rows: Number(rows), bytes: Number(rows) * Number(width) };
  }
  const plan = explanation.document['Plan'];
  if (!isProperties(plan)) return undefined;
  const { 'Plan Rows': rows, 'Plan Width': width } = plan;
  return typeof rows === 'number' && typeof width === 'number' ? { rows, bytes: rows * width } : undefined;
}
