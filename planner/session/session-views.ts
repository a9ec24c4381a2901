/**
 * pg_prepared_statements and pg_cursors: a server tells of its own session, pgring of the client's; and pg_stat_activity,
 * which tells of all clients'. Their rows are handed to the home shard as JSON, and PostgreSQL makes a relation of them.
 * pg_locks is the home shard's, with the process ids by which clients know each other.
 */

import type { RangeVar } from 'libpg-query';

import type { ComputedList } from '../checks/computed.js';
import type { PlanContext } from '../tree/context.js';
import type { Edit } from '../parse/splice.js';
import { resolveRelation } from '../tree/scope.js';
import type { SqlPiece } from '../plan/plan.js';
import type { StatementText } from '../tree/text.js';
import { rangeVarName, walkNodes } from '../tree/tree.js';

/** The first version with pg_prepared_statements.result_types. */
const RESULT_TYPES_VERSION = 160_000;

function columnsOf(view: 'pg_prepared_statements' | 'pg_cursors', serverVersion: number): string {
  if (view === 'pg_cursors') {
    return 'name text, statement text, is_holdable bool, is_binary bool, is_scrollable bool, creation_time timestamptz';
  }
  const results = serverVersion >= RESULT_TYPES_VERSION ? 'result_types regtype[], ' : '';
  return `name text, statement text, prepare_time timestamptz, parameter_types regtype[], ${results}from_sql bool, generic_plans int8, custom_plans int8`;
}

/** Query identifiers, since PostgreSQL 14. */
const QUERY_ID_VERSION = 140_000;

/** pg_locks.waitstart, since PostgreSQL 14. */
const WAIT_START_VERSION = 140_000;

/** What stands before and behind the rows. Who may not see what others do sees as much as on a server (pgstatfuncs.c). */
function activity(serverVersion: number): readonly [head: string, tail: string] {
  const guarded = (column: string): string => `CASE WHEN mine.visible THEN pgring.${column} END AS ${column}`;
  const queryId = serverVersion >= QUERY_ID_VERSION ? 'NULL::int8 AS query_id, ' : '';
  return [
    `SELECT database.oid AS datid, pgring.datname, pgring.pid, NULL::int4 AS leader_pid, role.oid AS usesysid, pgring.usename,
 pgring.application_name, ${guarded('client_addr')}, NULL::text AS client_hostname, ${guarded('client_port')},
 ${['backend_start', 'xact_start', 'query_start', 'state_change'].map(guarded).join(', ')},
 CASE WHEN mine.visible AND pgring.state <> 'active' THEN 'Client' END AS wait_event_type,
 CASE WHEN mine.visible AND pgring.state <> 'active' THEN 'ClientRead' END AS wait_event,
 ${guarded('state')}, NULL::xid AS backend_xid, NULL::xid AS backend_xmin, ${queryId}
 CASE WHEN mine.visible THEN pgring.query ELSE '<insufficient privilege>' END AS query,
 CASE WHEN mine.visible THEN 'client backend' END AS backend_type FROM`,
    `(datname name, pid int4, usename name, application_name text, client_addr inet, client_port int4,
 backend_start timestamptz, xact_start timestamptz, query_start timestamptz, state_change timestamptz, state text, query text)
 LEFT JOIN pg_catalog.pg_database AS database ON database.datname = pgring.datname
 LEFT JOIN pg_catalog.pg_roles AS role ON role.rolname = pgring.usename
 CROSS JOIN LATERAL (SELECT coalesce(pg_catalog.pg_has_role(role.oid, 'USAGE'), false)
 OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') AS visible) AS mine`,
  ];
}

/** What stands before and behind the rows of pg_stat_activity, whose `home_pid` is the process on the home shard. */
function locks(serverVersion: number, own: SqlPiece): readonly [head: readonly SqlPiece[], tail: readonly SqlPiece[]] {
  const waitStart = serverVersion >= WAIT_START_VERSION ? ', locks.waitstart' : '';
  return [
    [
      `SELECT locks.locktype, locks.database, locks.relation, locks.page, locks.tuple, locks.virtualxid, locks.transactionid,
 locks.classid, locks.objid, locks.objsubid, locks.virtualtransaction,
 CASE locks.pid WHEN pg_catalog.pg_backend_pid() THEN `,
      own,
      ` ELSE coalesce(pgring.pid, locks.pid) END AS pid,
 locks.mode, locks.granted, locks.fastpath${waitStart} FROM pg_catalog.pg_locks AS locks LEFT JOIN`,
    ],
    ['(pid int4, home_pid int4) ON pgring.home_pid = locks.pid'],
  ];
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
    const [head, tail] = around(view, context.catalog.serverVersion, computed);
    edits.push({
      start: text.startOf(isTable ? first - 1 : first),
      end: text.endOf(last),
      pieces: [
        `${isTable ? 'SELECT * FROM ' : ''}(`,
        ...head,
        ' pg_catalog.jsonb_to_recordset(',
        computed.addView(view === 'pg_locks' ? 'pg_stat_activity' : view),
        ') AS pgring ',
        ...tail,
        `)${alias}`,
      ],
    });
  };
  walkNodes(root, (node) => {
    if ('RangeVar' in node) visit(node.RangeVar);
    return true;
  });
  return edits;
}

function around(
  view: ReplacedView,
  serverVersion: number,
  computed: ComputedList,
): readonly [head: readonly SqlPiece[], tail: readonly SqlPiece[]] {
  if (view === 'pg_locks') return locks(serverVersion, computed.addView('pg_backend_pid'));
  if (view !== 'pg_stat_activity') return [['SELECT * FROM'], [`(${columnsOf(view, serverVersion)})`]];
  const [head, tail] = activity(serverVersion);
  return [[head], [tail]];
}

const replacedViews = ['pg_prepared_statements', 'pg_cursors', 'pg_stat_activity', 'pg_locks'] as const;
type ReplacedView = (typeof replacedViews)[number];

function viewOf(range: RangeVar, context: PlanContext): ReplacedView | undefined {
  const name = rangeVarName(range);
  const view = replacedViews.find((each) => each === name.name);
  return view !== undefined && resolveRelation(name, context) === 'catalog' ? view : undefined;
}
