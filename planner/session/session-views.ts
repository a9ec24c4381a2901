/**
 * pg_prepared_statements and pg_cursors: a server tells of its own session, pgring of the client's. Their rows are handed to
 * the home shard as JSON, and PostgreSQL makes a relation of them.
 */

import type { RangeVar } from 'libpg-query';

import type { ComputedList } from '../checks/computed.js';
import type { PlanContext } from '../tree/context.js';
import type { Edit } from '../parse/splice.js';
import { resolveRelation } from '../tree/scope.js';
import type { SessionView } from '../plan/session-plan.js';
import type { StatementText } from '../tree/text.js';
import { rangeVarName, walkNodes } from '../tree/tree.js';

/** The first version with pg_prepared_statements.result_types. */
const RESULT_TYPES_VERSION = 160_000;

function columnsOf(view: SessionView, serverVersion: number): string {
  if (view === 'pg_cursors') {
    return 'name text, statement text, is_holdable bool, is_binary bool, is_scrollable bool, creation_time timestamptz';
  }
  const results = serverVersion >= RESULT_TYPES_VERSION ? 'result_types regtype[], ' : '';
  return `name text, statement text, prepare_time timestamptz, parameter_types regtype[], ${results}from_sql bool, generic_plans int8, custom_plans int8`;
}

/** Edits that put the session's own rows in the place of these views, in a statement that runs on the home shard. */
export function sessionViewEdits(
  root: unknown,
  context: PlanContext,
  text: StatementText,
  computed: ComputedList,
): Edit[] {
  const edits: Edit[] = [];
  const visit = (range: RangeVar): void => {
    const view = viewOf(range, context);
    if (view === undefined) return;
    const first = text.tokenIndexAt(range.location ?? 0);
    let last = first;
    while (text.word(last + 1) === '.') last += 2;
    const isTable = text.word(first - 1) === 'table';
    const alias = range.alias === undefined ? ` AS ${view}` : '';
    const columns = columnsOf(view, context.catalog.serverVersion);
    edits.push({
      start: text.startOf(isTable ? first - 1 : first),
      end: text.endOf(last),
      pieces: [
        `${isTable ? 'SELECT * FROM ' : ''}(SELECT * FROM pg_catalog.jsonb_to_recordset(`,
        computed.addView(view),
        `) AS pgring (${columns}))${alias}`,
      ],
    });
  };
  walkNodes(root, (node) => {
    if ('RangeVar' in node) visit(node.RangeVar);
    return true;
  });
  return edits;
}

function viewOf(range: RangeVar, context: PlanContext): SessionView | undefined {
  const name = rangeVarName(range);
  if (name.name !== 'pg_prepared_statements' && name.name !== 'pg_cursors') return undefined;
  return resolveRelation(name, context) === 'catalog' ? name.name : undefined;
}
