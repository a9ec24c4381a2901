/** Messages of a client with another name of a prepared statement. */

import { frameHeaderBytes } from './frame.js';

/** Bind, in two pieces: only its beginning is made anew. The name is ASCII. */
export function renameInBind(frame: Buffer, name: string): readonly [Buffer, Buffer] {
  const start = frame.indexOf(0, frameHeaderBytes) + 1;
  return replaceString(frame, start, name);
}

/** Describe of a statement. */
export function renameInDescribe(frame: Buffer, name: string): readonly [Buffer, Buffer] {
  return replaceString(frame, frameHeaderBytes + 1, name);
}

function replaceString(frame: Buffer, start: number, text: string): readonly [Buffer, Buffer] {
  const end = frame.indexOf(0, start) + 1;
  const head = Buffer.allocUnsafe(start + text.length + 1);
  frame.copy(head, 0, 0, start);
  head.write(text, start, 'latin1');
  head[head.length - 1] = 0;
  head.writeInt32BE(head.length + frame.length - end - 1, 1);
  return [head, frame.subarray(end)];
}
