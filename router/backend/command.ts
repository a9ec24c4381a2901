/** Small conversations with a server: a command without a result worth reading, or a few rows as text. */

import type { PgError } from '../../base/errors.js';
import { readDataRow, readErrorResponse, readRowDescription } from '../../wire/backend.js';
import { encodeQuery } from '../../wire/encode-frontend.js';
import { backendType } from '../../wire/frame.js';
import type { BackendConnection } from './connection.js';
import { Exchange } from './exchange.js';

/** Runs SQL for its effect. Errors: the server's first, or that of the lost connection. */
export async function runCommand(
  connection: BackendConnection,
  sql: string,
  onNotice?: (frame: Buffer) => void,
): Promise<void> {
  const exchange = new Exchange(connection);
  exchange.onNotice = onNotice;
  exchange.send([encodeQuery(sql)], 1);
  const error = await exchange.finish();
  if (error !== undefined) throw error;
}

/**
 * Work inside an open transaction of which neither the transaction nor the client sees anything afterwards: what it sets
 * (the search path, as the catalog's readers do) is undone and not reported.
 */
export async function withoutTrace<T>(connection: BackendConnection, work: () => Promise<T>): Promise<T> {
  const { onParameter } = connection;
  connection.onParameter = undefined;
  try {
    await runCommand(connection, 'SAVEPOINT pgring_without_trace');
    const result = await work();
    await runCommand(connection, 'ROLLBACK TO pgring_without_trace; RELEASE pgring_without_trace');
    return result;
  } finally {
    connection.onParameter = onParameter;
  }
}

/** A row by column name, as text. */
export type TextRow = Readonly<Record<string, string | null>>;

/** The rows of a query. */
export async function queryRows(connection: BackendConnection, sql: string): Promise<readonly TextRow[]> {
  const [rows] = await queryEach(connection, [sql]);
  return rows ?? [];
}

/** Sends several statements at once, each a message of its own, and reads the rows of each. Errors: as converse(). */
export async function queryEach(
  connection: BackendConnection,
  statements: readonly string[],
): Promise<readonly (readonly TextRow[])[]> {
  const answers = await converse(
    connection,
    statements.map((sql) => [encodeQuery(sql)]),
  );
  return answers.map(({ rows }) => rows);
}

interface Answer {
  readonly rows: readonly TextRow[];
  /** RowDescription and NoData messages. */
  readonly descriptions: readonly Buffer[];
}

/**
 * Sends several requests at once, each of them frames with one Query or Sync at their end, and reads what they are
 * answered. Errors: the first that the server reports, after all have been answered.
 */
export async function converse(
  connection: BackendConnection,
  requests: readonly (readonly Buffer[])[],
  onNotice?: (frame: Buffer) => void,
): Promise<readonly Answer[]> {
  const exchange = new Exchange(connection);
  exchange.onNotice = onNotice;
  exchange.send(requests.flat(), requests.length);
  const answers: Answer[] = [];
  let failure: PgError | undefined;
  while (answers.length < requests.length) {
    const rows: TextRow[] = [];
    const descriptions: Buffer[] = [];
    let columns: readonly string[] = [];
    for (const left = connection.outstandingReady; connection.outstandingReady === left;) {
      const item = await exchange.next();
      if (item.kind === 'rows') {
        const { bytes, start, end } = item.run;
        for (let position = start; position < end; position += 1 + bytes.readInt32BE(position + 1)) {
          const values = readDataRow(bytes, position);
          rows.push(Object.fromEntries(columns.map((name, index) => [name, values[index]?.toString('utf8') ?? null])));
        }
      } else if (item.type === backendType.rowDescription) {
        columns = readRowDescription(item.frame).map((field) => field.name);
        descriptions.push(Buffer.from(item.frame));
      } else if (item.type === backendType.noData) {
        descriptions.push(Buffer.from(item.frame));
      } else if (item.type === backendType.errorResponse) {
        failure ??= readErrorResponse(item.frame);
      }
    }
    answers.push({ rows, descriptions });
  }
  exchange.release();
  if (failure !== undefined) throw failure;
  return answers;
}
