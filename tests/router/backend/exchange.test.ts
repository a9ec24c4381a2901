/** An exchange reads the same messages and rows wherever the server's bytes are cut into reads. */

import fc from 'fast-check';
import { PgError } from '../../../base/errors.js';
import { Exchange } from '../../../router/backend/exchange.js';
import { readCommandComplete } from '../../../wire/backend.js';
import {
  encodeCommandComplete,
  encodeDataRow,
  encodeErrorResponse,
  encodeNoticeResponse,
  encodeParameterStatus,
  encodeReadyForQuery,
} from '../../../wire/encode-backend.js';
import { syncFrame } from '../../../wire/encode-frontend.js';
import { backendType } from '../../../wire/frame.js';
import { connectToSilence, everyCut, type SilentServer } from './silent-server.js';

const rows = ['one', 'two', 'a longer value, so that cuts fall into it', ''].map((value) =>
  encodeDataRow([value, null]),
);
const notice = encodeNoticeResponse({ severity: 'NOTICE', sqlstate: '00000', message: 'look' });
const setting = encodeParameterStatus('TimeZone', 'UTC');
const tag = encodeCommandComplete('SELECT 4');
const ready = encodeReadyForQuery('T');
const answer = Buffer.concat([setting, ...rows, notice, tag, ready]);

describe('an exchange', () => {
  let silent: SilentServer;

  beforeEach(async () => {
    silent = await connectToSilence();
  });

  afterEach(() => {
    silent.close();
  });

  /** All that is there now: rows as one string, messages by their type. */
  const takeAll = (exchange: Exchange): { rows: string; count: number; messages: string } => {
    const parts: Buffer[] = [];
    let count = 0;
    let messages = '';
    for (let item = exchange.poll(); item !== undefined; item = exchange.poll()) {
      if (item.kind === 'message') messages += String.fromCharCode(item.type);
      else {
        parts.push(item.run.bytes.subarray(item.run.start, item.run.end));
        count += item.run.rows;
      }
    }
    return { rows: Buffer.concat(parts).toString('hex'), count, messages };
  };

  it('reads an answer that is cut anywhere', () => {
    const { connection } = silent;
    for (const reads of everyCut(answer)) {
      const exchange = new Exchange(connection);
      const notices: Buffer[] = [];
      exchange.onNotice = (frame) => notices.push(frame);
      exchange.send([syncFrame], 1);
      for (const read of reads) connection.receive(Buffer.from(read));
      expect(takeAll(exchange)).toEqual({ rows: Buffer.concat(rows).toString('hex'), count: 4, messages: 'CZ' });
      expect(Buffer.concat(notices).equals(notice)).toBe(true);
      expect(connection.status).toBe('T');
      expect(connection.outstandingReady).toBe(0);
      expect(connection.parameters.get('TimeZone')).toBe('UTC');
      exchange.release();
    }
  });

  it('reads rows of any size out of reads of any size, in their order', () => {
    const { connection } = silent;
    const sizes = fc.array(fc.nat(3_000), { minLength: 1, maxLength: 12 });
    const cuts = fc.array(fc.integer({ min: 1, max: 2_000 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(sizes, cuts, (lengths, pieces) => {
        const frames = lengths.map((length, index) => encodeDataRow([String(index % 10).repeat(length)]));
        const bytes = Buffer.concat([...frames, tag, ready]);
        const exchange = new Exchange(connection);
        exchange.send([syncFrame], 1);
        let taken = '';
        let count = 0;
        for (let at = 0, piece = 0; at < bytes.length; piece += 1) {
          const size = pieces[piece % pieces.length] ?? 1;
          connection.receive(Buffer.from(bytes.subarray(at, at + size)));
          at += size;
          const now = takeAll(exchange);
          taken += now.rows;
          count += now.count;
        }
        exchange.release();
        expect({ taken, count }).toEqual({ taken: Buffer.concat(frames).toString('hex'), count: frames.length });
      }),
      { seed: 3, numRuns: 150 },
    );
  });

  it('gives a waiting reader what comes later', async () => {
    const { connection } = silent;
    const exchange = new Exchange(connection);
    exchange.send([syncFrame], 1);
    const item = exchange.next();
    connection.receive(Buffer.from(tag.subarray(0, 3)));
    connection.receive(Buffer.concat([tag.subarray(3), ready]));
    expect(await item).toMatchObject({ kind: 'message', type: backendType.commandComplete });
  });

  it('finishes with the first error, and reads to the last ReadyForQuery', async () => {
    const { connection } = silent;
    const exchange = new Exchange(connection);
    exchange.send([syncFrame, syncFrame], 2);
    const failure = encodeErrorResponse(new PgError('22012', 'division by zero'));
    const second = encodeErrorResponse(new PgError('25P02', 'aborted'));
    connection.receive(Buffer.concat([failure, encodeReadyForQuery('E'), second, encodeReadyForQuery('E')]));
    expect(await exchange.finish()).toMatchObject({ sqlstate: '22012' });
    expect(connection.outstandingReady).toBe(0);
  });

  it('throws when the connection is lost, with the last word of the server', async () => {
    const { connection, peer } = silent;
    connection.write(syncFrame, 1);
    connection.noteReady('I');
    const exchange = new Exchange(connection);
    exchange.send([syncFrame], 1);
    peer.end(encodeErrorResponse(new PgError('57P01', 'terminating connection', { severity: 'FATAL' })));
    await expect(exchange.finish()).rejects.toMatchObject({
      sqlstate: '08006',
      message: expect.stringContaining('after "terminating connection"') as string,
    });
    expect(() => exchange.send([syncFrame], 1)).toThrow('silent');
    expect(connection.clean).toBe(false);
  });

  it('gives up a server that sends an impossible length', async () => {
    const { connection } = silent;
    const exchange = new Exchange(connection);
    exchange.send([syncFrame], 1);
    connection.receive(Buffer.from('4400000002', 'hex'));
    await expect(exchange.next()).rejects.toMatchObject({ sqlstate: '08P01' });
    expect(connection.closed).toBe(true);
  });

  it('stops reading from a server that is faster than its reader', async () => {
    const { connection, peer } = silent;
    const exchange = new Exchange(connection);
    exchange.send([syncFrame], 1);
    const row = encodeDataRow(['x'.repeat(10_000)]);
    const block = Buffer.concat(Array.from({ length: 100 }, () => row));
    let sent = 0;
    const total = 40;
    const pump = (): void => {
      while (sent < total) {
        sent += 1;
        if (!peer.write(block)) return;
      }
      peer.write(Buffer.concat([tag, ready]));
      peer.off('drain', pump);
    };
    peer.on('drain', pump);
    pump();
    // 40 MB do not fit into sockets and queue together: the server comes to a stop.
    while (peer.writableLength === 0 || sent >= total) await new Promise(setImmediate);
    let still = -1;
    while (still !== sent) {
      still = sent;
      await new Promise((resolve) => {
        setTimeout(resolve, 100);
      });
    }
    expect(sent).toBeLessThan(total);
    let count = 0;
    for (;;) {
      const item = await exchange.next();
      if (item.kind === 'rows') count += item.run.rows;
      else if (item.type === backendType.commandComplete) expect(readCommandComplete(item.frame)).toBe('SELECT 4');
      else break;
    }
    expect(count).toBe(total * 100);
    exchange.release();
  });
});
