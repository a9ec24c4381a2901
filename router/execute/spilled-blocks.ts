/** Blocks of rows in a temporary table of a session of its own, which outlives transactions. */

import { present } from '../../base/assert.js';
import { PgError } from '../../base/errors.js';
import { readDataRow, readErrorResponse } from '../../wire/backend.js';
import { encodeBind, encodeExecute, encodeParse, syncFrame } from '../../wire/encode-frontend.js';
import { backendType } from '../../wire/frame.js';
import { runCommand } from '../backend/command.js';
import type { BackendConnection } from '../backend/connection.js';
import { Exchange } from '../backend/exchange.js';
import type { ExecutionContext } from './context.js';
import type { BlockStore } from './row-history.js';

const TABLE = 'pg_temp.pgring_cursor';
const BINARY = [1];

export class SpilledBlocks implements BlockStore {
  readonly #context: ExecutionContext;
  #connection: BackendConnection | undefined;

  constructor(context: ExecutionContext) {
    this.#context = context;
  }

  async put(block: number, bytes: Buffer): Promise<void> {
    await this.#ask(`INSERT INTO ${TABLE} VALUES ($1::pg_catalog.int4, $2::pg_catalog.bytea)`, [int4(block), bytes]);
  }

  async get(block: number): Promise<Buffer> {
    const sql = `SELECT bytes FROM ${TABLE} WHERE block = $1::pg_catalog.int4`;
    return present(await this.#ask(sql, [int4(block)]), 'a block that was put away');
  }

  /** Gives the session back, as it was. Never throws. */
  async end(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection === undefined) return;
    try {
      if (!connection.closed && connection.outstandingReady === 0) await runCommand(connection, `DROP TABLE ${TABLE}`);
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
      connection.destroy();
    }
    await this.#context.backends.giveBack(connection);
  }

  async #open(): Promise<BackendConnection> {
    if (this.#connection !== undefined) return this.#connection;
    const connection = await this.#context.backends.borrow(this.#context.topology.home);
    this.#connection = connection;
    const creation = `CREATE TEMPORARY TABLE pgring_cursor (block int4 PRIMARY KEY, bytes bytea NOT NULL)`;
    await runCommand(connection, `BEGIN READ WRITE; ${creation}; COMMIT`);
    return connection;
  }

  async #ask(sql: string, parameters: readonly Buffer[]): Promise<Buffer | undefined> {
    const connection = await this.#open();
    connection.prepared.delete('');
    const exchange = new Exchange(connection);
    exchange.send(
      [
        encodeParse('', sql, []),
        encodeBind({ portal: '', statement: '', parameterFormats: BINARY, parameters, resultFormats: BINARY }),
        encodeExecute('', 0),
        syncFrame,
      ],
      1,
    );
    let value: Buffer | undefined;
    while (connection.outstandingReady > 0) {
      const item = await exchange.next();
      if (item.kind === 'rows') value = Buffer.from(readDataRow(item.run.bytes, item.run.start)[0] ?? nothing);
      else if (item.type === backendType.errorResponse) {
        const error = readErrorResponse(item.frame);
        await exchange.finish();
        throw error;
      }
    }
    exchange.release();
    return value;
  }
}

const nothing = Buffer.alloc(0);

function int4(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
