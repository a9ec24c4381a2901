/** A shard's rows that are closed while a merge still waits for more of them. */

import { PgError } from '../../../base/errors.js';
import { ShardRows } from '../../../router/execute/shard-rows.js';
import {
  encodeCommandComplete,
  encodeDataRow,
  encodeErrorResponse,
  encodeReadyForQuery,
  encodeRowDescription,
} from '../../../wire/encode-backend.js';
import { connectToSilence, type SilentServer } from '../backend/silent-server.js';

const description = encodeRowDescription([
  { name: 'a', tableOid: 0, columnNumber: 0, typeOid: 25, typeSize: -1, typeModifier: -1, format: 0 },
]);
const row = encodeDataRow(['one']);
const tag = encodeCommandComplete('SELECT 2');
const ready = encodeReadyForQuery('T');
const failure = encodeErrorResponse(new PgError('22012', 'division by zero'));

describe("a shard's rows", () => {
  let silent: SilentServer;
  let rows: ShardRows;

  beforeEach(async () => {
    silent = await connectToSilence();
    const query = {
      sql: 'SELECT a FROM t',
      parameters: { values: [], formats: [], types: [] },
      resultFormats: [],
    };
    rows = ShardRows.send(silent.connection, query, { portal: '', batchRows: 0 });
    silent.connection.receive(Buffer.concat([description, row]));
    await rows.describe();
    expect(await rows.next()).toMatchObject({ rows: 1 });
  });

  afterEach(() => {
    silent.close();
  });

  it.each([
    ['more rows', [row, tag, ready]],
    ['the end', [tag, ready]],
    ['an error', [failure, ready]],
  ])('can be closed while the next are awaited and %s come', async (_name, messages) => {
    const ahead = rows.next().catch(() => undefined);
    rows.stop();
    const closed = rows.close();
    for (const message of messages) silent.connection.receive(Buffer.from(message));
    await closed;
    await ahead;
    expect(silent.connection.outstandingReady).toBe(0);
    expect(await rows.next()).toBeUndefined();
  });
});
