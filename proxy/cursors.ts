/**
 * DECLARE, FETCH, MOVE and CLOSE. A cursor over one shard is that server's own; one over a combined statement is a cursor
 * of the session where PostgreSQL combines it; one over several shards is run by pgring.
 */

import { assert, present } from '../base/assert.js';
import { PgError, refuse, sqlstate, withoutPosition } from '../base/errors.js';
import { quoteIdentifier } from '../catalog/schema.js';
import type { Plan } from '../planner/plan/plan.js';
import type { CursorOptions, SessionPlan } from '../planner/plan/session-plan.js';
import { encodeClose, encodeDescribe, syncFrame } from '../wire/encode-frontend.js';
import { readErrorResponse, readRowDescription } from '../wire/backend.js';
import { backendType } from '../wire/frame.js';
import type { BackendConnection } from '../router/backend/connection.js';
import { Exchange } from '../router/backend/exchange.js';
import { describeAsHome } from '../router/backend/shard-oids.js';
import { openCombineSession } from '../router/execute/combine-session.js';
import { noParameters, send, type BoundStatement } from '../router/execute/context.js';
import { Cursor } from '../router/execute/cursor.js';
import { deliverTag } from '../router/execute/deliver.js';
import { describeInFormats } from '../router/execute/describe.js';
import { passOn } from '../router/execute/pass.js';
import { bindValues, parametersFor, renderSql, routeStatement } from '../router/execute/route.js';
import { planPrepared } from './plan-prepared.js';
import type { ClientPortal } from './portals.js';
import { reasonToRefuse } from './refusal.js';
import type { SessionScope } from './session-scope.js';
import type { PlannedStatement } from './statement-planner.js';

type DeclarePlan = Extract<SessionPlan, { readonly kind: 'declare' }>;
type FetchPlan = Extract<SessionPlan, { readonly kind: 'fetch' }>;

const BINARY = [1];

export async function declareCursor(scope: SessionScope, bound: BoundStatement, plan: DeclarePlan): Promise<void> {
  const { name, options } = plan;
  const { transaction, portals } = scope;
  if (name === '') throw new PgError(sqlstate.invalidCursorName, 'invalid cursor name: must not be empty');
  const [planned] = scope.plan(Buffer.from(bound.sql.subarray(plan.start)), bound.parameters.types);
  const query = present(planned, 'a cursor without a query');
  if (query.plan.kind === 'refuse') {
    throw await reasonToRefuse(scope, bound.sql, bound.parameters.types, withoutPosition(query.plan.error));
  }
  const isOnServer = query.plan.kind === 'pass' && !options.hold && transaction.isOpen;
  // A server that gets the statement itself says what is wrong with it.
  if (!isOnServer || portals.find(name) !== undefined) await scope.inferShape(bound);
  if (!transaction.isOpen && !options.hold) {
    throw new PgError(sqlstate.noActiveSqlTransaction, 'DECLARE CURSOR can only be used in transaction blocks');
  }
  portals.checkNew(name);
  if (!transaction.isOpen) transaction.begin('implicit', 'BEGIN');
  portals.bind(name, await openCursor(scope, bound, plan, query));
}

/** Opens it and tells the client so. */
async function openCursor(
  scope: SessionScope,
  bound: BoundStatement,
  { name, options }: DeclarePlan,
  query: PlannedStatement,
): Promise<ClientPortal> {
  const { plan } = query;
  const life = {
    savepoint: scope.transaction.newestSavepoint,
    declared: { text: (bound.source ?? bound.sql).toString('utf8'), options },
    madeAt: new Date(),
  };
  const resultFormats = options.binary ? BINARY : [];
  const inner: BoundStatement = { ...query, parameters: bound.parameters, resultFormats, describe: bound.describe };
  if (plan.kind === 'pass' && !options.hold) {
    return {
      kind: 'server',
      shard: await declareOnShard(scope, bound, inner, plan, declaration(name, options)),
      ...life,
    };
  }
  if (plan.kind === 'combine' && plan.session === 'another') {
    const session = await openCombineSession(scope, inner, plan, { transaction: true });
    const { connection, parameters, sql } = session;
    try {
      await session.shardsFree;
      await passOn(
        scope,
        connection,
        { ...inner, resultFormats: [] },
        { sql: `${declaration(name, options)}${sql}`, parameters },
      );
    } catch (error) {
      await session.end();
      throw error;
    }
    return { kind: 'combined', session, held: false, ...life };
  }
  if (plan.kind !== 'pass' && plan.kind !== 'scatter') {
    throw refuse('a cursor over this statement', 'Declare it over a SELECT of tables.');
  }
  const locks = plan.kind === 'pass' ? plan.access === 'write' : plan.locks;
  const memory = options.scroll === 'no scroll' || locks ? 'none' : options.scroll === 'scroll' ? 'all' : 'some';
  const opening = { name, portal: scope.nextPortalName(), maximumRows: 0, memory } as const;
  const cursor = await Cursor.open(scope, inner, plan, opening);
  await deliverTag(scope.output, 'DECLARE CURSOR');
  return { kind: 'streamed', cursor, held: false, ...life };
}

/** Declares it on the one shard that its rows come from. */
async function declareOnShard(
  scope: SessionScope,
  bound: BoundStatement,
  inner: BoundStatement,
  plan: Extract<Plan, { readonly kind: 'pass' }>,
  prefix: string,
): Promise<number> {
  const values = await bindValues(scope, inner, plan.computed);
  const [shard] = await routeStatement(scope, plan.routing, values);
  const target = present(shard, 'a statement for one shard without a shard');
  const sql = plan.sql === 'client' ? bound.sql : `${prefix}${renderSql(plan.sql, inner, values).toString('utf8')}`;
  const parameters = await parametersFor(scope, inner, plan.sql);
  const connection = await scope.transaction.enter(target, plan.access === 'write');
  await passOn(scope, connection, { ...inner, resultFormats: [] }, { sql, parameters });
  return target;
}

/** All of a DECLARE before its query. */
function declaration(name: string, options: CursorOptions): string {
  const words = [
    options.binary ? 'BINARY' : '',
    options.insensitive ? 'INSENSITIVE' : '',
    options.asensitive ? 'ASENSITIVE' : '',
    options.scroll === 'unspecified' ? '' : options.scroll,
  ];
  const hold = options.hold ? 'WITH HOLD ' : '';
  return `DECLARE ${quoteIdentifier(name)} ${words.join(' ')} CURSOR ${hold}FOR `;
}

export async function fetchFromCursor(scope: SessionScope, bound: BoundStatement, plan: FetchPlan): Promise<void> {
  const portal = scope.portals.get(plan.name, 'cursor');
  const connection = await serverOf(scope, portal);
  if (connection !== undefined) {
    // By the simple protocol the rows of a BINARY cursor come in binary (postgres.c, exec_simple_query).
    const describeAs = (description: Buffer): Buffer => describePortal(portal, description);
    const formatsHold = !bound.describe;
    await passOn(scope, connection, bound, { sql: bound.sql, parameters: noParameters, formatsHold, describeAs });
    return;
  }
  const cursor = await cursorOf(scope, plan.name, portal);
  const isBinary = portal.declared?.options.binary === true;
  const formats = bound.describe && isBinary ? BINARY : bound.resultFormats;
  if (bound.describe && !plan.move) {
    const description = cursor.describe(formats);
    if (description !== undefined) await send(scope.output, description);
  }
  const rows = await cursor.run(scope, plan, plan.move ? undefined : formats);
  await deliverTag(scope.output, `${plan.move ? 'MOVE' : 'FETCH'} ${rows}`);
}

export async function closeCursor(scope: SessionScope, name: string | undefined): Promise<void> {
  const { portals } = scope;
  if (name !== undefined) portals.get(name, 'cursor');
  const names = name === undefined ? [...portals.all].map(([each]) => each) : [name];
  for (const each of names) await closePortal(scope, each);
  await deliverTag(scope.output, name === undefined ? 'CLOSE CURSOR ALL' : 'CLOSE CURSOR');
}

/** Closes a cursor or portal wherever it is. */
export async function closePortal(scope: SessionScope, name: string): Promise<void> {
  const portal = scope.portals.find(name);
  if (portal?.kind === 'server' && scope.transaction.isOpen) {
    const exchange = new Exchange(await scope.transaction.enter(portal.shard, false));
    exchange.send([encodeClose('portal', name), syncFrame], 1);
    const error = await exchange.finish();
    if (error !== undefined) throw error;
  }
  await scope.portals.close(name);
}

/** RowDescription of a cursor's rows, as Describe of the portal gives it; undefined without one. */
export async function describeCursor(scope: SessionScope, name: string): Promise<Buffer | undefined> {
  const portal = scope.portals.find(name);
  if (portal === undefined) return undefined;
  const connection = await serverOf(scope, portal);
  if (connection === undefined) return (await cursorOf(scope, name, portal)).describe([]);
  const exchange = new Exchange(connection);
  exchange.send([encodeDescribe('portal', name), syncFrame], 1);
  let description: Buffer | undefined;
  let failure: PgError | undefined;
  while (connection.outstandingReady > 0) {
    const item = await exchange.next();
    if (item.kind === 'rows') continue;
    if (item.type === backendType.rowDescription) description = Buffer.from(item.frame);
    if (item.type === backendType.errorResponse) failure = readErrorResponse(item.frame);
  }
  exchange.release();
  if (failure !== undefined) throw failure;
  const oids = connection.oidMap();
  if (description !== undefined && oids !== undefined) describeAsHome(description, oids);
  return description === undefined ? undefined : describePortal(portal, description);
}

/** The columns of combined rows are called, and come from, what the client's own statement says. */
function describePortal(portal: ClientPortal, description: Buffer): Buffer {
  if (portal.kind !== 'combined' || portal.session.rowDescription === undefined) return description;
  const formats = readRowDescription(description).map(({ format }) => format);
  return describeInFormats(portal.session.rowDescription, formats);
}

/** The connection to the server that has the cursor; undefined where pgring runs it. */
export async function serverOf(scope: SessionScope, portal: ClientPortal): Promise<BackendConnection | undefined> {
  if (portal.kind === 'combined') return portal.session.connection;
  return portal.kind === 'server' ? await scope.transaction.enter(portal.shard, false) : undefined;
}

/** The cursor that pgring runs. A bound portal that was not executed yet starts now. */
async function cursorOf(scope: SessionScope, name: string, portal: ClientPortal): Promise<Cursor> {
  if (portal.kind === 'streamed') return portal.cursor;
  assert(portal.kind === 'local', 'a portal without a cursor');
  if (portal.cursor !== undefined) return portal.cursor;
  const planned = planPrepared(scope, portal.statement);
  if (!Cursor.canOpen(planned.plan) || portal.finished) {
    throw new PgError(sqlstate.objectNotInPrerequisiteState, `portal "${name}" cannot be run`);
  }
  const { parameters, resultFormats } = portal;
  const bound: BoundStatement = { ...planned, parameters, resultFormats, describe: false };
  const opening = { name, portal: portal.name, maximumRows: 0, memory: 'some' } as const;
  portal.cursor = await Cursor.open(scope, bound, planned.plan, opening);
  return portal.cursor;
}
