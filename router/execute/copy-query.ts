/** COPY (query) TO STDOUT where the shards cannot just copy out their parts of the answer. */

import { present } from '../../base/assert.js';
import { PgError, refuse, withoutPosition } from '../../base/errors.js';
import { plainHeader, trailer } from '../copy/binary-format.js';
import { mayHoldOids } from '../../catalog/oid-map.js';
import { copiedQuery, COPIED_ROWS } from '../../planner/copy/copied-query.js';
import type { Plan } from '../../planner/plan/plan.js';
import { readDataRow, readErrorResponse, readRowDescription, type FieldDescription } from '../../wire/backend.js';
import { formatTag } from '../../wire/command-tag.js';
import { copyDone, encodeCopyData } from '../../wire/encode-backend.js';
import { encodeQuery } from '../../wire/encode-frontend.js';
import { backendType } from '../../wire/frame.js';
import { readCopyData } from '../../wire/frontend.js';
import type { BackendConnection } from '../backend/connection.js';
import { Exchange } from '../backend/exchange.js';
import { csvWriter, textWriter, type RowWriter } from '../copy/row-writer.js';
import { frameEnd, type RowStream } from '../merge/stream.js';
import { openCombineSession } from './combine-session.js';
import { send, type BoundStatement, type ExecutionContext } from './context.js';
import { deliverExchange, deliverTag } from './deliver.js';
import { openScatter, withGathered } from './gather.js';
import { bindValues, renderSql } from './route.js';

type CopyGatheredPlan = Extract<Plan, { readonly kind: 'copyGathered' }>;
type CopyCombinedPlan = Extract<Plan, { readonly kind: 'copyCombined' }>;

const wholeAnswer = { portal: '', batchRows: 0 } as const;
/** Type and length of a message. */
const HEADER_BYTES = 5;
/** Of the binary format. */

/** PostgreSQL finishes the query and copies it out, in the session that has the shipped rows. */
export async function executeCopyCombined(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: CopyCombinedPlan,
): Promise<void> {
  const session = await openCombineSession(context, statement, plan);
  const { connection, sql } = session;
  try {
    await session.shardsFree;
    const exchange = new Exchange(connection);
    exchange.onNotice = (frame) => {
      context.onNotice(frame);
    };
    exchange.send([encodeQuery(sql)], 1);
    await deliverExchange(context, exchange, false);
  } finally {
    await session.end();
  }
}

/** The rows are gathered as for a SELECT, and written as PostgreSQL's COPY would. */
export async function executeCopyGathered(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: CopyGatheredPlan,
): Promise<void> {
  const values = await bindValues(context, statement, []);
  const home = await context.transaction.enter(context.topology.home, false);
  const empty = await copyNothing(home, String(renderSql(plan.empty, statement, values)), statement.sql);
  await send(context.output, empty.response);
  const isBinary = plan.format.kind === 'binary';
  const bound = { ...statement, resultFormats: [isBinary ? 1 : 0], describe: false };
  const gathered = await openScatter(context, bound, plan.inner, wholeAnswer).catch((error: unknown) => {
    // What the shards check was checked before, and a position in what they are sent is none in the client's text.
    throw error instanceof PgError ? withoutPosition(error) : error;
  });
  const count = await withGathered(gathered, async () => {
    const columns = readRowDescription(present(gathered.description, 'a query describes its rows'));
    if (isBinary) {
      checkOids(context, columns);
      return await sendBinary(context, present(empty.data[0], 'the header'), gathered.rows);
    }
    for (const header of empty.data) await send(context.output, encodeCopyData(header));
    return await sendRows(context, gathered.rows, writerFor(plan, columns));
  });
  await send(context.output, copyDone);
  await deliverTag(context.output, formatTag('COPY', count));
}

/** Runs a COPY without rows. Errors: what PostgreSQL has against the query or the options, where it stands in `own`. */
async function copyNothing(
  connection: BackendConnection,
  sql: string,
  own: Buffer,
): Promise<{ readonly response: Buffer; readonly data: readonly Buffer[] }> {
  const exchange = new Exchange(connection);
  exchange.send([encodeQuery(sql)], 1);
  let response: Buffer | undefined;
  let failure: PgError | undefined;
  const data: Buffer[] = [];
  while (connection.outstandingReady > 0) {
    const item = await exchange.next();
    if (item.kind === 'rows') continue;
    if (item.type === backendType.copyOutResponse) response = Buffer.from(item.frame);
    if (item.type === backendType.copyData) data.push(Buffer.from(readCopyData(item.frame)));
    if (item.type === backendType.errorResponse) failure ??= readErrorResponse(item.frame);
  }
  exchange.release();
  if (failure !== undefined) throw inOwn(failure, own);
  return { response: present(response, 'CopyOutResponse'), data };
}

/** The error of a COPY whose query is wrapped in another, with its position in the client's. */
function inOwn(error: PgError, own: Buffer): PgError {
  const { position, ...fields } = error.fields;
  if (position === undefined) return error;
  const before = Array.from(own.toString('utf8', 0, copiedQuery(own).start)).length;
  const moved = position > COPIED_ROWS.length ? { position: position - COPIED_ROWS.length + before } : {};
  return new PgError(error.sqlstate, error.message, { ...fields, ...moved });
}

/** Values in binary that hold oids of one shard mean something else to a client, who knows the home shard's. */
function checkOids(context: ExecutionContext, columns: readonly FieldDescription[]): void {
  if (!columns.some(({ typeOid }) => mayHoldOids(typeOid))) return;
  if ([...context.backends.open].every(([, connection]) => connection.oidMap() === undefined)) return;
  throw refuse('COPY TO in binary of values that may hold oids, over several shards', 'Use the text or CSV format.');
}

function writerFor({ format, forceQuote }: CopyGatheredPlan, columns: readonly FieldDescription[]): RowWriter {
  if (format.kind !== 'csv') return textWriter(format);
  const names = columns.map(({ name }) => name);
  const forced = forceQuote === 'all' ? undefined : new Set(forceQuote.map((name) => names.indexOf(name)));
  return csvWriter(format, (column) => forced?.has(column) ?? true);
}

async function sendRows(context: ExecutionContext, rows: RowStream, write: RowWriter): Promise<number> {
  let count = 0;
  for (let run = await rows.next(); run !== undefined; run = await rows.next()) {
    count += run.rows;
    const messages: Buffer[] = [];
    for (let position = run.start; position < run.end; position = frameEnd(run.bytes, position)) {
      messages.push(encodeCopyData(write(readDataRow(run.bytes, position))));
    }
    await send(context.output, Buffer.concat(messages));
  }
  return count;
}

/** The body of a row in binary is a tuple of the format; the file's header comes with the first. */
async function sendBinary(context: ExecutionContext, header: Buffer, rows: RowStream): Promise<number> {
  let pending = header.subarray(0, plainHeader.length);
  let count = 0;
  for (let run = await rows.next(); run !== undefined; run = await rows.next()) {
    count += run.rows;
    const messages: Buffer[] = [];
    for (let position = run.start; position < run.end;) {
      const end = frameEnd(run.bytes, position);
      const tuple = run.bytes.subarray(position + HEADER_BYTES, end);
      messages.push(encodeCopyData(pending.length === 0 ? tuple : Buffer.concat([pending, tuple])));
      pending = nothing;
      position = end;
    }
    await send(context.output, Buffer.concat(messages));
  }
  await send(context.output, encodeCopyData(Buffer.concat([pending, trailer])));
  return count;
}

const nothing = Buffer.alloc(0);
