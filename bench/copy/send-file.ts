/** A client that sends a file by COPY FROM STDIN as fast as the server takes it. */

import { createReadStream } from 'node:fs';
import { once } from 'node:events';
import { connect } from 'node:net';
import { FrameReader, backendType } from '../../wire/frame.js';
import { readErrorResponse } from '../../wire/backend.js';
import { copyDoneFrame, encodeCopyData, encodeQuery, encodeStartup } from '../../wire/encode-frontend.js';

const CHUNK_BYTES = 64 * 1024;
const MAXIMUM_FRAME_BYTES = 1024 * 1024;

interface Target {
  readonly host: string;
  readonly port: number;
  readonly database: string;
}

/** Returns the seconds that the COPY took. */
export async function sendFile({ host, port, database }: Target, sql: string, path: string): Promise<number> {
  const socket = connect({ host, port, noDelay: true });
  const reader = new FrameReader(MAXIMUM_FRAME_BYTES);
  let wake: (() => void) | undefined;
  socket.on('data', (chunk: Buffer) => {
    reader.push(chunk);
    wake?.();
  });
  const until = async (wanted: number): Promise<void> => {
    for (;;) {
      const frame = reader.next();
      if (frame?.[0] === backendType.errorResponse) throw readErrorResponse(frame);
      if (frame?.[0] === wanted) return;
      if (frame !== undefined) continue;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  try {
    await once(socket, 'connect');
    socket.write(
      encodeStartup([
        ['user', 'postgres'],
        ['database', database],
      ]),
    );
    await until(backendType.readyForQuery);
    const start = performance.now();
    socket.write(encodeQuery(sql));
    await until(backendType.copyInResponse);
    for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
      if (!Buffer.isBuffer(chunk)) throw new Error('a file gives bytes');
      if (!socket.write(encodeCopyData(chunk))) await once(socket, 'drain');
    }
    socket.write(copyDoneFrame);
    await until(backendType.readyForQuery);
    return (performance.now() - start) / 1000;
  } finally {
    socket.destroy();
  }
}
