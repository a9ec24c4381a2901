/** A pipeline of the extended protocol, message by message: for statements that several shards or pgring itself run. */

import { PgError, sqlstate } from '../base/errors.js';
import {
  bindComplete,
  closeComplete,
  encodeErrorResponse,
  encodeParameterDescription,
  encodeReadyForQuery,
  noData,
  parseComplete,
} from '../wire/encode-backend.js';
import { encodeExecute, syncFrame } from '../wire/encode-frontend.js';
import { frontendType } from '../wire/frame.js';
import { readBind, readClose, readDescribe, readExecute, readParse } from '../wire/frontend.js';
import { Exchange } from '../router/backend/exchange.js';
import { send, type BoundStatement } from '../router/execute/context.js';
import { describeInFormats } from '../router/execute/describe.js';
import { Cursor } from '../router/execute/cursor.js';
import { deliverExchange, deliverTag } from '../router/execute/deliver.js';
import { planPrepared } from './plan-prepared.js';
import type { ClientPortal } from './portals.js';
import { parsedStatement } from './prepared.js';
import { closePortal, describeCursor } from './cursors.js';
import { checkFormats } from './bind-formats.js';
import { reasonToRefuse } from './refusal.js';
import { isFatal, toClientError } from './report-error.js';
import type { ResolvedStatement } from './execute-prepared.js';
import { locksUpToLimit } from '../router/execute/gather.js';
import { runPlan, runStatement } from './run-statement.js';
import type { SessionScope } from './session-scope.js';
import { checkNotFailed, runsInTransaction } from './simple-query.js';
import { shapeOf } from './shape-of.js';

type LocalPortal = Extract<ClientPortal, { readonly kind: 'local' }>;

export class Pipeline {
  readonly #scope: SessionScope;
  #state: 'closed' | 'open' | 'failed' = 'closed';

  constructor(scope: SessionScope) {
    this.#scope = scope;
  }

  /** Messages were carried out and Sync has not come yet. */
  get open(): boolean {
    return this.#state !== 'closed';
  }

  /** A message failed: the rest up to Sync is discarded. */
  get failed(): boolean {
    return this.#state === 'failed';
  }

  async process(frames: readonly Buffer[], end: 'flush' | 'sync'): Promise<void> {
    const executes = frames.filter((frame) => frame[0] === frontendType.execute).length;
    const several = executes > 1 || this.#state === 'open' || (executes > 0 && end === 'flush');
    if (this.#state === 'closed') this.#state = 'open';
    this.#scope.takeCopied();
    try {
      for (const frame of frames) {
        if (this.#state === 'open') await this.#carryOut(frame, several);
      }
    } catch (error) {
      await this.#fail(error);
    }
    // In copy mode a server ignores Sync; the client sends another after its data (protocol, "COPY Operations").
    const ignored = this.#scope.takeCopied();
    if (end === 'sync' && !ignored) await this.#sync();
  }

  /** Ends a pipeline of which nothing was carried out. */
  async refuse(error: unknown): Promise<void> {
    await this.#fail(error);
    await this.#sync();
  }

  async #carryOut(frame: Buffer, several: boolean): Promise<void> {
    switch (frame[0]) {
      case frontendType.parse:
        await this.#parse(frame);
        return;
      case frontendType.bind:
        await this.#bind(frame);
        return;
      case frontendType.describe:
        await this.#describe(frame);
        return;
      case frontendType.execute:
        await this.#execute(frame, several);
        return;
      case frontendType.close: {
        const { target, name } = readClose(frame);
        if (target === 'statement') this.#scope.prepared.remove(name);
        else await closePortal(this.#scope, name);
        await send(this.#scope.output, closeComplete);
        return;
      }
      default:
        throw new PgError(sqlstate.protocolViolation, 'a message that does not belong into a pipeline');
    }
  }

  async #parse(frame: Buffer): Promise<void> {
    const parse = readParse(frame);
    const statement = parsedStatement(parse, Buffer.from(frame));
    if (parse.name === '') this.#scope.prepared.remove('');
    const { plan } = await this.#scope.replanIfStale(
      planPrepared(this.#scope, statement),
      statement.plannedFor,
      statement.parameterTypes,
    );
    if (plan.kind !== 'empty') checkNotFailed(this.#scope, plan);
    if (plan.kind === 'refuse') {
      throw await reasonToRefuse(this.#scope, statement.sql, statement.parameterTypes, plan.error);
    }
    this.#scope.prepared.add(statement);
    try {
      await shapeOf(this.#scope, statement);
    } catch (error) {
      this.#scope.prepared.removeExactly(statement);
      throw error;
    }
    await send(this.#scope.output, parseComplete);
  }

  async #bind(frame: Buffer): Promise<void> {
    const { prepared, output } = this.#scope;
    const bind = readBind(frame);
    const statement = prepared.get(bind.statement);
    const { plan } = planPrepared(this.#scope, statement);
    const { parameterTypes, rowDescription } = await shapeOf(this.#scope, statement);
    checkFormats(bind, rowDescription);
    if (bind.parameters.length !== parameterTypes.length) {
      throw new PgError(
        sqlstate.protocolViolation,
        `bind message supplies ${bind.parameters.length} parameters, but prepared statement "${bind.statement}" requires ${parameterTypes.length}`,
      );
    }
    checkNotFailed(this.#scope, plan);
    if (bind.portal === '') await closePortal(this.#scope, '');
    this.#scope.portals.bind(bind.portal, {
      kind: 'local',
      name: this.#scope.nextPortalName(),
      savepoint: this.#scope.transaction.newestSavepoint,
      madeAt: new Date(),
      declared: undefined,
      statement,
      parameters: {
        formats: bind.parameterFormats,
        values: bind.parameters.map((value) => (value === null ? null : Buffer.from(value))),
        types: parameterTypes,
      },
      resultFormats: bind.resultFormats,
      cursor: undefined,
      finished: false,
    });
    await send(output, bindComplete);
  }

  async #describe(frame: Buffer): Promise<void> {
    const { prepared, output } = this.#scope;
    const { target, name } = readDescribe(frame);
    if (target === 'statement') {
      const { parameterTypes, rowDescription } = await shapeOf(this.#scope, prepared.get(name));
      await send(output, encodeParameterDescription(parameterTypes));
      await send(output, rowDescription ?? noData);
      return;
    }
    const portal = this.#scope.portals.get(name, 'portal');
    const description =
      portal.kind === 'local'
        ? (await shapeOf(this.#scope, portal.statement)).rowDescription
        : await describeCursor(this.#scope, name);
    if (description === undefined) await send(output, noData);
    else
      await send(output, portal.kind === 'local' ? describeInFormats(description, portal.resultFormats) : description);
  }

  async #execute(frame: Buffer, several: boolean): Promise<void> {
    const { portal: name, maximumRows } = readExecute(frame);
    const portal = this.#scope.portals.get(name, 'portal');
    switch (portal.kind) {
      case 'local':
        await this.#executeLocal(name, portal, maximumRows, several);
        return;
      case 'streamed':
        await portal.cursor.fetch(this.#scope, maximumRows, []);
        return;
      default: {
        const { transaction } = this.#scope;
        const connection =
          portal.kind === 'server' ? await transaction.enter(portal.shard, true) : portal.session.connection;
        const exchange = new Exchange(connection);
        exchange.send([encodeExecute(name, maximumRows), syncFrame], 1);
        await deliverExchange(this.#scope, exchange, false);
      }
    }
  }

  async #executeLocal(name: string, portal: LocalPortal, maximumRows: number, several: boolean): Promise<void> {
    const scope = this.#scope;
    const planned = planPrepared(scope, portal.statement);
    const { plan } = planned;
    checkNotFailed(scope, plan);
    if (portal.finished) {
      // A query that has given all its rows gives none from then on (pquery.c, PortalRun).
      const isQuery =
        plan.kind === 'scatter' || plan.kind === 'combine' || (plan.kind === 'pass' && plan.access === 'read');
      if (!isQuery) {
        throw new PgError(sqlstate.objectNotInPrerequisiteState, `portal "${name}" cannot be run`);
      }
      await deliverTag(scope.output, 'SELECT 0');
      return;
    }
    if (several && !scope.transaction.isOpen && runsInTransaction(plan)) scope.transaction.begin('implicit', 'BEGIN');
    if (portal.cursor !== undefined) {
      portal.finished = await portal.cursor.fetch(scope, maximumRows);
      return;
    }
    await runStatement(scope, planned, portal.parameters, async (resolved) => {
      await this.#run(name, portal, resolved, maximumRows);
    });
  }

  async #run(
    name: string,
    portal: LocalPortal,
    { planned, parameters }: ResolvedStatement,
    maximumRows: number,
  ): Promise<void> {
    const scope = this.#scope;
    const { plan } = planned;
    if (maximumRows > 0 && locksUpToLimit(plan) && !scope.transaction.isOpen)
      scope.transaction.begin('implicit', 'BEGIN');
    const { resultFormats } = portal;
    const statement: BoundStatement = { ...planned, parameters, resultFormats, describe: false };
    if (maximumRows > 0 && scope.transaction.isOpen && Cursor.canOpen(plan)) {
      portal.cursor = await Cursor.open(scope, statement, plan, {
        name,
        portal: portal.name,
        maximumRows,
        memory: 'some',
      });
      portal.finished = await portal.cursor.fetch(scope, maximumRows);
      return;
    }
    if (maximumRows > 0 && Cursor.canOpen(plan)) {
      // Sync ends the portal anyway, so the shards need not keep theirs.
      const cursor = await Cursor.open(scope, statement, plan, { name, portal: '', maximumRows, memory: 'none' });
      await cursor.fetch(scope, maximumRows);
      await cursor.close();
      return;
    }
    await runPlan(scope, statement, plan);
    portal.finished = true;
  }

  async #fail(error: unknown): Promise<void> {
    if (isFatal(error)) throw error;
    const reported = toClientError(error);
    if (reported.sqlstate === sqlstate.internalError) this.#scope.logDefect(reported);
    this.#state = 'failed';
    await send(this.#scope.output, encodeErrorResponse(reported));
    await this.#scope.transaction.abort();
  }

  /** Ends the pipeline: its implicit transaction commits, or is rolled back when a message failed. */
  async #sync(): Promise<void> {
    const { transaction, output } = this.#scope;
    if (transaction.isOpen && !transaction.isExplicit) {
      try {
        try {
          if (this.#state === 'failed') await transaction.rollback();
          else await transaction.commit();
        } finally {
          await this.#scope.noteTransactionEnd();
        }
      } catch (error) {
        await send(output, encodeErrorResponse(toClientError(error)));
      }
    }
    if (!transaction.isExplicit) await this.#scope.portals.forget();
    this.#state = 'closed';
    await send(output, encodeReadyForQuery(this.#scope.status));
  }
}
