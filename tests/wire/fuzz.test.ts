/** What strangers can send: every input gives messages or a PgError, soon and within the bounds. */

import * as fc from 'fast-check';
import { PgError } from '../../base/errors.js';
import * as backend from '../../wire/backend.js';
import * as encodeBackend from '../../wire/encode-backend.js';
import * as encodeFrontend from '../../wire/encode-frontend.js';
import { FrameReader, frontendType } from '../../wire/frame.js';
import * as frontend from '../../wire/frontend.js';
import { readScramChallenge, startScram } from '../../wire/scram.js';
import { maximumStartupBytes, readStartupPacket, StartupReader } from '../../wire/startup.js';
import { buildFrame } from './support.js';

const settings = { seed: 5, numRuns: 3000 };

const decoders: Record<string, (frame: Buffer) => unknown> = {
  readQuery: frontend.readQuery,
  readParse: frontend.readParse,
  readBind: frontend.readBind,
  readDescribe: frontend.readDescribe,
  readClose: frontend.readClose,
  readExecute: frontend.readExecute,
  readCopyData: frontend.readCopyData,
  readCopyFail: frontend.readCopyFail,
  readEmpty: frontend.readEmpty,
  readPassword: frontend.readPassword,
  readSaslInitialResponse: frontend.readSaslInitialResponse,
  readSaslResponse: frontend.readSaslResponse,
  readRowDescription: backend.readRowDescription,
  readDataRow: (frame) => backend.readDataRow(frame),
  readCommandComplete: backend.readCommandComplete,
  readParameterStatus: backend.readParameterStatus,
  readReadyForQuery: backend.readReadyForQuery,
  readParameterDescription: backend.readParameterDescription,
  readBackendKeyData: backend.readBackendKeyData,
  readAuthentication: backend.readAuthentication,
  readCopyResponse: backend.readCopyResponse,
  readNegotiateProtocolVersion: backend.readNegotiateProtocolVersion,
  readErrorResponse: backend.readErrorResponse,
  readNoticeResponse: backend.readNoticeResponse,
};

/** Whether it gives a result; an error that is not a PgError is a defect. */
function survives(run: () => unknown): boolean {
  try {
    run();
    return true;
  } catch (error) {
    if (error instanceof PgError) return false;
    throw error;
  }
}

/** Bytes as an attacker would choose them: extremes of lengths and counts, NULs, letters of fields, noise. */
const hostile = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
      fc.constantFrom(0, 1, 2, 4, 5, 0x7fff, 0x8000, 0xffff).map((value) => Buffer.from([value >> 8, value & 255])),
      fc.constantFrom(-1, -2, 0, 4, 5, 10, 0x7fffffff, -0x80000000).map((value) => {
        const bytes = Buffer.alloc(4);
        bytes.writeInt32BE(value);
        return bytes;
      }),
      fc.constantFrom('\0', 'S', 'P', 'V', 'C', 'M', 'I', 'user\0', 'é\0', '_pq_.x\0').map((text) => Buffer.from(text)),
    ),
    { maxLength: 12 },
  )
  .map((parts) => Buffer.concat(parts));

/** A message that is right, with a few bytes changed, and its end cut off or drawn out. */
const valid: readonly Buffer[] = [
  encodeFrontend.encodeParse('s', 'select $1', [23]),
  encodeFrontend.encodeBind({
    portal: 'p',
    statement: 's',
    parameterFormats: [1],
    parameters: [Buffer.from('v'), null],
  }),
  encodeFrontend.encodeDescribe('portal', 'p'),
  encodeFrontend.encodeExecute('p', 10),
  encodeFrontend.encodeSaslInitialResponse('SCRAM-SHA-256', 'n,,n=,r=x'),
  encodeBackend.encodeDataRow(['a', null, 'bcd']),
  encodeBackend.encodeErrorResponse(new PgError('42601', 'm', { position: 3, detail: 'd' })),
  encodeBackend.encodeCopyInResponse(0, [0, 1]),
  encodeBackend.encodeNegotiateProtocolVersion(2, ['a', 'b']),
  encodeBackend.encodeRowDescription([
    { name: 'a', tableOid: 1, columnNumber: 1, typeOid: 23, typeSize: 4, typeModifier: -1, format: 0 },
  ]),
];
function mutate(messages: readonly Buffer[]): fc.Arbitrary<Buffer> {
  const changes = fc.array(fc.tuple(fc.nat({ max: 200 }), fc.integer({ min: 0, max: 255 })), { maxLength: 2 });
  const tail = fc.oneof(fc.constant(Buffer.alloc(0)), hostile);
  return fc
    .tuple(fc.constantFrom(...messages), changes, fc.option(fc.nat({ max: 200 })), tail)
    .map(([message, changed, keep, added]) => {
      const body = Buffer.from(message.subarray(5));
      for (const [at, value] of changed) if (body.length > 0) body[at % body.length] = value;
      return Buffer.concat([body.subarray(0, keep === null ? body.length : keep % (body.length + 1)), added]);
    });
}

const mutated = mutate(valid);

describe('hostile bytes', () => {
  it.each(Object.keys(decoders))('%s gives a message or a PgError', (name) => {
    const decode = decoders[name];
    if (decode === undefined) throw new Error(name);
    fc.assert(
      fc.property(fc.oneof(hostile, mutated), (body) => {
        survives(() => decode(buildFrame('X', body)));
        survives(() => decode(body));
      }),
      settings,
    );
  });

  it('what a decoder accepts of a Bind says the same when it is encoded again', () => {
    let accepted = 0;
    fc.assert(
      fc.property(mutate(valid.filter((message) => message[0] === frontendType.bind)), (body) => {
        const frame = buildFrame('B', body);
        if (!survives(() => frontend.readBind(frame))) return;
        accepted += 1;
        expect(encodeFrontend.encodeBind(frontend.readBind(frame))).toEqual(frame);
      }),
      settings,
    );
    expect(accepted).toBeGreaterThan(100);
  });

  it('a stream of frames ends in a PgError or waits, and holds no more than it was given', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            hostile,
            mutated.map((body) => buildFrame('X', body)),
          ),
        ),
        (chunks) => {
          const reader = new FrameReader(64);
          const given = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
          let taken = 0;
          survives(() => {
            for (const chunk of chunks) {
              reader.push(chunk);
              for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
                expect(frame.length).toBeGreaterThanOrEqual(5);
                expect(frame.length).toBeLessThanOrEqual(64);
                taken += frame.length;
              }
              // What waits for more is less than one frame.
              expect(reader.bufferedBytes).toBeLessThan(64);
            }
          });
          expect(taken + reader.bufferedBytes).toBeLessThanOrEqual(given);
        },
      ),
      settings,
    );
  });

  it('start-up packets', () => {
    const code = fc.constantFrom(3 << 16, (3 << 16) | 2, 2 << 16, 80877102, 80877103, 80877104);
    fc.assert(
      fc.property(code, hostile, (value, body) => {
        const head = Buffer.alloc(8);
        head.writeInt32BE(8 + body.length, 0);
        head.writeInt32BE(value, 4);
        survives(() => readStartupPacket(Buffer.concat([head, body])));
        survives(() => readStartupPacket(body));
      }),
      settings,
    );
  });

  it('a stream of start-up packets is refused or waits within its bound', () => {
    fc.assert(
      fc.property(fc.array(hostile), (chunks) => {
        const reader = new StartupReader();
        survives(() => {
          for (const chunk of chunks) {
            reader.push(chunk);
            for (let packet = reader.next(); packet !== undefined; packet = reader.next()) {
              expect(packet.length).toBeGreaterThanOrEqual(8);
              readStartupPacket(packet);
            }
            expect(reader.bufferedBytes).toBeLessThan(maximumStartupBytes + 4);
          }
        });
      }),
      settings,
    );
  });

  it('SCRAM challenges', () => {
    const start = startScram('abc');
    const part = fc.constantFrom('r=abcX', 'r=', 's=', 's=QUJD', 'i=4096', 'i=', ',', 'v=', 'e=x', '\0', '99999999999');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(part).map((parts) => parts.join(',')),
        ),
        (message) => {
          survives(() => readScramChallenge(start, message));
        },
      ),
      settings,
    );
  });
});
