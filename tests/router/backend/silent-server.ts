/** A connection to a server that says nothing, so that a test can say for it whatever it wants, cut wherever it wants. */

import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { BackendConnection } from '../../../router/backend/connection.js';

export interface SilentServer {
  readonly connection: BackendConnection;
  /** The server's end of the connection. */
  readonly peer: Socket;
  close(): void;
}

export async function connectToSilence(): Promise<SilentServer> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const connection = new BackendConnection(
    { name: 'silent', host: '127.0.0.1', port },
    { database: 'd', user: 'u', password: undefined, parameters: new Map() },
  );
  const [peer] = await accepted;
  peer.on('error', () => peer.destroy());
  return {
    connection,
    peer,
    close: () => {
      connection.destroy();
      peer.destroy();
      server.close();
    },
  };
}

/** The same bytes cut in two at every place, and cut into single bytes. */
export function* everyCut(bytes: Buffer): Generator<readonly Buffer[]> {
  yield [bytes];
  for (let at = 1; at < bytes.length; at += 1) yield [bytes.subarray(0, at), bytes.subarray(at)];
  yield Array.from({ length: bytes.length }, (_unused, at) => bytes.subarray(at, at + 1));
}

/** Hands over one read, and then spoils the buffer, as the next read would. */
export function deliver(connection: BackendConnection, read: Buffer): void {
  const buffer = Buffer.from(read);
  connection.receive(buffer);
  buffer.fill(0xee);
}
