/**
 * The session in which a combined statement is finished: a connection of its own to the home shard, with the client's
 * settings. A transaction is opened on it only when something needs one.
 */

import { readErrorResponse } from '../../wire/backend.js';
import { copyDoneFrame, encodeParse, encodeQuery, syncFrame } from '../../wire/encode-frontend.js';
import { backendType } from '../../wire/frame.js';
import { PgError } from '../../base/errors.js';
import { runCommand } from '../backend/command.js';
import type { BackendConnection } from '../backend/connection.js';
import { Exchange } from '../backend/exchange.js';
import type { Shipment } from '../../planner/plan/plan.js';
import type { RowStream } from '../merge/stream.js';
import type { ExecutionContext } from './context.js';
import { TextLines } from './text-lines.js';
import { TupleFrames } from './tuple-frames.js';

/** Reading a table of so many rows again and again is never the best way to join it. */
const HASHED_ROWS = 10_000;

/** The columns of a temporary table, and how the rows for it come. */
interface Loaded {
  readonly shipment: Pick<Shipment, 'definition' | 'primaryKey'>;
  readonly binary: boolean;
}

export class Finisher {
  readonly connection: BackendConnection;
  readonly #context: ExecutionContext;
  /** What the transaction in progress has SET: it holds for its statements only. */
  readonly #settings: readonly string[];
  /** Temporary tables that are there. */
  readonly #tables = new Set<string>();
  #began = false;
  #isInside = false;

  private constructor(context: ExecutionContext, connection: BackendConnection) {
    this.#context = context;
    this.connection = connection;
    this.#settings = context.transaction.settings;
  }

  static async open(context: ExecutionContext): Promise<Finisher> {
    const finisher = new Finisher(context, await context.backends.borrow(context.topology.home));
    if (finisher.#settings.length > 0) {
      try {
        await finisher.begin();
      } catch (error) {
        await finisher.end();
        throw error;
      }
    }
    return finisher;
  }

  /** On the transaction's own connection, inside that transaction. */
  static inside(context: ExecutionContext, connection: BackendConnection): Finisher {
    const finisher = new Finisher(context, connection);
    finisher.#began = true;
    finisher.#isInside = true;
    return finisher;
  }

  /** Opens its transaction, unless that is open. */
  async begin(): Promise<void> {
    if (!this.#began) await this.#run();
  }

  /** Makes a temporary table that lasts as long as the statement. */
  async createTable(name: string, columns: Pick<Shipment, 'definition' | 'primaryKey'>): Promise<void> {
    await this.#run(creation(name, columns));
    this.#tables.add(name);
  }

  /** Whether a statement is valid here. */
  async accepts(sql: string, parameterTypes: readonly number[]): Promise<boolean> {
    if (this.#began) await runCommand(this.connection, 'SAVEPOINT pgring_accepts');
    this.connection.prepared.delete('');
    const exchange = new Exchange(this.connection);
    exchange.send([encodeParse('', sql, parameterTypes), syncFrame], 1);
    const error = await exchange.finish();
    if (this.#began && error !== undefined) await runCommand(this.connection, 'ROLLBACK TO pgring_accepts');
    return error === undefined;
  }

  /** Loads rows into the temporary table of that name, which it makes if need be. Gives their number. */
  async load(name: string, { shipment, binary }: Loaded, rows: RowStream): Promise<number> {
    const commands = [
      ...this.#opening(),
      ...(this.#tables.has(name) ? [] : [creation(name, shipment)]),
      `COPY pg_temp.${name} FROM STDIN (FORMAT ${binary ? 'binary' : 'text'})`,
    ];
    this.#began = true;
    this.#tables.add(name);
    return await this.#copy(commands.join(';'), rows, binary);
  }

  /**
   * Makes indexes on a temporary table of so many rows, and has PostgreSQL look at them.
   *
   * What the rows were filtered by on the shards stands in the statement once more, so PostgreSQL takes a relation for much
   * smaller than it is, and reads a large one again for each row of a small one (TPC-H Q8: 1,900 ms, with a hash join 590).
   * A join off key is not nested, then, where that can be helped. JIT goes with it: up to PostgreSQL 17 what cannot be
   * helped counts as endlessly dear, which sets the compiler on.
   */
  async prepareForReading(name: string, { probed }: Pick<Shipment, 'probed'>, rows: number): Promise<void> {
    const indexes = probed.map((columns) => `CREATE INDEX ON pg_temp.${name} (${columns.join(', ')})`);
    const isNested = probed.length > 0 || rows < HASHED_ROWS || this.#isInside;
    const settings = isNested ? [] : ['SET LOCAL enable_nestloop = off', 'SET LOCAL jit = off'];
    await runCommand(this.connection, [...indexes, `ANALYZE pg_temp.${name}`, ...settings].join(';'));
  }

  /** Ends its transaction; nothing of the statement is left, so that the session may serve others. */
  async end(): Promise<void> {
    if (this.#isInside) {
      await this.#dropTables();
      return;
    }
    await rollBack(this.connection);
    this.#context.backends.keepForLater(this.connection);
  }

  /** In a transaction that has failed they go when it is rolled back. */
  async #dropTables(): Promise<void> {
    if (this.connection.closed || this.connection.status !== 'T' || this.#tables.size === 0) return;
    await runCommand(this.connection, `DROP TABLE ${[...this.#tables].map((name) => `pg_temp.${name}`).join(', ')}`);
    this.#tables.clear();
  }

  /** Ends its transaction, and all else that the session holds: the client may have left something in it. */
  async endCleaned(): Promise<void> {
    await rollBack(this.connection);
    await this.#context.backends.giveBack(this.connection);
  }

  /** Rows as PostgreSQL sends them in binary are tuples of its binary COPY format, but for the frames around them. */
  async #copy(command: string, rows: RowStream, binary: boolean): Promise<number> {
    const exchange = new Exchange(this.connection);
    exchange.send([encodeQuery(command)], 1);
    const frames = binary ? new TupleFrames() : new TextLines();
    let count = 0;
    for (let run = await rows.next(); run !== undefined; run = await rows.next()) {
      count += run.rows;
      const pieces = frames.add(run);
      if (pieces.length > 0 && !exchange.send(pieces, 0)) await this.connection.drained();
    }
    exchange.send([...frames.end(), copyDoneFrame], 0);
    while (this.connection.outstandingReady > 0) {
      const item = await exchange.next();
      if (item.kind === 'message' && item.type === backendType.errorResponse) throw readErrorResponse(item.frame);
    }
    exchange.release();
    return count;
  }

  async #run(...commands: readonly string[]): Promise<void> {
    const all = [...this.#opening(), ...commands];
    this.#began = true;
    await runCommand(this.connection, all.join(';'));
  }

  #opening(): readonly string[] {
    // READ WRITE once more: SET TRANSACTION READ ONLY may be among the settings, and temporary tables are made here.
    return this.#began ? [] : ['BEGIN', ...this.#settings, 'SET TRANSACTION READ WRITE'];
  }
}

/** Ends its transaction, and the temporary tables with it; a session in the middle of something is given up. */
async function rollBack(connection: BackendConnection): Promise<void> {
  if (connection.outstandingReady > 0) connection.destroy();
  if (connection.closed || connection.status === 'I') return;
  try {
    await runCommand(connection, 'ROLLBACK');
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    connection.destroy();
  }
}

function creation(name: string, { definition, primaryKey }: Pick<Shipment, 'definition' | 'primaryKey'>): string {
  const key = primaryKey.length === 0 ? '' : `, PRIMARY KEY (${primaryKey.join(', ')})`;
  return `CREATE TEMPORARY TABLE ${name} (${definition}${key}) ON COMMIT DROP`;
}
