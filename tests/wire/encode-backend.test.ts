import * as fc from 'fast-check';
import { Parser } from 'pg-protocol/dist/parser.js';
import { PgError } from '../../base/errors.js';
import type { PgReportFields, Severity } from '../../base/errors.js';
import * as read from '../../wire/backend.js';
import * as encode from '../../wire/encode-backend.js';
import { buildFrame, thrown } from './support.js';

/** The messages that pg-protocol, an independent reader, finds in what we wrote. */
function parse(...frames: Buffer[]): Record<string, unknown>[] {
  const messages: unknown[] = [];
  new Parser().parse(Buffer.concat(frames), (message) => messages.push(message));
  return messages as Record<string, unknown>[];
}

const text = fc.string({ unit: 'binary', maxLength: 60 }).map((value) => value.replaceAll('\0', ''));
const oid = fc.integer({ min: 0, max: 0xffffffff });
const int16 = fc.integer({ min: -0x8000, max: 0x7fff });
const int32 = fc.integer({ min: -0x80000000, max: 0x7fffffff });
const format = fc.constantFrom(0, 1);
const settings = { seed: 4, numRuns: 200 };

describe('what we send to clients is what pg-protocol and our own decoders read', () => {
  it('constants', () => {
    const names = parse(
      encode.authenticationOk,
      encode.parseComplete,
      encode.bindComplete,
      encode.closeComplete,
      encode.noData,
      encode.portalSuspended,
      encode.emptyQueryResponse,
      encode.copyDone,
    ).map((message) => message['name']);
    expect(names).toEqual([
      'authenticationOk',
      'parseComplete',
      'bindComplete',
      'closeComplete',
      'noData',
      'portalSuspended',
      'emptyQuery',
      'copyDone',
    ]);
    expect(read.readAuthentication(encode.authenticationOk)).toEqual({ kind: 'ok' });
    for (const status of ['I', 'T', 'E'] as const) {
      const frame = encode.encodeReadyForQuery(status);
      expect(frame).toBe(encode.encodeReadyForQuery(status));
      expect(parse(frame)).toMatchObject([{ name: 'readyForQuery', status }]);
      expect(read.readReadyForQuery(frame)).toBe(status);
    }
  });

  it('RowDescription', () => {
    const field = fc.record({
      name: text,
      tableOid: oid,
      columnNumber: int16,
      typeOid: oid,
      typeSize: int16,
      typeModifier: int32,
      format,
    });
    fc.assert(
      fc.property(fc.array(field), (fields) => {
        const frame = encode.encodeRowDescription(fields);
        expect(read.readRowDescription(frame)).toEqual(fields);
        expect(parse(frame)).toMatchObject([
          {
            name: 'rowDescription',
            fields: fields.map((each) => ({
              name: each.name,
              tableID: each.tableOid,
              columnID: each.columnNumber,
              dataTypeID: each.typeOid,
              dataTypeSize: each.typeSize,
              dataTypeModifier: each.typeModifier,
              format: each.format === 0 ? 'text' : 'binary',
            })),
          },
        ]);
      }),
      settings,
    );
  });

  it('DataRow, also from the middle of a chunk', () => {
    const bytes = fc.uint8Array({ maxLength: 50 }).map((each) => Buffer.from(each));
    const value = fc.oneof(fc.constant(null), fc.string({ unit: 'binary' }), bytes);
    fc.assert(
      fc.property(fc.array(value), (values) => {
        const frame = encode.encodeDataRow(values);
        const expected = values.map((each) => (typeof each === 'string' ? Buffer.from(each) : each));
        expect(read.readDataRow(frame)).toEqual(expected);
        expect(read.readDataRow(Buffer.concat([encode.noData, frame, encode.noData]), 5)).toEqual(expected);
        expect(parse(frame)).toMatchObject([
          { name: 'dataRow', fields: expected.map((each) => (each === null ? null : each.toString())) },
        ]);
      }),
      settings,
    );
  });

  it('CommandComplete, ParameterStatus, ParameterDescription, BackendKeyData', () => {
    fc.assert(
      fc.property(text, text, fc.array(oid), int32, (name, value, oids, processId) => {
        expect(parse(encode.encodeCommandComplete(name))).toMatchObject([{ name: 'commandComplete', text: name }]);
        expect(read.readCommandComplete(encode.encodeCommandComplete(name))).toBe(name);
        const status = encode.encodeParameterStatus(name, value);
        expect(parse(status)).toMatchObject([{ parameterName: name, parameterValue: value }]);
        expect(read.readParameterStatus(status)).toEqual({ name, value });
        const description = encode.encodeParameterDescription(oids);
        expect(parse(description)).toMatchObject([{ parameterCount: oids.length }]);
        expect(read.readParameterDescription(description)).toEqual(oids);
        const key = encode.encodeBackendKeyData(processId, Buffer.from([1, 2, 3, 4]));
        expect(parse(key)).toMatchObject([{ processID: processId, secretKey: 0x01020304 }]);
        expect(read.readBackendKeyData(key)).toEqual({ processId, secretKey: Buffer.from([1, 2, 3, 4]) });
      }),
      settings,
    );
  });

  it('a long cancellation key', () => {
    const secretKey = Buffer.alloc(256, 5);
    expect(read.readBackendKeyData(encode.encodeBackendKeyData(1, secretKey))).toEqual({ processId: 1, secretKey });
    for (const length of [3, 257]) {
      expect(thrown(() => encode.encodeBackendKeyData(1, Buffer.alloc(length))).sqlstate).toBe('XX000');
      expect(thrown(() => read.readBackendKeyData(buildFrame('K', Buffer.alloc(4 + length)))).sqlstate).toBe('08P01');
    }
  });

  it('COPY', () => {
    for (const [name, frame] of [
      ['copyInResponse', encode.encodeCopyInResponse(1, [1, 1, 1])],
      ['copyOutResponse', encode.encodeCopyOutResponse(0, [0])],
    ] as const) {
      const [message] = parse(frame);
      const { format: copyFormat, columnFormats } = read.readCopyResponse(frame);
      expect(message).toMatchObject({ name, binary: copyFormat === 1, columnTypes: columnFormats });
    }
    expect(parse(encode.encodeCopyData(Buffer.from('1\ta\n')))).toMatchObject([{ chunk: Buffer.from('1\ta\n') }]);
  });

  it('NegotiateProtocolVersion carries the whole version, as libpq expects', () => {
    const frame = encode.encodeNegotiateProtocolVersion(2, ['_pq_.x', '_pq_.y']);
    expect(frame).toEqual(
      Buffer.concat([Buffer.from([0x76, 0, 0, 0, 26, 0, 3, 0, 2, 0, 0, 0, 2]), Buffer.from('_pq_.x\0_pq_.y\0')]),
    );
    expect(read.readNegotiateProtocolVersion(frame)).toEqual({ minor: 2, unrecognized: ['_pq_.x', '_pq_.y'] });
  });
});

describe('ErrorResponse and NoticeResponse', () => {
  const severity = fc.constantFrom<Severity>('ERROR', 'FATAL', 'PANIC', 'WARNING', 'NOTICE', 'DEBUG', 'INFO', 'LOG');
  const position = fc.integer({ min: 1, max: 0x7fffffff });
  const fields = fc.record(
    {
      severity,
      detail: text,
      hint: text,
      position,
      internalPosition: position,
      internalQuery: text,
      where: text,
      schema: text,
      table: text,
      column: text,
      dataType: text,
      constraint: text,
      file: text,
      line: text,
      routine: text,
    },
    { requiredKeys: ['severity'] },
  );

  it('every field goes both ways, and pg-protocol sees the same', () => {
    fc.assert(
      fc.property(text, fields, (message, given) => {
        const frame = encode.encodeErrorResponse(new PgError('42P01', message, given));
        const error = read.readErrorResponse(frame);
        expect(error.message).toBe(message);
        expect(error.sqlstate).toBe('42P01');
        expect(error.fields).toEqual(given);
        const asText = Object.entries(given).map(([key, value]) => [key, String(value)]);
        expect(parse(frame)[0]).toMatchObject({ code: '42P01', message, ...Object.fromEntries(asText) });
        const notice = { ...given, sqlstate: '00000', message };
        const noticeFrame = encode.encodeNoticeResponse(notice);
        expect(read.readNoticeResponse(noticeFrame)).toEqual(notice);
        expect(parse(noticeFrame)[0]).toMatchObject({ name: 'notice', message, code: '00000' });
      }),
      settings,
    );
  });

  it('sends the fields in the order of PostgreSQL', () => {
    const all: Required<PgReportFields> = {
      severity: 'ERROR',
      detail: '',
      hint: '',
      position: 1,
      internalPosition: 2,
      internalQuery: '',
      where: '',
      schema: '',
      table: '',
      column: '',
      dataType: '',
      constraint: '',
      file: '',
      line: '',
      routine: '',
    };
    const body = encode
      .encodeErrorResponse(new PgError('XX000', '', all))
      .subarray(5)
      .toString();
    const order = body.split('\0').map((field) => field.slice(0, 1));
    expect(order.join('')).toBe('SVCMDHPpqWstcdnFLR');
  });

  it('still gets out when a field holds a NUL', () => {
    expect(read.readErrorResponse(encode.encodeErrorResponse(new PgError('XX000', 'a\0b'))).message).toBe('a\uFFFDb');
  });

  it('takes the severity that is not translated, and knows what to make of strangers', () => {
    const german = read.readErrorResponse(buildFrame('E', 'SFEHLER\0VERROR\0C42601\0Mnein\0Px\0\0'));
    expect(german).toMatchObject({ severity: 'ERROR', sqlstate: '42601', message: 'nein' });
    expect(german.fields).toEqual({ severity: 'ERROR' });
    expect(read.readErrorResponse(buildFrame('E', 'SFATAL\0Zfuture\0\0'))).toMatchObject({
      severity: 'FATAL',
      sqlstate: 'XX000',
      message: '',
    });
    expect(read.readNoticeResponse(buildFrame('N', 'SHINWEIS\0Mx\0\0')).severity).toBe('NOTICE');
  });
});

describe('what servers send at a login', () => {
  const code = (value: number, rest = ''): Buffer =>
    buildFrame('R', Buffer.from(`\0\0\0${String.fromCharCode(value)}${rest}`));

  it('requests', () => {
    expect(read.readAuthentication(code(3))).toEqual({ kind: 'cleartext' });
    expect(read.readAuthentication(code(5, 'salt'))).toEqual({ kind: 'md5', salt: Buffer.from('salt') });
    expect(read.readAuthentication(code(10, 'SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0'))).toEqual({
      kind: 'sasl',
      mechanisms: ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'],
    });
    expect(read.readAuthentication(code(11, 'r=x'))).toEqual({ kind: 'saslContinue', data: 'r=x' });
    expect(read.readAuthentication(code(12, 'v=x'))).toEqual({ kind: 'saslFinal', data: 'v=x' });
  });

  it.each([
    [7, 'gss'],
    [9, 'sspi'],
    [99, 'code 99'],
  ])('refuses method %i by name', (method, name) => {
    expect(thrown(() => read.readAuthentication(code(method)))).toMatchObject({
      sqlstate: '0A000',
      text: `the server asks for an authentication method that pgring does not support: ${name}`,
    });
  });
});

describe('malformed messages of a server', () => {
  const cases: [string, () => unknown][] = [
    ['ReadyForQuery with another status', () => read.readReadyForQuery(buildFrame('Z', 'X'))],
    ['ReadyForQuery with two', () => read.readReadyForQuery(buildFrame('Z', 'II'))],
    ['a row with a length of -2', () => read.readDataRow(buildFrame('D', Buffer.from([0, 1, 255, 255, 255, 254])))],
    ['a row that goes on', () => read.readDataRow(buildFrame('D', Buffer.from([0, 0, 1])))],
    ['a row whose frame goes over the chunk', () => read.readDataRow(encode.encodeDataRow(['abc']).subarray(0, -1))],
    ['a row at the end of the chunk', () => read.readDataRow(encode.noData, 5)],
    ['an error without an end', () => read.readErrorResponse(buildFrame('E', 'SERROR\0'))],
    ['an md5 request without its salt', () => read.readAuthentication(buildFrame('R', Buffer.from([0, 0, 0, 5, 1])))],
    ['SASL mechanisms without an end', () => read.readAuthentication(buildFrame('R', '\0\0\0\nX\0'))],
    ['an ok with more', () => read.readAuthentication(buildFrame('R', '\0\0\0\0x'))],
  ];
  it.each(cases)('%s', (_, run) => {
    expect(thrown(run).sqlstate).toBe('08P01');
  });
});
