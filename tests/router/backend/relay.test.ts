/** The relay passes on exactly what it should, wherever the server's bytes are cut into reads. */

import { PgError } from '../../../base/errors.js';
import {
  bindComplete,
  closeComplete,
  encodeCommandComplete,
  encodeCopyInResponse,
  encodeDataRow,
  encodeErrorResponse,
  encodeNoticeResponse,
  encodeParameterStatus,
  encodeReadyForQuery,
  parseComplete,
} from '../../../wire/encode-backend.js';
import { syncFrame } from '../../../wire/encode-frontend.js';
import type { BackendSink } from '../../../router/backend/connection.js';
import type { ClientOutput } from '../../../router/backend/output.js';
import { Relay, type ExpectedParse, type RelayListener, type Told } from '../../../router/backend/relay.js';
import { connectToSilence, deliver, everyCut, type SilentServer } from './silent-server.js';

const row = encodeDataRow(['1', null, 'text of some length']);
const complete = encodeCommandComplete('SELECT 1');
const ready = encodeReadyForQuery('I');
const failure = encodeErrorResponse(new PgError('22012', 'division by zero'));
const farewell = encodeErrorResponse(new PgError('57P01', 'terminating connection', { severity: 'FATAL' }));
const notice = encodeNoticeResponse({ severity: 'NOTICE', sqlstate: '00000', message: 'look' });
const setting = encodeParameterStatus('TimeZone', 'UTC');
const copyIn = encodeCopyInResponse(0, [0]);

class Client implements ClientOutput, RelayListener {
  readonly chunks: Buffer[] = [];
  readonly events: string[] = [];
  /** What write() answers; false is a slow client. */
  fast = true;
  whenDrained: (() => void) | undefined;

  get text(): string {
    return Buffer.concat(this.chunks).toString('hex');
  }
  write(bytes: Buffer): boolean {
    // A fast socket has sent the bytes by now; a slow one keeps the reference.
    this.chunks.push(this.fast ? Buffer.from(bytes) : bytes);
    return this.fast;
  }
  writeSoon(bytes: Buffer): boolean {
    return this.write(bytes);
  }
  async drained(): Promise<void> {
    await Promise.resolve();
  }
  onceDrained(callback: () => void): void {
    this.whenDrained = callback;
  }
  onRelayDone(): void {
    this.events.push('done');
  }
  onRelayCopyIn(): void {
    this.events.push('copy in');
  }
  onRelayFailed(_connection: unknown, error: PgError, told: Told): void {
    this.events.push(`failed after ${told}: ${error.message}`);
  }
}

interface Transcript {
  readonly says: readonly Buffer[];
  readonly client: readonly Buffer[];
  readonly skipReady?: number;
  readonly parses?: readonly boolean[];
}

const transcripts: Readonly<Record<string, Transcript>> = {
  'an answer with rows': { says: [row, row, complete, ready], client: [row, row, complete, ready] },
  'an error': { says: [row, failure, encodeReadyForQuery('E')], client: [row, failure, encodeReadyForQuery('E')] },
  'notices and settings': {
    says: [notice, setting, row, notice, complete, ready],
    client: [notice, setting, row, notice, complete, ready],
  },
  'a BEGIN of our own before it': {
    says: [encodeCommandComplete('BEGIN'), encodeReadyForQuery('T'), row, complete, encodeReadyForQuery('T')],
    client: [row, complete, encodeReadyForQuery('T')],
    skipReady: 1,
  },
  'a failed BEGIN of our own before it': {
    says: [failure, ready, failure, encodeReadyForQuery('I')],
    client: [failure, encodeReadyForQuery('I')],
    skipReady: 1,
  },
  'a Parse of our own, its answer swallowed': {
    says: [closeComplete, parseComplete, bindComplete, row, complete, ready],
    client: [bindComplete, row, complete, ready],
    parses: [false],
  },
  'two Parses, one of them ours': {
    says: [parseComplete, bindComplete, row, complete, parseComplete, bindComplete, row, complete, ready],
    client: [bindComplete, row, complete, parseComplete, bindComplete, row, complete, ready],
    parses: [false, true],
  },
  'a Parse of ours that fails': { says: [failure, ready], client: [failure, ready], parses: [false] },
};

describe('the relay', () => {
  let silent: SilentServer;

  beforeEach(async () => {
    silent = await connectToSilence();
  });

  afterEach(() => {
    silent.close();
  });

  it.each(Object.entries(transcripts))('passes %s, cut anywhere', (_name, transcript) => {
    const { connection } = silent;
    for (const reads of everyCut(Buffer.concat(transcript.says))) {
      const client = new Client();
      const relay = new Relay(client, client);
      const skipReady = transcript.skipReady ?? 0;
      const statements = (transcript.parses ?? []).map((pass): ExpectedParse => ({ name: 's', statement: {}, pass }));
      connection.prepared.clear();
      connection.write(syncFrame, 1 + skipReady);
      relay.start(connection, skipReady, [...statements]);
      for (const read of reads) deliver(connection, read);
      expect(client.text).toBe(Buffer.concat(transcript.client).toString('hex'));
      expect(client.events).toEqual(['done']);
      expect(connection.outstandingReady).toBe(0);
      if (!transcript.says.includes(failure)) expect(connection.prepared.get('s')).toBe(statements.at(-1)?.statement);
    }
  });

  it('says when the server asks for COPY data, after the client was asked', () => {
    const { connection } = silent;
    for (const reads of everyCut(copyIn)) {
      const client = new Client();
      connection.write(syncFrame, 1);
      new Relay(client, client).start(connection, 0, []);
      for (const read of reads) deliver(connection, read);
      expect(client.text).toBe(copyIn.toString('hex'));
      expect(client.events).toEqual(['copy in']);
      deliver(connection, Buffer.concat([encodeCommandComplete('COPY 1'), ready]));
      expect(client.events).toEqual(['copy in', 'done']);
    }
  });

  it('gives what follows ReadyForQuery to whoever reads next', () => {
    const { connection } = silent;
    const seen: string[] = [];
    connection.onNotification = (frame) => seen.push(frame.toString('hex'));
    const notification = Buffer.from('410000000f00000001' + Buffer.from('ch\0pa\0x').toString('hex'), 'hex');
    notification.writeInt32BE(notification.length - 1, 1);
    for (const reads of everyCut(Buffer.concat([complete, ready, notification, setting]))) {
      const client = new Client();
      connection.write(syncFrame, 1);
      connection.parameters.clear();
      new Relay(client, client).start(connection, 0, []);
      for (const read of reads) deliver(connection, read);
      expect(client.text).toBe(Buffer.concat([complete, ready]).toString('hex'));
      expect(seen.splice(0)).toEqual([notification.toString('hex')]);
      expect(connection.parameters.get('TimeZone')).toBe('UTC');
    }
  });

  it('keeps the bytes of a slow client, and pauses the server until they have left', () => {
    const { connection } = silent;
    const client = new Client();
    client.fast = false;
    connection.write(syncFrame, 1);
    new Relay(client, client).start(connection, 0, []);
    connection.receive(Buffer.concat([row, complete, ready]));
    expect(client.events).toEqual(['done']);
    expect(client.whenDrained).toBeDefined();
    expect(client.text).toBe(Buffer.concat([row, complete, ready]).toString('hex'));
  });

  it.each<[string, readonly Buffer[], Told]>([
    ['before anything was said', [], 'messages'],
    ['between two messages', [row, row], 'messages'],
    ['in the middle of a header', [row, row.subarray(0, 3)], 'messages'],
    ['in the middle of a row', [row, row.subarray(0, 9)], 'half a message'],
    ['after an error', [failure], 'error'],
    ['with its last word', [row, farewell], 'messages'],
  ])('says what the client was told when the server is lost %s', (_name, reads, told) => {
    const { connection } = silent;
    // The ReadyForQuery of the log-in.
    connection.write(syncFrame, 2);
    connection.noteReady('I');
    const client = new Client();
    new Relay(client, client).start(connection, 0, []);
    for (const read of reads) deliver(connection, read);
    connection.destroy();
    expect(client.events).toHaveLength(1);
    expect(client.events[0]).toMatch(new RegExp(`^failed after ${told}: connection to shard silent `));
    expect(client.text).not.toContain(farewell.toString('hex'));
    if (reads.includes(farewell)) expect(client.events[0]).toContain('after "terminating connection"');
  });

  it('gives up a server that sends an impossible length', () => {
    const { connection } = silent;
    const client = new Client();
    connection.write(syncFrame, 1);
    new Relay(client, client).start(connection, 0, []);
    deliver(connection, Buffer.from('4400000003', 'hex'));
    expect(client.events).toEqual([expect.stringContaining('failed')]);
    expect(connection.closed).toBe(true);
  });

  it('detaches, so that the next answer can be read by another sink', () => {
    const { connection } = silent;
    const client = new Client();
    connection.write(syncFrame, 1);
    new Relay(client, client).start(connection, 0, []);
    deliver(connection, ready);
    expect(connection.clean).toBe(true);
    const taken: Buffer[] = [];
    const sink: BackendSink = { receive: (chunk) => taken.push(Buffer.from(chunk)), fail: () => undefined };
    connection.attach(sink);
    deliver(connection, row);
    expect(Buffer.concat(taken).equals(row)).toBe(true);
  });
});
