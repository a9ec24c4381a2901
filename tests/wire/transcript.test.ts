/** Whole conversations, decoded alike however the network cuts them. */

import { isDeepStrictEqual } from 'node:util';
import { Parser } from 'pg-protocol/dist/parser.js';
import { PgError } from '../../base/errors.js';
import * as backend from '../../wire/backend.js';
import * as encodeBackend from '../../wire/encode-backend.js';
import * as encodeFrontend from '../../wire/encode-frontend.js';
import { backendType, FrameReader, frontendType } from '../../wire/frame.js';
import type { BackendType, FrontendType } from '../../wire/frame.js';
import * as frontend from '../../wire/frontend.js';
import { readStartupPacket, StartupReader } from '../../wire/startup.js';
import { buildFrame, drain } from './support.js';

const maximumBytes = 10_000;

function nothing(frame: Buffer): null {
  frontend.readEmpty(frame);
  return null;
}

/** As plain data, since two errors are equal to Jest when their messages are. */
function readError(frame: Buffer): unknown {
  const { sqlstate, message, fields } = backend.readErrorResponse(frame);
  return { sqlstate, message, fields };
}

const frontendReaders: Record<FrontendType, (frame: Buffer) => unknown> = {
  [frontendType.query]: frontend.readQuery,
  [frontendType.parse]: frontend.readParse,
  [frontendType.bind]: frontend.readBind,
  [frontendType.describe]: frontend.readDescribe,
  [frontendType.execute]: frontend.readExecute,
  [frontendType.close]: frontend.readClose,
  [frontendType.sync]: nothing,
  [frontendType.flush]: nothing,
  [frontendType.terminate]: nothing,
  [frontendType.functionCall]: (frame) => frame,
  [frontendType.copyData]: frontend.readCopyData,
  [frontendType.copyDone]: nothing,
  [frontendType.copyFail]: frontend.readCopyFail,
  [frontendType.password]: frontend.readPassword,
};

const backendReaders: Record<BackendType, (frame: Buffer) => unknown> = {
  [backendType.authentication]: backend.readAuthentication,
  [backendType.backendKeyData]: backend.readBackendKeyData,
  [backendType.parameterStatus]: backend.readParameterStatus,
  [backendType.readyForQuery]: backend.readReadyForQuery,
  [backendType.rowDescription]: backend.readRowDescription,
  [backendType.dataRow]: (frame) => backend.readDataRow(frame),
  [backendType.commandComplete]: backend.readCommandComplete,
  [backendType.emptyQueryResponse]: nothing,
  [backendType.parseComplete]: nothing,
  [backendType.bindComplete]: nothing,
  [backendType.closeComplete]: nothing,
  [backendType.noData]: nothing,
  [backendType.portalSuspended]: nothing,
  [backendType.parameterDescription]: backend.readParameterDescription,
  [backendType.errorResponse]: readError,
  [backendType.noticeResponse]: backend.readNoticeResponse,
  [backendType.notificationResponse]: (frame) => frame,
  [backendType.negotiateProtocolVersion]: backend.readNegotiateProtocolVersion,
  [backendType.copyInResponse]: backend.readCopyResponse,
  [backendType.copyOutResponse]: backend.readCopyResponse,
  [backendType.copyBothResponse]: backend.readCopyResponse,
  [backendType.copyData]: frontend.readCopyData,
  [backendType.copyDone]: nothing,
  [backendType.functionCallResponse]: (frame) => frame,
};

/** What a client says, as a server hears it: start-up packets first, then tagged messages. */
function hearClient(chunks: readonly Buffer[], packets: number): unknown[] {
  const startup = new StartupReader();
  const frames = new FrameReader(maximumBytes);
  const heard: unknown[] = [];
  for (const chunk of chunks) {
    if (heard.length < packets) {
      startup.push(Buffer.from(chunk));
      while (heard.length < packets) {
        const packet = startup.next();
        if (packet === undefined) break;
        heard.push(readStartupPacket(packet));
      }
      if (heard.length < packets) continue;
      frames.push(startup.takeRest());
    } else {
      frames.push(Buffer.from(chunk));
    }
    for (const frame of drain(frames)) heard.push([frame[0], frontendReaders[frame[0] as FrontendType](frame)]);
  }
  if (frames.bufferedBytes !== 0) throw new Error('bytes are left over');
  return heard;
}

function hearServer(chunks: readonly Buffer[]): unknown[] {
  const frames = new FrameReader(maximumBytes);
  const heard: unknown[] = [];
  for (const chunk of chunks) {
    frames.push(Buffer.from(chunk));
    for (const frame of drain(frames)) heard.push([frame[0], backendReaders[frame[0] as BackendType](frame)]);
  }
  if (frames.bufferedBytes !== 0) throw new Error('bytes are left over');
  return heard;
}

/** The stream whole, in two parts cut at each byte, in three, and byte by byte. */
function* cuts(stream: Buffer): Generator<Buffer[]> {
  for (let cut = 1; cut < stream.length; cut++) {
    yield [stream.subarray(0, cut), stream.subarray(cut)];
    yield [stream.subarray(0, cut), stream.subarray(cut, cut + 1), stream.subarray(cut + 1)];
  }
  yield Array.from(stream, (byte) => Buffer.from([byte]));
}

const startup = encodeFrontend.encodeStartup([
  ['user', 'ann'],
  ['database', 'shop'],
]);

const greeting = [
  encodeBackend.authenticationOk,
  encodeBackend.encodeParameterStatus('server_version', '18.0'),
  encodeBackend.encodeParameterStatus('client_encoding', 'UTF8'),
  encodeBackend.encodeBackendKeyData(4711, Buffer.from([1, 2, 3, 4])),
  encodeBackend.encodeReadyForQuery('I'),
];

const column = { tableOid: 16_384, columnNumber: 1, typeOid: 23, typeSize: 4, typeModifier: -1, format: 0 };

const conversations: { title: string; packets: number; client: Buffer[]; server: Buffer[] }[] = [
  {
    title: 'encryption refused, a simple query of two statements, an error',
    packets: 3,
    client: [
      encodeFrontend.sslRequestPacket,
      Buffer.from([0, 0, 0, 8, 4, 210, 22, 48]),
      startup,
      encodeFrontend.encodeQuery("select 'é'; select 2"),
      encodeFrontend.encodeQuery(''),
      encodeFrontend.encodeQuery(Buffer.from('nonsense')),
      encodeFrontend.terminateFrame,
    ],
    server: [
      ...greeting,
      encodeBackend.encodeRowDescription([{ ...column, name: '?column?', typeOid: 25 }]),
      encodeBackend.encodeDataRow(['é']),
      encodeBackend.encodeCommandComplete('SELECT 1'),
      encodeBackend.encodeRowDescription([{ ...column, name: '?column?' }]),
      encodeBackend.encodeDataRow(['2']),
      encodeBackend.encodeCommandComplete('SELECT 1'),
      encodeBackend.encodeReadyForQuery('I'),
      encodeBackend.emptyQueryResponse,
      encodeBackend.encodeReadyForQuery('I'),
      encodeBackend.encodeErrorResponse(
        new PgError('42601', 'syntax error at or near "nonsense"', { position: 1, routine: 'scanner_yyerror' }),
      ),
      encodeBackend.encodeReadyForQuery('I'),
    ],
  },
  {
    title: 'a password, a pipeline with a portal that is suspended and closed',
    packets: 1,
    client: [
      startup,
      encodeFrontend.encodePassword('secret'),
      encodeFrontend.encodeParse('s1', 'select a, b from t where a > $1', [23]),
      encodeFrontend.encodeDescribe('statement', 's1'),
      encodeFrontend.flushFrame,
      encodeFrontend.encodeBind({
        portal: 'p1',
        statement: 's1',
        parameterFormats: [1],
        parameters: [Buffer.from([0, 0, 0, 5])],
        resultFormats: [0, 1],
      }),
      encodeFrontend.encodeExecute('p1', 2),
      encodeFrontend.encodeClose('portal', 'p1'),
      encodeFrontend.syncFrame,
    ],
    server: [
      buildFrame('R', Buffer.from([0, 0, 0, 5, 1, 2, 3, 4])),
      encodeBackend.encodeNegotiateProtocolVersion(2, ['_pq_.x']),
      ...greeting,
      encodeBackend.parseComplete,
      encodeBackend.encodeParameterDescription([23]),
      encodeBackend.encodeRowDescription([
        { ...column, name: 'a' },
        { ...column, name: 'b', columnNumber: 2, format: 1 },
      ]),
      encodeBackend.bindComplete,
      encodeBackend.encodeDataRow(['6', Buffer.from([0, 0, 0, 7])]),
      encodeBackend.encodeDataRow([null, Buffer.alloc(0)]),
      encodeBackend.portalSuspended,
      encodeBackend.closeComplete,
      encodeBackend.encodeReadyForQuery('T'),
    ],
  },
  {
    title: 'COPY both ways, one given up, notices, a notification',
    packets: 1,
    client: [
      startup,
      encodeFrontend.encodeQuery('copy t from stdin'),
      encodeFrontend.encodeCopyData(Buffer.from('1\ta\n2')),
      encodeFrontend.encodeCopyData(Buffer.alloc(0)),
      encodeFrontend.encodeCopyData(Buffer.from('\tb\n')),
      encodeFrontend.copyDoneFrame,
      encodeFrontend.encodeQuery('copy t from stdin'),
      encodeFrontend.encodeCopyFail('enough'),
      encodeFrontend.encodeQuery('copy t to stdout'),
    ],
    server: [
      ...greeting,
      encodeBackend.encodeCopyInResponse(0, [0, 0]),
      encodeBackend.encodeNoticeResponse({ severity: 'WARNING', sqlstate: '01000', message: 'mind', hint: 'the gap' }),
      encodeBackend.encodeCommandComplete('COPY 2'),
      encodeBackend.encodeReadyForQuery('T'),
      buildFrame('A', Buffer.from('\0\0\0\u0001channel\0payload\0')),
      encodeBackend.encodeCopyInResponse(0, [0, 0]),
      encodeBackend.encodeErrorResponse(new PgError('57014', 'COPY from stdin failed: enough')),
      encodeBackend.encodeReadyForQuery('E'),
      encodeBackend.encodeCopyOutResponse(1, [1, 1]),
      encodeBackend.encodeCopyData(Buffer.from([0, 1, 2, 255])),
      encodeBackend.copyDone,
      encodeBackend.encodeCommandComplete('COPY 1'),
      encodeBackend.encodeReadyForQuery('I'),
    ],
  },
];

describe.each(conversations)('$title', ({ packets, client, server }) => {
  it('is heard by the server alike, cut anywhere', () => {
    const stream = Buffer.concat(client);
    const whole = hearClient([stream], packets);
    expect(whole).toHaveLength(client.length);
    const heardOtherwise = [...cuts(stream)].filter((chunks) => !isDeepStrictEqual(hearClient(chunks, packets), whole));
    expect(heardOtherwise).toEqual([]);
    // The oracle of the cuts: each frame decoded alone.
    const alone = client.slice(packets).map((frame) => [frame[0], frontendReaders[frame[0] as FrontendType](frame)]);
    expect(whole.slice(packets)).toEqual(alone);
  });

  it('is heard by the client alike, cut anywhere', () => {
    const stream = Buffer.concat(server);
    const whole = hearServer([stream]);
    expect(whole).toHaveLength(server.length);
    const heardOtherwise = [...cuts(stream)].filter((chunks) => !isDeepStrictEqual(hearServer(chunks), whole));
    expect(heardOtherwise).toEqual([]);
    const alone = server.map((frame) => [frame[0], backendReaders[frame[0] as BackendType](frame)]);
    expect(whole).toEqual(alone);
  });

  it('is cut into the same messages by pg-protocol', () => {
    // pg-protocol does not know NegotiateProtocolVersion.
    const known = server.filter((frame) => frame[0] !== backendType.negotiateProtocolVersion);
    let count = 0;
    new Parser().parse(Buffer.concat(known), () => {
      count += 1;
    });
    expect(count).toBe(known.length);
  });
});
