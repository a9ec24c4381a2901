import * as fc from 'fast-check';
import { PgError } from '../../base/errors.js';
import { checkFrontendType, FrameReader, frontendType } from '../../wire/frame.js';
import { countCopiedBytes } from '../support/copied-bytes.js';
import { buildFrame, drain, thrown } from './support.js';

describe('FrameReader', () => {
  it('returns views of a chunk that holds whole frames', () => {
    const chunk = Buffer.concat([buildFrame(0x51, Buffer.from('a\0')), buildFrame(0x53, Buffer.alloc(0))]);
    const reader = new FrameReader(1000);
    reader.push(chunk);
    const frames = drain(reader);
    expect(frames.map((each) => each.length)).toEqual([7, 5]);
    for (const each of frames) expect(each.buffer).toBe(chunk.buffer);
    chunk[5] = 0x62;
    expect(frames[0]?.toString('latin1', 5, 6)).toBe('b');
    expect(reader.bufferedBytes).toBe(0);
  });

  it('gives the same frames however the stream is cut', () => {
    const bodies = fc.array(fc.tuple(fc.integer({ min: 1, max: 255 }), fc.uint8Array({ maxLength: 300 })));
    const cuts = fc.array(fc.integer({ min: 0, max: 3000 }));
    fc.assert(
      fc.property(bodies, cuts, fc.boolean(), (messages, at, drainEach) => {
        const expected = messages.map(([type, body]) => buildFrame(type, Buffer.from(body)));
        const stream = Buffer.concat(expected);
        const reader = new FrameReader(1000);
        const frames: Buffer[] = [];
        const edges = [0, ...at.filter((edge) => edge < stream.length).toSorted((a, b) => a - b), stream.length];
        let taken = 0;
        edges.slice(1).forEach((edge, index) => {
          reader.push(Buffer.from(stream.subarray(edges[index], edge)));
          if (drainEach) frames.push(...drain(reader));
          taken = frames.reduce((sum, each) => sum + each.length, 0);
          expect(reader.bufferedBytes).toBe(edge - taken);
        });
        frames.push(...drain(reader));
        expect(frames).toEqual(expected);
        expect(reader.bufferedBytes).toBe(0);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it.each([
    ['negative', -1],
    ['zero', 0],
    ['shorter than itself', 3],
    ['over the bound', 100],
    ['far over the bound', 0x7fffffff],
  ])('refuses a length that is %s before the body comes, and again at each call', (_, length) => {
    for (const piece of [1, 5]) {
      const header = Buffer.alloc(5, 0x51);
      header.writeInt32BE(length, 1);
      const reader = new FrameReader(100);
      for (let at = 0; at < 5; at += piece) {
        if (at > 0) expect(reader.next()).toBeUndefined();
        reader.push(header.subarray(at, at + piece));
      }
      for (let attempt = 0; attempt < 2; attempt++) {
        expect(thrown(() => reader.next())).toEqual({
          sqlstate: '08P01',
          severity: 'FATAL',
          text: 'invalid message length',
        });
      }
    }
  });

  it('accepts a frame of exactly the bound', () => {
    const reader = new FrameReader(100);
    reader.push(buildFrame(0x51, Buffer.alloc(95)));
    expect(reader.next()?.length).toBe(100);
  });

  it('returns the frames before a bad one', () => {
    const reader = new FrameReader(100);
    reader.push(Buffer.concat([buildFrame(0x53, Buffer.alloc(0)), Buffer.from([0x51, 0xff, 0xff, 0xff, 0xff])]));
    expect(reader.next()?.length).toBe(5);
    expect(() => reader.next()).toThrow(PgError);
  });

  it('does not take room for a length that is only claimed', () => {
    const reader = new FrameReader(2 ** 30);
    const header = Buffer.from([0x51, 0x3f, 0xff, 0xff, 0x00]);
    const before = process.memoryUsage().arrayBuffers;
    reader.push(Buffer.concat([header, Buffer.alloc(1000)]));
    expect(reader.next()).toBeUndefined();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10 * 2 ** 20);
    expect(reader.bufferedBytes).toBe(1005);
  });

  it('assembles a frame of many chunks in linear time', () => {
    const whole = buildFrame(0x64, Buffer.alloc(64 * 2 ** 20, 7));
    const reader = new FrameReader(2 ** 27);
    let result: Buffer | undefined;
    const copied = countCopiedBytes(() => {
      for (let at = 0; at < whole.length; at += 1024) {
        reader.push(whole.subarray(at, at + 1024));
        result = reader.next();
      }
    });
    // Quadratic copying would move 2 TB.
    expect(copied).toBeGreaterThanOrEqual(whole.length - 1024);
    expect(copied).toBeLessThan(4 * whole.length);
    expect(result?.equals(whole)).toBe(true);
  });

  it('holds no chunk that it has passed', () => {
    const reader = new FrameReader(1000);
    for (let count = 0; count < 1000; count++) reader.push(buildFrame(0x53, Buffer.alloc(0)));
    expect(reader.bufferedBytes).toBe(5000);
    expect(drain(reader)).toHaveLength(1000);
    expect(reader.bufferedBytes).toBe(0);
  });
});

describe('checkFrontendType', () => {
  it('knows every type that a client sends and no other', () => {
    const known = Array.from({ length: 256 }, (_, type) => type).filter((type) => {
      try {
        return checkFrontendType(type) === type;
      } catch (error) {
        expect(error).toMatchObject({
          sqlstate: '08P01',
          message: `invalid frontend message type ${type}`,
          severity: 'FATAL',
        });
        return false;
      }
    });
    expect(String.fromCharCode(...known)).toBe('BCDEFHPQSXcdfp');
    expect(known).toHaveLength(Object.keys(frontendType).length);
  });
});
