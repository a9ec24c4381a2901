/** A CancelRequest on a connection of its own, as encrypted as the one it is for: who reads the key could cancel as well. */

import { connect } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { sslRequestPacket } from '../../wire/encode-frontend.js';

const TIMEOUT_MS = 5_000;

/** The answer of a server that encrypts. */
const OFFERED = 'S'.charCodeAt(0);

/** Resolves when the server has closed the connection, as it does whatever becomes of the request, or after a while. */
export async function sendCancel(
  target: { readonly path: string } | { readonly host: string; readonly port: number },
  request: Buffer,
  tls: ConnectionOptions | undefined,
): Promise<void> {
  await new Promise<void>((resolve) => {
    const socket = connect({ ...target, timeout: TIMEOUT_MS });
    socket.once('connect', () => {
      if (tls === undefined) socket.end(request);
      else socket.write(sslRequestPacket);
    });
    socket.once('data', (answer) => {
      if (tls === undefined || answer.length !== 1 || answer[0] !== OFFERED) {
        socket.destroy();
        return;
      }
      const encrypted = connectTls({ ...tls, socket });
      encrypted.on('error', () => socket.destroy());
      encrypted.once('secureConnect', () => {
        encrypted.end(request);
      });
      encrypted.resume();
    });
    socket.once('timeout', () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      resolve();
    });
  });
}
