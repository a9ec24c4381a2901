/** The codecs against a real server: it is the one that decides what the protocol is. */

import * as fc from 'fast-check';
import { createHmac, randomBytes } from 'node:crypto';
import { PgError } from '../../base/errors.js';
import * as backend from '../../wire/backend.js';
import { encodeNegotiateProtocolVersion } from '../../wire/encode-backend.js';
import * as encode from '../../wire/encode-frontend.js';
import { backendType } from '../../wire/frame.js';
import { readCopyData } from '../../wire/frontend.js';
import { answerMd5, md5Verifier } from '../../wire/md5.js';
import { answerScram, readScramChallenge, startScram, verifyScram } from '../../wire/scram.js';
import { saltPassword, scramKeys, scramMechanism } from '../../wire/scram-keys.js';
import { negotiate, readIdentity, readStartupPacket } from '../../wire/startup.js';
import { malformedMessages } from './malformed.js';
import { FrameSocket, startServer } from './server.js';
import { describeWithTools } from '../support/requirement.js';
import type { TestServer } from './server.js';
import { thrown } from './support.js';

const hba = `
host all postgres  127.0.0.1/32 trust
host all md5       127.0.0.1/32 md5
host all cleartext 127.0.0.1/32 password
host all all       127.0.0.1/32 scram-sha-256
`;

const ready = backendType.readyForQuery;
const failed = backendType.errorResponse;

async function authenticate(socket: FrameSocket, user: string, password: string): Promise<string> {
  const method = backend.readAuthentication(await expectAuthentication(socket));
  if (method.kind === 'cleartext') socket.send(encode.encodePassword(password));
  if (method.kind === 'md5') socket.send(encode.encodePassword(answerMd5(md5Verifier(user, password), method.salt)));
  if (method.kind === 'sasl') {
    expect(method.mechanisms).toContain(scramMechanism);
    const start = startScram(randomBytes(18).toString('base64'));
    socket.send(encode.encodeSaslInitialResponse(scramMechanism, start.message));
    const challenged = backend.readAuthentication(await expectAuthentication(socket));
    const challenge = readScramChallenge(start, challenged.kind === 'saslContinue' ? challenged.data : '');
    const salted = await saltPassword(password, challenge.salt, challenge.iterations);
    const answer = answerScram(challenge, scramKeys(salted));
    socket.send(encode.encodeSaslResponse(answer.message));
    const final = backend.readAuthentication(await expectAuthentication(socket));
    verifyScram(answer, final.kind === 'saslFinal' ? final.data : '');
  }
  if (method.kind !== 'ok') {
    expect(backend.readAuthentication(await expectAuthentication(socket))).toEqual({ kind: 'ok' });
  }
  return method.kind;
}

async function expectAuthentication(socket: FrameSocket): Promise<Buffer> {
  const frame = await socket.next();
  if (frame[0] === failed) throw backend.readErrorResponse(frame);
  expect(frame[0]).toBe(backendType.authentication);
  return frame;
}

describeWithTools(['postgresql-15'], 'a real server', () => {
  let server: TestServer;
  let socket: FrameSocket;

  async function logIn(user: string, password: string): Promise<string> {
    const client = new FrameSocket(server.port);
    try {
      client.send(
        encode.encodeStartup([
          ['user', user],
          ['database', 'postgres'],
        ]),
      );
      const method = await authenticate(client, user, password);
      await client.until(ready);
      return method;
    } finally {
      client.close();
    }
  }

  async function query(sql: string): Promise<(string | undefined)[][]> {
    socket.send(encode.encodeQuery(sql));
    const frames = await socket.until(ready);
    const error = frames.find((frame) => frame[0] === failed);
    if (error !== undefined) throw backend.readErrorResponse(error);
    return frames
      .filter((frame) => frame[0] === backendType.dataRow)
      .map((frame) => backend.readDataRow(frame).map((value) => value?.toString()));
  }

  /** A connection as the superuser, ready for a query. */
  async function connect(): Promise<{ socket: FrameSocket; key: backend.BackendKeyData }> {
    const client = new FrameSocket(server.port);
    client.send(
      encode.encodeStartup([
        ['user', 'postgres'],
        ['client_encoding', 'UTF8'],
      ]),
    );
    expect(await authenticate(client, 'postgres', '')).toBe('ok');
    const greeting = await client.until(ready);
    const keyFrame = greeting.find((frame) => frame[0] === backendType.backendKeyData);
    const parameters = greeting
      .filter((frame) => frame[0] === backendType.parameterStatus)
      .map(backend.readParameterStatus);
    expect(parameters).toContainEqual({ name: 'client_encoding', value: 'UTF8' });
    return { socket: client, key: backend.readBackendKeyData(keyFrame ?? Buffer.alloc(0)) };
  }

  beforeAll(async () => {
    server = await startServer(hba);
    ({ socket } = await connect());
  });

  afterAll(() => {
    socket.close();
    server.stop();
  });

  it.each([
    ['in ASCII', 'pencil, =with punctuation'],
    ['with accents', 'pa\u0308ssword'],
    ['with a no-break space and a soft hyphen', 'a\u00A0b\u00ADc'],
    ['with a compatibility form', '\u2168 and \uFB01'],
    ['newer than Unicode 3.2', '\u2168 \u{1F600}'],
    ['right to left', '\u0627\u0644\u0633\u0631'],
    ['right to left and left to right', '\u0627\u2168\u0628'],
    ['of control characters', '\u2168\u0007'],
  ])('lets us in by SCRAM with a password %s', async (_, password) => {
    await query(`drop role if exists scram; create role scram login password '${password}'`);
    expect(await logIn('scram', password)).toBe('sasl');
    await expect(logIn('scram', `${password}x`)).rejects.toMatchObject({ sqlstate: '28P01' });
  });

  it('lets us in by md5 and in the clear', async () => {
    await query(`set password_encryption = 'md5'; create role md5 login password 'sécret'; reset password_encryption`);
    expect(await logIn('md5', 'sécret')).toBe('md5');
    await expect(logIn('md5', 'other')).rejects.toBeInstanceOf(PgError);
    await query(`create role cleartext login password 'sécret'`);
    expect(await logIn('cleartext', 'sécret')).toBe('cleartext');
  });

  it('prepares any password as the server does', async () => {
    await query('drop role if exists prepared; create role prepared');
    const unit = fc.oneof(
      fc.constantFrom('a', '1', '\u00AA', '\u2168', '\u00A0', '\u00AD', '\u200B', '\u200D', 'e\u0301', '\uFB01'),
      fc.constantFrom('\u0627', '\u05D0', '\u0660', '\u0007', '\u0340', '\u0221', '\u{1D400}', '\u{2F868}', '\uAC00'),
      fc.integer({ min: 0x80, max: 0xffff }).map((code) => String.fromCodePoint(code).replace(/[\uD800-\uDFFF]/, '-')),
      fc.integer({ min: 0x10000, max: 0x10ffff }).map((code) => String.fromCodePoint(code)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(unit, { minLength: 1, maxLength: 5 }), async (units) => {
        const password = units.join('');
        const rows = await query(
          `alter role prepared password '${password}'; select rolpassword from pg_authid where rolname = 'prepared'`,
        );
        const stored = /^SCRAM-SHA-256\$(\d+):(.+)\$.+:(.+)$/.exec(rows[0]?.[0] ?? '') ?? [];
        const [, iterations = '', salt = '', serverKey = ''] = stored;
        const salted = await saltPassword(password, Buffer.from(salt, 'base64'), Number(iterations));
        expect(createHmac('sha256', salted).update('Server Key').digest('base64')).toBe(serverKey);
      }),
      { seed: 6, numRuns: 250 },
    );
  });

  it('understands what we send, and we it: the extended protocol with formats by column', async () => {
    socket.send(
      encode.encodeParse('s', Buffer.from('select $1::int4 + 1 as n, $2::text as t, null as z'), [23]),
      encode.encodeDescribe('statement', 's'),
      encode.encodeBind({
        portal: 'p',
        statement: 's',
        parameterFormats: [1, 0],
        parameters: [Buffer.from([0, 0, 0, 41]), Buffer.from('é')],
        resultFormats: [1, 0, 0],
      }),
      encode.encodeDescribe('portal', 'p'),
      encode.encodeExecute('p', 1),
      encode.encodeClose('portal', 'p'),
      encode.encodeClose('statement', 's'),
      encode.syncFrame,
    );
    const frames = await socket.until(ready);
    expect(String.fromCharCode(...frames.map((frame) => frame[0] ?? 0))).toBe('1tT2TDs33Z');
    const at = (index: number): Buffer => frames[index] ?? Buffer.alloc(0);
    expect(backend.readParameterDescription(at(1))).toEqual([23, 25]);
    const field = { tableOid: 0, columnNumber: 0, typeModifier: -1 };
    expect(backend.readRowDescription(at(4))).toEqual([
      { ...field, name: 'n', typeOid: 23, typeSize: 4, format: 1 },
      { ...field, name: 't', typeOid: 25, typeSize: -1, format: 0 },
      { ...field, name: 'z', typeOid: 25, typeSize: -1, format: 0 },
    ]);
    expect(backend.readDataRow(at(5))).toEqual([Buffer.from([0, 0, 0, 42]), Buffer.from('é'), null]);
    expect(backend.readReadyForQuery(at(9))).toBe('I');
  });

  it('understands COPY both ways', async () => {
    await query('create temp table c (a int, b text)');
    socket.send(encode.encodeQuery('copy c from stdin'));
    expect(backend.readCopyResponse(await socket.next())).toEqual({ format: 0, columnFormats: [0, 0] });
    socket.send(encode.encodeCopyData(Buffer.from('1\tx\n2')), encode.encodeCopyData(Buffer.from('\ty\n')));
    socket.send(encode.copyDoneFrame);
    const [complete] = await socket.until(ready);
    expect(backend.readCommandComplete(complete ?? Buffer.alloc(0))).toBe('COPY 2');
    socket.send(encode.encodeQuery('copy c from stdin'));
    await socket.next();
    socket.send(encode.encodeCopyFail('enough'));
    const [refused] = await socket.until(ready);
    expect(backend.readErrorResponse(refused ?? Buffer.alloc(0))).toMatchObject({
      sqlstate: '57014',
      message: 'COPY from stdin failed: enough',
    });
    socket.send(encode.encodeQuery('copy c to stdout'));
    const frames = await socket.until(ready);
    const data = frames.filter((frame) => frame[0] === backendType.copyData).map(readCopyData);
    expect(Buffer.concat(data).toString()).toBe('1\tx\n2\ty\n');
  });

  it('reports errors and notices that we read whole', async () => {
    const error = await query('select é from pg_class where 1 = nonsense').catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      sqlstate: '42703',
      fields: { severity: 'ERROR', position: 8, routine: 'errorMissingColumn' },
    });
    socket.send(encode.encodeQuery("do $$ begin raise notice 'hé' using hint = 'look' , table = 't'; end $$"));
    const [notice] = await socket.until(ready);
    expect(backend.readNoticeResponse(notice ?? Buffer.alloc(0))).toMatchObject({
      severity: 'NOTICE',
      sqlstate: '00000',
      message: 'hé',
      hint: 'look',
      table: 't',
    });
  });

  it('is cancelled by our CancelRequest', async () => {
    const sleeper = await connect();
    sleeper.socket.send(encode.encodeQuery('select pg_sleep(50)'));
    const asleep = `select 1 from pg_stat_activity where pid = ${sleeper.key.processId} and wait_event = 'PgSleep'`;
    while ((await query(asleep)).length === 0);
    const canceller = new FrameSocket(server.port);
    canceller.send(encode.encodeCancel(sleeper.key.processId, sleeper.key.secretKey));
    await expect(canceller.next()).rejects.toThrow('closed');
    const error = (await sleeper.socket.until(failed)).at(-1) ?? Buffer.alloc(0);
    expect(backend.readErrorResponse(error).sqlstate).toBe('57014');
    sleeper.socket.close();
  });

  it.each(malformedMessages)('says to a $title what we say', async ({ frame, sqlstate, message }) => {
    const client = new FrameSocket(server.port);
    client.send(encode.encodeStartup([['user', 'postgres']]));
    await client.until(ready);
    client.send(encode.encodeParse('', 'select $1::text', []), encode.flushFrame);
    await client.until(backendType.parseComplete);
    client.send(frame, encode.syncFrame);
    const frames = await client.until(failed);
    client.close();
    expect(backend.readErrorResponse(frames.at(-1) ?? Buffer.alloc(0))).toMatchObject({ sqlstate, message });
  });

  it('negotiates the protocol as we do', async () => {
    const parameters = new Map([
      ['user', 'postgres'],
      ['_pq_.one', '1'],
      ['_pq_.two', ''],
    ]);
    const packet = encode.encodeStartup(parameters);
    packet.writeInt16BE(9, 6);
    const client = new FrameSocket(server.port);
    client.send(packet);
    const frames = await client.until(ready);
    client.close();
    const [first = Buffer.alloc(0)] = frames;
    expect(first[0]).toBe(backendType.negotiateProtocolVersion);
    const ours = negotiate({ major: 3, minor: 9 }, parameters);
    const theirs = backend.readNegotiateProtocolVersion(first);
    // Protocol 3.2, with its long keys, came with PostgreSQL 18.
    const knows32 = Number((await query('show server_version_num'))[0]?.[0]) >= 180_000;
    const expected = { minor: knows32 ? ours.minor : 0, unrecognized: ours.unrecognized };
    expect(theirs).toEqual(expected);
    expect(first).toEqual(encodeNegotiateProtocolVersion(expected.minor, expected.unrecognized));
    const keyFrame = frames.find((frame) => frame[0] === backendType.backendKeyData) ?? Buffer.alloc(0);
    expect(backend.readBackendKeyData(keyFrame).secretKey).toHaveLength(knows32 ? 32 : 4);
  });

  const packets: [string, string][] = [
    ['no parameters at all', ''],
    ['no terminator', 'user\0postgres\0'],
    ['no NUL', 'user\0postgres'],
    ['a name without a value', 'user\0postgres\0database\0'],
    ['bytes after the terminator', 'user\0postgres\0\0x'],
    ['no user', 'database\0postgres\0\0'],
    ['an empty user', 'user\0\0\0'],
  ];
  it.each(packets)('says to a start-up with %s what we say', async (_, parameters) => {
    const packet = Buffer.concat([Buffer.from([0, 0, 0, 8 + parameters.length, 0, 3, 0, 0]), Buffer.from(parameters)]);
    const client = new FrameSocket(server.port);
    client.send(packet);
    const { sqlstate, message, severity } = backend.readErrorResponse(await client.next());
    client.close();
    const ours = thrown(() => {
      const startup = readStartupPacket(packet);
      if (startup.kind === 'startup') readIdentity(startup.parameters);
    });
    expect(ours).toEqual({ sqlstate, severity, text: message });
  });
});
