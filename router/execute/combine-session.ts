/**
 * Rung 5: rows are shipped from the shards to temporary tables of a session of its own on the home shard, and a real
 * PostgreSQL finishes the statement over them. That session is not the transaction's, for a transaction that touched
 * temporary objects cannot be prepared; what is shipped is read on the transaction's own connections, so it sees its
 * own writes.
 */

import { PgError, sqlstate } from '../../base/errors.js';
import { mayHoldOids } from '../../catalog/oid-map.js';
import type { ShardId } from '../../catalog/topology.js';
import type { ComputedExpression, Shipment, SqlPiece } from '../../planner/plan.js';
import { fill, noPieces } from '../../planner/parse/splice.js';
import { copyDoneFrame, encodeQuery } from '../../wire/encode-frontend.js';
import { readErrorResponse } from '../../wire/backend.js';
import { backendType } from '../../wire/frame.js';
import { runCommand } from '../backend/command.js';
import type { BackendConnection } from '../backend/connection.js';
import { Exchange } from '../backend/exchange.js';
import { concatenate } from '../merge/concatenate.js';
import type { BoundParameters, BoundStatement, ExecutionContext } from './context.js';
import { startShards } from './gather.js';
import { bindValues, renderSql, routeStatement } from './route.js';
import type { ShardRows } from './shard-rows.js';
import { TextLines } from './text-lines.js';
import { TupleFrames } from './tuple-frames.js';
import type { StatementValues } from './values.js';

const wholeAnswer = { portal: '', batchRows: 0 } as const;
const TEXT = 0;
const BINARY = 1;
/** The table that a statement stores its rows in. */
export const RESULT_TABLE = 'pg_temp.pgring_result';
/** More rows than that are worth statistics, without which PostgreSQL plans for very few. */
const ANALYZED_ROWS = 1_000;

/** What is to run over the shipped rows. */
export interface CombinedStatement {
  readonly shipments: readonly Shipment[];
  readonly sql: readonly SqlPiece[];
  readonly computed: readonly ComputedExpression[];
}

/** A session with the rows shipped to it, in a transaction of its own. Whoever holds it must end it. */
export interface CombineSession {
  readonly connection: BackendConnection;
  /** The statement to run there. */
  readonly sql: string;
  readonly parameters: BoundParameters;
  /** RowDescription of the statement's rows. */
  readonly rowDescription: Buffer | undefined;
}

/** Ships the rows. `definition`: of one more temporary table, which the statement knows as the last relation. */
export async function openCombineSession(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: CombinedStatement,
  definition?: string,
): Promise<CombineSession> {
  const values = await bindValues(context, statement, plan.computed);
  const { parameterTypes, rowDescription } = await context.inferShape(statement);
  const parameters: BoundParameters = { ...statement.parameters, types: parameterTypes };
  const ownTransaction = openSnapshot(context, plan);
  const connection = await context.backends.borrow(context.topology.home);
  try {
    const shipped = new Shipments(context, statement, values, parameters, connection);
    for (const [index, shipment] of plan.shipments.entries()) {
      if (shipment.always || (context.transaction.isOpen && !ownTransaction)) shipped.add(index, shipment);
    }
    const creation = [...shipped.creation()];
    if (definition !== undefined) creation.push(`CREATE TEMPORARY TABLE pgring_result (${definition}) ON COMMIT DROP`);
    // READ WRITE once more: SET TRANSACTION READ ONLY may be among the settings, and temporary tables are made here.
    const opening = ['BEGIN', ...context.transaction.settings, 'SET TRANSACTION READ WRITE', ...creation];
    await runCommand(connection, opening.join(';'));
    await shipped.ship();
    if (ownTransaction) await context.transaction.commit();
    const sql = fill(plan.sql, {
      ...noPieces,
      slotText: (slot) => values.slotText(slot),
      computedText: (index) => values.computedText(index),
      relationText: (index) => shipped.nameOf(index) ?? plan.shipments[index]?.relation ?? RESULT_TABLE,
    });
    return { connection, sql, parameters, rowDescription };
  } catch (error) {
    await endCombineSession(context, connection);
    if (ownTransaction && context.transaction.isOpen) await context.transaction.rollback();
    throw error;
  }
}

/**
 * Relations are read one after the other: outside a transaction, one on each shard that keeps its snapshot makes them
 * agree with each other. True: it was opened here.
 */
function openSnapshot(context: ExecutionContext, plan: CombinedStatement): boolean {
  const several = plan.shipments.filter((shipment) => shipment.always).length > 1;
  if (!several || context.transaction.isOpen) return false;
  context.transaction.begin('implicit', 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  return true;
}

/** Drops the temporary tables with their transaction; a session in the middle of something is given up. */
export async function endCombineSession(context: ExecutionContext, connection: BackendConnection): Promise<void> {
  if (connection.outstandingReady > 0) connection.destroy();
  else if (!connection.closed) await runCommand(connection, 'ROLLBACK');
  await context.backends.giveBack(connection);
}

class Shipments {
  readonly #context: ExecutionContext;
  readonly #statement: BoundStatement;
  readonly #values: StatementValues;
  readonly #parameters: BoundParameters;
  readonly #target: BackendConnection;
  readonly #names = new Map<number, string>();
  readonly #added: { readonly index: number; readonly shipment: Shipment }[] = [];
  #bytes = 0;

  constructor(
    context: ExecutionContext,
    statement: BoundStatement,
    values: StatementValues,
    parameters: BoundParameters,
    target: BackendConnection,
  ) {
    this.#context = context;
    this.#statement = statement;
    this.#values = values;
    this.#parameters = parameters;
    this.#target = target;
  }

  /** The temporary table of a relation that was shipped. */
  nameOf(index: number): string | undefined {
    return this.#names.get(index);
  }

  /** A relation that is to be shipped. */
  add(index: number, shipment: Shipment): void {
    this.#names.set(index, `pg_temp.pgring_shipped_${index}`);
    this.#added.push({ index, shipment });
  }

  /** Statements that make the temporary tables. */
  creation(): readonly string[] {
    return this.#added.map(({ index, shipment: { definition, primaryKey } }) => {
      const key = primaryKey.length === 0 ? '' : `, PRIMARY KEY (${primaryKey.join(', ')})`;
      return `CREATE TEMPORARY TABLE pgring_shipped_${index} (${definition}${key}) ON COMMIT DROP`;
    });
  }

  async ship(): Promise<void> {
    for (const { index, shipment } of this.#added) {
      const name = `pg_temp.pgring_shipped_${index}`;
      const rows = await this.#copy(name, shipment);
      if (rows > ANALYZED_ROWS) await runCommand(this.#target, `ANALYZE ${name}`);
    }
  }

  async #copy(name: string, shipment: Shipment): Promise<number> {
    const context = this.#context;
    const shards = await routeStatement(context, shipment.routing, this.#values);
    const sql = renderSql(shipment.sql, this.#statement, this.#values);
    const binary = await this.#travelsInBinary(shipment, shards);
    const query = { sql, parameters: this.#parameters, resultFormats: [binary ? BINARY : TEXT] };
    const parts = await startShards(context, shards, false, query, wholeAnswer);
    try {
      await Promise.all(parts.map(async (part) => await part.describe()));
      const count = await this.#pipe(name, parts, shipment, binary);
      await Promise.all(parts.map(async (part) => await part.close()));
      return count;
    } catch (error) {
      await Promise.all(parts.map(async (part) => await part.abort()));
      throw error;
    }
  }

  /**
   * In binary a regclass or the like is an oid, alone or inside an array or a composite value, and would be another thing
   * on the home shard; before PostgreSQL 14 a server also refuses arrays and composite values whose parts are of types
   * with other oids. So where oids differ, what may hold such travels as text.
   */
  async #travelsInBinary(shipment: Shipment, shards: readonly ShardId[]): Promise<boolean> {
    const { transaction } = this.#context;
    const connections = await Promise.all(shards.map(async (shard) => await transaction.enter(shard, false)));
    if (connections.every((connection) => connection.oidMap() === undefined)) return true;
    return shipment.types.every(({ typeOid }) => !mayHoldOids(typeOid));
  }

  /** Rows as PostgreSQL sends them in binary are tuples of its binary COPY format, but for the frames around them. */
  async #pipe(name: string, parts: readonly ShardRows[], shipment: Shipment, binary: boolean): Promise<number> {
    const exchange = new Exchange(this.#target);
    exchange.send([encodeQuery(`COPY ${name} FROM STDIN (FORMAT ${binary ? 'binary' : 'text'})`)], 1);
    const frames = binary ? new TupleFrames() : new TextLines();
    let count = 0;
    const rows = concatenate(parts);
    for (let run = await rows.next(); run !== undefined; run = await rows.next()) {
      count += run.rows;
      this.#bytes += run.end - run.start;
      if (this.#bytes > this.#context.combineBytes) throw this.#tooMuch(shipment);
      const pieces = frames.add(run);
      if (pieces.length > 0 && !exchange.send(pieces, 0)) await this.#target.drained();
    }
    exchange.send([...frames.end(), copyDoneFrame], 0);
    while (this.#target.outstandingReady > 0) {
      const item = await exchange.next();
      if (item.kind === 'message' && item.type === backendType.errorResponse) throw readErrorResponse(item.frame);
    }
    exchange.release();
    return count;
  }

  #tooMuch(shipment: Shipment): PgError {
    return new PgError(
      sqlstate.programLimitExceeded,
      `the statement needs more than ${this.#context.combineBytes} bytes of rows on one server (while shipping ${shipment.relation ?? 'the result of a part of it'})`,
      { hint: 'Restrict it by the shard key, or raise limits.combine_bytes in the configuration.' },
    );
  }
}
