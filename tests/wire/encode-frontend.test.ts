import * as fc from 'fast-check';
import { serialize } from 'pg-protocol';
import * as encode from '../../wire/encode-frontend.js';
import { readBind, readClose, readDescribe, readExecute, readParse, readQuery } from '../../wire/frontend.js';
import { thrown } from './support.js';

const text = fc.string({ unit: 'binary', maxLength: 300 }).map((value) => value.replaceAll('\0', ''));
const bytes = fc.uint8Array({ maxLength: 600 }).map((each) => Buffer.from(each));
const format = fc.constantFrom(0, 1);
const settings = { seed: 3, numRuns: 200 };

describe('our own serialisers', () => {
  it('agree with pg-protocol to the byte, where it can say the same', () => {
    const values = fc.array(fc.oneof(fc.constant(null), fc.string({ unit: 'binary' }), bytes));
    fc.assert(
      fc.property(text, text, values, fc.boolean(), (name, sql, parameters, binary) => {
        const short = name.slice(0, 60);
        expect(encode.encodeQuery(Buffer.from(sql))).toEqual(serialize.query(sql));
        expect(encode.encodeQuery(sql)).toEqual(serialize.query(sql));
        const parse = serialize.parse({ name: short, text: sql, types: [23, 25] });
        expect(encode.encodeParse(short, sql, [23, 25])).toEqual(parse);
        expect(encode.encodeParse(short, Buffer.from(sql), [23, 25])).toEqual(parse);
        const bound = encode.encodeBind({
          portal: name,
          statement: short,
          parameterFormats: parameters.map((each) => (Buffer.isBuffer(each) ? 1 : 0)),
          parameters: parameters.map((each) => (typeof each === 'string' ? Buffer.from(each) : each)),
          resultFormats: [binary ? 1 : 0],
        });
        expect(bound).toEqual(serialize.bind({ portal: name, statement: short, values: parameters, binary }));
      }),
      settings,
    );
  });

  it('round-trip what pg-protocol cannot say', () => {
    const bind = fc.record({
      portal: text,
      statement: text,
      parameterFormats: fc.constantFrom([], [1]),
      parameters: fc.array(fc.option(bytes)),
      resultFormats: fc.array(format),
    });
    fc.assert(
      fc.property(bind, (message) => {
        expect(readBind(encode.encodeBind(message))).toEqual(message);
      }),
      settings,
    );
    const longName = 'é'.repeat(700);
    expect(readParse(encode.encodeParse(longName, Buffer.from([0xe9]), [0xffffffff]))).toEqual({
      name: longName,
      sql: Buffer.from([0xe9]),
      parameterTypes: [0xffffffff],
    });
    expect(readQuery(encode.encodeQuery('é'.repeat(100_000))).toString()).toBe('é'.repeat(100_000));
  });

  it('an empty Bind is all text', () => {
    expect(readBind(encode.encodeBind({}))).toEqual({
      portal: '',
      statement: '',
      parameterFormats: [],
      parameters: [],
      resultFormats: [],
    });
  });

  it('Describe, Close and Execute', () => {
    for (const target of ['statement', 'portal'] as const) {
      expect(readDescribe(encode.encodeDescribe(target, 'né'))).toEqual({ target, name: 'né' });
      expect(readDescribe(encode.encodeDescribe(target, ''))).toEqual({ target, name: '' });
      expect(readClose(encode.encodeClose(target, 'né'))).toEqual({ target, name: 'né' });
    }
    expect(readExecute(encode.encodeExecute('né', 7))).toEqual({ portal: 'né', maximumRows: 7 });
    expect(readExecute(encode.encodeExecute('', 0))).toEqual({ portal: '', maximumRows: 0 });
  });

  it('never share memory between messages', () => {
    const first = encode.encodeParse('a', 'select 1', []);
    const copy = Buffer.from(first);
    encode.encodeParse('b', 'select 2', []);
    encode.encodeQuery('select 3');
    expect(first).toEqual(copy);
  });

  it.each<[string, () => unknown]>([
    ['SQL', () => encode.encodeQuery('a\0b')],
    ['SQL as bytes', () => encode.encodeQuery(Buffer.from('a\0b'))],
    ['a statement name', () => encode.encodeParse('a\0b', 'x', [])],
    ['a portal name', () => encode.encodeBind({ portal: 'a\0b' })],
    ['a described name', () => encode.encodeDescribe('statement', 'a\0b')],
    ['a closed name', () => encode.encodeClose('portal', 'a\0b')],
    ['an executed name', () => encode.encodeExecute('a\0b', 0)],
    ['a reason', () => encode.encodeCopyFail('a\0b')],
    ['a password', () => encode.encodePassword('a\0b')],
    ['a parameter', () => encode.encodeStartup([['user', 'a\0b']])],
  ])('refuse a NUL in %s', (_, run) => {
    expect(thrown(run)).toMatchObject({
      sqlstate: '22021',
      text: 'invalid byte sequence for encoding "UTF8": 0x00',
    });
  });

  it('refuse more parameters than a message can count', () => {
    const parameters = Array.from({ length: 65_536 }, () => null);
    expect(thrown(() => encode.encodeBind({ parameters })).sqlstate).toBe('54000');
    expect(readBind(encode.encodeBind({ parameters: parameters.slice(1) })).parameters).toHaveLength(65_535);
  });
});
