/** What pg_prepared_statements and pg_cursors tell of a client's session, and pg_stat_activity of all of them. */

import { quoteLiteral } from '../catalog/schema.js';
import type { SessionView } from '../planner/plan/session-plan.js';
import { readRowDescription } from '../wire/backend.js';
import { queryRows } from '../router/backend/command.js';
import { serverOf } from './cursors.js';
import type { ClientPortal } from './portals.js';
import type { PreparedStatement } from './prepared.js';
import type { SessionScope } from './session-scope.js';
import { shapeOf } from './shape-of.js';

type Row = Readonly<Record<string, unknown>>;

/** As a JSON array of objects. */
export async function listOwn(scope: SessionScope, view: SessionView): Promise<string> {
  const rows: Row[] = [];
  if (view === 'pg_stat_activity') return JSON.stringify(scope.sessions.describeAll());
  if (view === 'pg_cursors') {
    for (const [name, portal] of scope.portals.all) rows.push(await cursorRow(scope, name, portal));
  } else {
    for (const statement of scope.prepared.all)
      if (statement.name !== '') rows.push(await statementRow(scope, statement));
  }
  return JSON.stringify(rows);
}

async function statementRow(scope: SessionScope, statement: PreparedStatement): Promise<Row> {
  const { name, origin } = statement;
  const shape = statement.shape ?? (await shapeOf(scope, statement));
  const { rowDescription } = shape;
  return {
    name,
    statement: origin.text,
    prepare_time: origin.preparedAt,
    parameter_types: shape.parameterTypes,
    result_types:
      rowDescription === undefined ? null : readRowDescription(rowDescription).map((field) => field.typeOid),
    from_sql: origin.fromSql,
    // Which plans the shards have made of it, pgring does not know.
    generic_plans: null,
    custom_plans: null,
  };
}

async function cursorRow(scope: SessionScope, name: string, portal: ClientPortal): Promise<Row> {
  const { declared } = portal;
  return {
    name,
    statement: declared?.text ?? (portal.kind === 'local' ? portal.statement.origin.text : ''),
    is_holdable: declared?.options.hold ?? false,
    is_binary: declared?.options.binary ?? false,
    is_scrollable: declared === undefined ? false : await scrolls(scope, name, portal),
    creation_time: portal.madeAt,
  };
}

async function scrolls(scope: SessionScope, name: string, portal: ClientPortal): Promise<boolean> {
  const scroll = portal.declared?.options.scroll;
  if (scroll !== 'unspecified') return scroll === 'scroll';
  const connection = await serverOf(scope, portal);
  if (connection === undefined) return portal.kind === 'streamed' && portal.cursor.scrolls;
  const sql = `SELECT is_scrollable FROM pg_catalog.pg_cursors WHERE name = ${quoteLiteral(name)}`;
  const [row] = await queryRows(connection, sql);
  return row?.['is_scrollable'] === 't';
}
