/** A pipeline of the extended protocol, message by message: for statements that several shards or pgring itself run. */

import { PgError, sqlstate } from '../base/errors.js';
import type { LocalCommand, Plan } from '../planner/plan.js';
import {
  bindComplete,
  closeComplete,
  encodeErrorResponse,
  encodeParameterDescription,
  encodeReadyForQuery,
  encodeRowDescription,
  noData,
  parseComplete,
} from '../wire/encode-backend.js';
import { encodeDescribe, encodeExecute, syncFrame } from '../wire/encode-frontend.js';
import { frontendType } from '../wire/frame.js';
import { readBind, readClose, readDescribe, readExecute, readParse } from '../wire/frontend.js';
import { Exchange } from '../router/backend/exchange.js';
import { send, type BoundStatement, type StatementShape } from '../router/execute/context.js';
import { describeInFormats } from '../router/execute/describe.js';
import { Cursor } from '../router/execute/cursor.js';
import { deliverExchange, deliverTag } from '../router/execute/deliver.js';
import { explainDescription } from '../router/execute/explain.js';
import { executePlan } from '../router/execute/execute.js';
import { planPrepared } from './plan-prepared.js';
import type { ClientPortal, PreparedStatement } from './prepared.js';
import { checkFormats } from './bind-formats.js';
import { reasonToRefuse } from './refusal.js';
import { toClientError } from './report-error.js';
import type { SessionScope } from './session-scope.js';
import { checkNotFailed, inClientsText, runsInTransaction } from './simple-query.js';
import { inferShape } from './statement-shape.js';

type LocalPortal = Extract<ClientPortal, { readonly kind: 'local' }>;

/** Shapes belong to plans: both depend on the same text, catalog and search path. */
const shapes = new WeakMap<Plan, StatementShape>();

export class Pipeline {
  readonly #scope: SessionScope;
  #state: 'closed' | 'open' | 'failed' = 'closed';
  #portalNumber = 0;

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
        else await this.#scope.prepared.closePortal(name);
        await send(this.#scope.output, closeComplete);
        return;
      }
      default:
        throw new PgError(sqlstate.protocolViolation, 'a message that does not belong into a pipeline');
    }
  }

  async #parse(frame: Buffer): Promise<void> {
    const parse = readParse(frame);
    const statement: PreparedStatement = {
      ...parse,
      parseFrame: Buffer.from(frame),
      planned: undefined,
      plannedFor: '',
    };
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
      await this.#shape(statement);
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
    const { parameterTypes, rowDescription } = await this.#shape(statement);
    checkFormats(bind, rowDescription);
    if (bind.parameters.length !== parameterTypes.length) {
      throw new PgError(
        sqlstate.protocolViolation,
        `bind message supplies ${bind.parameters.length} parameters, but prepared statement "${bind.statement}" requires ${parameterTypes.length}`,
      );
    }
    checkNotFailed(this.#scope, plan);
    if (bind.portal === '') await prepared.closePortal('');
    this.#portalNumber += 1;
    prepared.bind(bind.portal, {
      kind: 'local',
      name: `pgring_${this.#portalNumber}`,
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
      const { parameterTypes, rowDescription } = await this.#shape(prepared.get(name));
      await send(output, encodeParameterDescription(parameterTypes));
      await send(output, rowDescription ?? noData);
      return;
    }
    const portal = prepared.portal(name);
    if (portal.kind === 'server') {
      const exchange = new Exchange(await this.#scope.transaction.enter(portal.shard, false));
      exchange.send([encodeDescribe('portal', name), syncFrame], 1);
      await deliverExchange(this.#scope, exchange, true);
      return;
    }
    const { rowDescription } = await this.#shape(portal.statement);
    await send(output, rowDescription === undefined ? noData : describeInFormats(rowDescription, portal.resultFormats));
  }

  async #execute(frame: Buffer, several: boolean): Promise<void> {
    const { portal: name, maximumRows } = readExecute(frame);
    const portal = this.#scope.prepared.portal(name);
    if (portal.kind === 'local') {
      await this.#executeLocal(name, portal, maximumRows, several);
      return;
    }
    const { transaction } = this.#scope;
    const exchange = new Exchange(await transaction.enter(portal.shard, true));
    exchange.send([encodeExecute(name, maximumRows), syncFrame], 1);
    await deliverExchange(this.#scope, exchange, false);
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
    const statement: BoundStatement = {
      sql: planned.sql,
      slots: planned.slots,
      expanded: planned.expanded,
      parameters: portal.parameters,
      resultFormats: portal.resultFormats,
      describe: false,
    };
    try {
      if (portal.cursor !== undefined) {
        portal.finished = await portal.cursor.fetch(scope, maximumRows);
        return;
      }
      if (maximumRows > 0 && scope.transaction.isOpen && Cursor.canOpen(plan)) {
        portal.cursor = await Cursor.open(scope, statement, plan, { portal: portal.name, maximumRows });
        portal.finished = await portal.cursor.fetch(scope, maximumRows);
        return;
      }
      if (maximumRows > 0 && Cursor.canOpen(plan)) {
        // Sync ends the portal anyway, so the shards need not keep theirs.
        const cursor = await Cursor.open(scope, statement, plan, { portal: '', maximumRows });
        await cursor.fetch(scope, maximumRows);
        await cursor.close();
        return;
      }
      await executePlan(scope, statement, plan);
      portal.finished = true;
    } catch (error) {
      throw inClientsText(toClientError(error), planned);
    }
  }

  /** What the statement takes and gives; commands that no server needs to see take and give nothing. */
  async #shape(statement: PreparedStatement): Promise<StatementShape> {
    const { plan } = planPrepared(this.#scope, statement);
    switch (plan.kind) {
      case 'local':
        return setsConfig(plan.command) ? await this.#inferred(plan, statement) : noShape;
      case 'empty':
      case 'ddl':
      case 'copyFrom':
      case 'copyTo':
      case 'refuse':
        return noShape;
      case 'explain':
        return {
          parameterTypes: (await this.#inferred(plan, statement)).parameterTypes,
          rowDescription: explainDescription,
        };
      case 'place table':
      case 'declare function':
        return { parameterTypes: [], rowDescription: voidDescription(plan.column) };
      default:
        return await this.#inferred(plan, statement);
    }
  }

  async #inferred(plan: Plan, statement: PreparedStatement): Promise<StatementShape> {
    let shape = shapes.get(plan);
    if (shape === undefined) {
      shape = await inferShape(this.#scope, statement.sql, statement.parameterTypes);
      shapes.set(plan, shape);
    }
    return shape;
  }

  async #fail(error: unknown): Promise<void> {
    const reported = toClientError(error);
    if (reported.sqlstate === sqlstate.internalError) this.#scope.logDefect(reported);
    this.#state = 'failed';
    this.#scope.transaction.fail();
    await send(this.#scope.output, encodeErrorResponse(reported));
  }

  /** Ends the pipeline: its implicit transaction commits, or is rolled back when a message failed. */
  async #sync(): Promise<void> {
    const { transaction, output, prepared } = this.#scope;
    if (transaction.isOpen && !transaction.isExplicit) {
      try {
        if (this.#state === 'failed') await transaction.rollback();
        else await transaction.commit();
        await this.#scope.noteTransactionEnd();
      } catch (error) {
        await send(output, encodeErrorResponse(toClientError(error)));
      }
    }
    if (!transaction.isExplicit) await prepared.forgetPortals();
    this.#state = 'closed';
    await send(output, encodeReadyForQuery(this.#scope.status));
  }
}

const noShape: StatementShape = { parameterTypes: [], rowDescription: undefined };

/** SELECT set_config(…), which gives a row. */
function setsConfig(command: LocalCommand): boolean {
  return command.kind === 'set' && command.tag === 'SELECT';
}

const VOID_OID = 2278;

function voidDescription(name: string): Buffer {
  return encodeRowDescription([
    { name, tableOid: 0, columnNumber: 0, typeOid: VOID_OID, typeSize: 4, typeModifier: -1, format: 0 },
  ]);
}
