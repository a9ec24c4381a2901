import * as fc from 'fast-check';
import { serialize } from 'pg-protocol';
import {
  readBind,
  readClose,
  readCopyData,
  readCopyFail,
  readDescribe,
  readEmpty,
  readExecute,
  readParse,
  readPassword,
  readQuery,
  readSaslInitialResponse,
  readSaslResponse,
} from '../../wire/frontend.js';
import { body, int, malformedMessages } from './malformed.js';
import { buildFrame, thrown } from './support.js';

const text = fc.string({ unit: 'binary', maxLength: 60 }).map((value) => value.replaceAll('\0', ''));
const settings = { seed: 2, numRuns: 200 };

describe('what pg-protocol serialises is read back', () => {
  it('Query', () => {
    fc.assert(
      fc.property(text, (sql) => {
        expect(readQuery(serialize.query(sql)).toString()).toBe(sql);
      }),
      settings,
    );
  });

  it('Parse', () => {
    const types = fc.array(fc.nat({ max: 0x7fffffff }), { maxLength: 20 });
    fc.assert(
      fc.property(text, text, types, (name, sql, parameterTypes) => {
        const read = readParse(serialize.parse({ name: name.slice(0, 60), text: sql, types: parameterTypes }));
        expect({ ...read, sql: read.sql.toString() }).toEqual({ name: name.slice(0, 60), sql, parameterTypes });
      }),
      settings,
    );
  });

  it('Bind', () => {
    const value = fc.oneof(
      fc.constant(null),
      fc.string({ unit: 'binary' }),
      fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(text, text, fc.array(value), fc.boolean(), (portal, statement, values, binary) => {
        expect(readBind(serialize.bind({ portal, statement, values, binary }))).toEqual({
          portal,
          statement,
          parameterFormats: values.map((each) => (Buffer.isBuffer(each) ? 1 : 0)),
          parameters: values.map((each) => (typeof each === 'string' ? Buffer.from(each) : each)),
          resultFormats: [binary ? 1 : 0],
        });
      }),
      settings,
    );
  });

  it('Describe, Close, Execute', () => {
    fc.assert(
      fc.property(text, fc.nat({ max: 0x7fffffff }), (name, maximumRows) => {
        expect(readDescribe(serialize.describe({ type: 'S', name }))).toEqual({ target: 'statement', name });
        expect(readDescribe(serialize.describe({ type: 'P', name }))).toEqual({ target: 'portal', name });
        expect(readClose(serialize.close({ type: 'S', name }))).toEqual({ target: 'statement', name });
        expect(readClose(serialize.close({ type: 'P', name }))).toEqual({ target: 'portal', name });
        expect(readExecute(serialize.execute({ portal: name, rows: maximumRows }))).toEqual({
          portal: name,
          maximumRows,
        });
      }),
      settings,
    );
  });

  it('COPY, passwords and SASL', () => {
    expect(readCopyData(serialize.copyData(Buffer.from([0, 1, 2])))).toEqual(Buffer.from([0, 1, 2]));
    expect(readCopyFail(serialize.copyFail('enough'))).toBe('enough');
    expect(readPassword(serialize.password('p w')).toString()).toBe('p w');
    expect(readSaslInitialResponse(serialize.sendSASLInitialResponseMessage('SCRAM-SHA-256', 'n,,n=,r=x'))).toEqual({
      mechanism: 'SCRAM-SHA-256',
      response: Buffer.from('n,,n=,r=x'),
    });
    expect(readSaslResponse(serialize.sendSCRAMClientFinalMessage('c=biws')).toString()).toBe('c=biws');
    for (const frame of [serialize.sync(), serialize.flush(), serialize.end(), serialize.copyDone()]) {
      expect(() => readEmpty(frame)).not.toThrow();
    }
  });
});

describe('what clients may do beyond pg-protocol', () => {
  it('takes 65,535 parameters', () => {
    const count = Buffer.from([0xff, 0xff]).toString('latin1');
    const frame = buildFrame('B', body('\0\0', int(2, 0), count, int(4, -1).repeat(65_535), int(2, 0)));
    expect(readBind(frame).parameters).toHaveLength(65_535);
  });

  it('takes one format for all parameters, none, and one for each result column', () => {
    const values = int(4, 1) + 'x' + int(4, 0);
    const read = readBind(
      buildFrame('B', body('p\0s\0', int(2, 1), int(2, 1), int(2, 2), values, int(2, 2), int(2, 0), int(2, 1))),
    );
    expect(read).toEqual({
      portal: 'p',
      statement: 's',
      parameterFormats: [1],
      parameters: [Buffer.from('x'), Buffer.alloc(0)],
      resultFormats: [0, 1],
    });
  });

  it('does not copy SQL and parameters', () => {
    const frame = serialize.query('select 1');
    expect(readQuery(frame).buffer).toBe(frame.buffer);
  });

  it('takes a negative row limit for none', () => {
    expect(readExecute(buildFrame('E', body('p\0', int(4, -3))))).toEqual({ portal: 'p', maximumRows: 0 });
  });

  it('takes a SASL response that is not there', () => {
    expect(readSaslInitialResponse(buildFrame('p', body('X\0', int(4, -1))))).toEqual({
      mechanism: 'X',
      response: null,
    });
  });

  it('takes SQL that is not UTF-8, but no such name: two names must not become one', () => {
    expect(readQuery(buildFrame('Q', body('\xe9\0')))).toEqual(Buffer.from([0xe9]));
    expect(thrown(() => readDescribe(buildFrame('D', body('S\xe9\0')))).sqlstate).toBe('22021');
    expect(readDescribe(buildFrame('D', 'S\uFFFD\0')).name).toBe('\uFFFD');
  });
});

describe('malformed messages are refused with the words of PostgreSQL', () => {
  it.each(malformedMessages)('$title', ({ frame, read, sqlstate, message }) => {
    expect(thrown(() => read(frame))).toEqual({ sqlstate, severity: 'ERROR', text: message });
  });

  const passwordSize = 'invalid password packet size';
  it.each<[string, () => unknown, string]>([
    ['CopyFail without NUL', () => readCopyFail(buildFrame('f', 'why')), 'invalid string in message'],
    ['a password without NUL', () => readPassword(buildFrame('p', 'pw')), passwordSize],
    ['a password with a NUL inside', () => readPassword(buildFrame('p', 'p\0w\0')), passwordSize],
    ['no password', () => readPassword(buildFrame('p')), passwordSize],
    [
      'a SASL response over its end',
      () => readSaslInitialResponse(buildFrame('p', body('X\0', int(4, 9)))),
      'insufficient data left in message',
    ],
  ])('%s', (_, run, message) => {
    expect(thrown(run)).toEqual({ sqlstate: '08P01', severity: 'ERROR', text: message });
  });
});
