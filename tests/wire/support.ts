/** What the tests of the codecs share. */

import { PgError } from '../../base/errors.js';
import type { FrameReader } from '../../wire/frame.js';

/** A tagged message, built by hand. */
export function buildFrame(type: number | string, body: Buffer | string = ''): Buffer {
  const bytes = Buffer.from(body);
  const header = Buffer.alloc(5);
  header[0] = typeof type === 'string' ? type.charCodeAt(0) : type;
  header.writeInt32BE(bytes.length + 4, 1);
  return Buffer.concat([header, bytes]);
}

/** All whole frames that a reader holds. */
export function drain(reader: FrameReader): Buffer[] {
  const frames: Buffer[] = [];
  for (let next = reader.next(); next !== undefined; next = reader.next()) frames.push(next);
  return frames;
}

/** The PgError that a function throws, as plain data; any other error passes through. */
export function thrown(run: () => unknown): { sqlstate: string; severity: string; text: string } {
  try {
    run();
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    return { sqlstate: error.sqlstate, severity: error.severity, text: error.message };
  }
  throw new Error('nothing was thrown');
}
