import { serialize } from 'pg-protocol';
import { encodeCancel, encodeStartup, sslRequestPacket } from '../../wire/encode-frontend.js';
import { negotiate, readIdentity, readStartupPacket, StartupReader } from '../../wire/startup.js';
import { thrown } from './support.js';

function packet(code: number, body: Buffer | string = ''): Buffer {
  const bytes = Buffer.from(body);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + bytes.length, 0);
  head.writeUInt32BE(code, 4);
  return Buffer.concat([head, bytes]);
}

const version30 = 3 << 16;

describe('readStartupPacket', () => {
  it('reads the start-up of pg-protocol', () => {
    expect(readStartupPacket(serialize.startup({ user: 'ann', database: 'shop', x: '' }))).toEqual({
      kind: 'startup',
      protocol: { major: 3, minor: 0 },
      parameters: new Map([
        ['user', 'ann'],
        ['database', 'shop'],
        ['x', ''],
        ['client_encoding', 'UTF8'],
      ]),
    });
  });

  it('reads our own start-up, and pg-protocol and we say the same', () => {
    const parameters: [string, string][] = [
      ['user', 'Zoë'],
      ['client_encoding', 'UTF8'],
    ];
    const ours = encodeStartup(parameters);
    expect(readStartupPacket(ours)).toMatchObject({ kind: 'startup', parameters: new Map(parameters) });
    expect(ours).toEqual(serialize.startup({ user: 'Zoë' }));
  });

  it('knows the requests that are no start-up', () => {
    expect(sslRequestPacket).toEqual(packet(80877103));
    expect(readStartupPacket(sslRequestPacket)).toEqual({ kind: 'ssl' });
    expect(readStartupPacket(packet(80877104))).toEqual({ kind: 'gssenc' });
    expect(readStartupPacket(serialize.cancel(77, 0x01020304))).toEqual({
      kind: 'cancel',
      processId: 77,
      secretKey: Buffer.from([1, 2, 3, 4]),
    });
    expect(encodeCancel(77, Buffer.from([1, 2, 3, 4]))).toEqual(serialize.cancel(77, 0x01020304));
  });

  it('takes cancellation keys of 1 to 256 bytes', () => {
    for (const length of [1, 4, 32, 256]) {
      const secretKey = Buffer.alloc(length, 9);
      expect(readStartupPacket(encodeCancel(-5, secretKey))).toEqual({ kind: 'cancel', processId: -5, secretKey });
    }
    for (const length of [0, 257]) {
      expect(thrown(() => readStartupPacket(encodeCancel(1, Buffer.alloc(length))))).toMatchObject({
        sqlstate: '08P01',
        text: 'invalid length of cancel key in cancel request packet',
      });
    }
    expect(thrown(() => readStartupPacket(packet(80877102, 'abc'))).text).toBe(
      'invalid length of cancel request packet',
    );
  });

  it.each([
    [2, 0],
    [4, 0],
    [0, 0],
    [0x1603, 0x0100],
  ])('refuses protocol %i.%i as PostgreSQL does', (major, minor) => {
    expect(thrown(() => readStartupPacket(packet(major * 65536 + minor, 'user\0a\0\0')))).toEqual({
      sqlstate: '0A000',
      severity: 'FATAL',
      text: `unsupported frontend protocol ${major}.${minor}: server supports 3.0 to 3.2`,
    });
  });

  it.each([
    ['nothing', ''],
    ['no NUL at the end', 'user\0ann'],
    ['no terminator', 'user\0ann\0'],
    ['a name without a value', 'user\0'],
    ['a name without a value after others', 'user\0ann\0database\0'],
    ['bytes after the terminator', 'user\0ann\0\0x\0'],
    ['two terminators', 'user\0ann\0\0\0'],
  ])('refuses parameters with %s', (_, body) => {
    expect(thrown(() => readStartupPacket(packet(version30, body)))).toEqual({
      sqlstate: '08P01',
      severity: 'FATAL',
      text: 'invalid startup packet layout: expected terminator as last byte',
    });
  });

  it('lets the later of two equal names count', () => {
    expect(readStartupPacket(packet(version30, 'user\0a\0user\0b\0\0'))).toMatchObject({
      parameters: new Map([['user', 'b']]),
    });
  });

  it('refuses a length word that is not the length', () => {
    const bytes = packet(version30, 'user\0a\0\0');
    expect(thrown(() => readStartupPacket(bytes.subarray(0, -1))).sqlstate).toBe('08P01');
    expect(thrown(() => readStartupPacket(Buffer.alloc(3))).sqlstate).toBe('08P01');
  });
});

describe('negotiate', () => {
  const none = new Map<string, string>();

  it.each([
    [0, 0, false],
    [1, 1, false],
    [2, 2, false],
    [3, 2, true],
    [9999, 2, true],
  ])('answers minor version %i with %i', (asked, minor, mustTell) => {
    expect(negotiate({ major: 3, minor: asked }, none)).toEqual({ minor, unrecognized: [], mustTell });
  });

  it('names every protocol option, as none is known', () => {
    const parameters = new Map([
      ['user', 'a'],
      ['_pq_.one', '1'],
      ['_pqx', '1'],
      ['_pq_.two', '1'],
    ]);
    expect(negotiate({ major: 3, minor: 0 }, parameters)).toEqual({
      minor: 0,
      unrecognized: ['_pq_.one', '_pq_.two'],
      mustTell: true,
    });
  });
});

describe('readIdentity', () => {
  it("takes the user's name for a database that is not named", () => {
    expect(readIdentity(new Map([['user', 'ann']]))).toEqual({ user: 'ann', database: 'ann' });
    const empty = new Map([
      ['user', 'ann'],
      ['database', ''],
    ]);
    expect(readIdentity(empty)).toEqual({ user: 'ann', database: 'ann' });
    expect(readIdentity(new Map([...empty, ['database', 'shop']]))).toEqual({ user: 'ann', database: 'shop' });
  });

  it.each([[new Map<string, string>()], [new Map([['user', '']])]])('refuses no user', (parameters) => {
    expect(thrown(() => readIdentity(parameters))).toEqual({
      sqlstate: '28000',
      severity: 'FATAL',
      text: 'no PostgreSQL user name specified in startup packet',
    });
  });
});

describe('StartupReader', () => {
  const packets = [sslRequestPacket, encodeStartup([['user', 'ann']])];
  const rest = Buffer.from('Q\0\0\0\u0005\0');
  const stream = Buffer.concat([...packets, rest]);

  function read(chunks: readonly Buffer[]): { packets: Buffer[]; rest: Buffer } {
    const reader = new StartupReader();
    const found: Buffer[] = [];
    for (const chunk of chunks) {
      reader.push(Buffer.from(chunk));
      while (found.length < packets.length) {
        const next = reader.next();
        if (next === undefined) break;
        found.push(next);
      }
    }
    const left = reader.takeRest();
    expect(reader.bufferedBytes).toBe(0);
    return { packets: found, rest: left };
  }

  it('gives the same packets and the same rest wherever the stream is cut', () => {
    for (let cut = 0; cut <= stream.length; cut++) {
      expect(read([stream.subarray(0, cut), stream.subarray(cut)])).toEqual({ packets, rest });
    }
    expect(read(Array.from(stream, (byte) => Buffer.from([byte])))).toEqual({ packets, rest });
  });

  it.each([0, 7, 10_005, 0x16030100, 0xffffffff])('refuses the length %i at its fourth byte', (length) => {
    const word = Buffer.alloc(4);
    word.writeUInt32BE(length);
    const reader = new StartupReader();
    reader.push(word.subarray(0, 3));
    expect(reader.next()).toBeUndefined();
    reader.push(word.subarray(3));
    expect(thrown(() => reader.next())).toEqual({
      sqlstate: '08P01',
      severity: 'FATAL',
      text: 'invalid length of startup packet',
    });
  });

  it('takes a packet of exactly the greatest length', () => {
    const largest = packet(version30, Buffer.alloc(9_996));
    const reader = new StartupReader();
    reader.push(largest);
    expect(reader.next()).toEqual(largest);
  });
});
