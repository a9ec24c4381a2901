/**
 * A relay before a server that counts what passes: bytes both ways, and the rows that the server sends (DataRow and
 * CopyData). It believes nobody's account of what was shipped; the bytes tell.
 */

import { type Server, type Socket, connect, createServer } from 'node:net';
import { backendType, frameHeaderBytes } from '../../wire/frame.js';
import { chooseFreePort } from '../../tests/support/ports.js';

export interface Traffic {
  readonly rowsFromServers: number;
  readonly bytesFromServers: number;
  readonly bytesToServers: number;
}

interface CountedAddress {
  readonly host: string;
  readonly port: number;
}

/** Relays before some servers, with one count for all. */
export class TrafficCounter {
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  #rowsFromServers = 0;
  #bytesFromServers = 0;
  #bytesToServers = 0;

  /** Opens a relay and returns where it listens. */
  async before(target: CountedAddress): Promise<CountedAddress> {
    const host = '127.0.0.1';
    const port = await chooseFreePort();
    const server = createServer((client) => {
      this.#relay(client, target);
    });
    this.#servers.push(server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
    return { host, port };
  }

  /** What has passed since the last call. */
  take(): Traffic {
    const traffic = {
      rowsFromServers: this.#rowsFromServers,
      bytesFromServers: this.#bytesFromServers,
      bytesToServers: this.#bytesToServers,
    };
    this.#rowsFromServers = 0;
    this.#bytesFromServers = 0;
    this.#bytesToServers = 0;
    return traffic;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#servers) server.close();
  }

  #relay(client: Socket, target: CountedAddress): void {
    const server = connect({ host: target.host, port: target.port, noDelay: true });
    const rows = new RowCounter(() => {
      this.#rowsFromServers += 1;
    });
    client.setNoDelay(true);
    client.on('data', (chunk: Buffer) => {
      this.#bytesToServers += chunk.length;
    });
    server.on('data', (chunk: Buffer) => {
      this.#bytesFromServers += chunk.length;
      rows.push(chunk);
    });
    client.pipe(server);
    server.pipe(client);
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => {
        other.destroy();
      });
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }
}

/** Steps from message to message through a server's stream, without keeping any of it. */
class RowCounter {
  readonly #onRow: () => void;
  readonly #header = Buffer.alloc(frameHeaderBytes);
  #headerBytes = 0;
  #bodyBytes = 0;

  constructor(onRow: () => void) {
    this.#onRow = onRow;
  }

  push(chunk: Buffer): void {
    let position = 0;
    while (position < chunk.length) {
      if (this.#bodyBytes > 0) {
        const step = Math.min(this.#bodyBytes, chunk.length - position);
        this.#bodyBytes -= step;
        position += step;
        continue;
      }
      const wanted = frameHeaderBytes - this.#headerBytes;
      const copied = chunk.copy(this.#header, this.#headerBytes, position, position + wanted);
      position += copied;
      this.#headerBytes += copied;
      if (this.#headerBytes < frameHeaderBytes) return;
      const type = this.#header[0];
      if (type === backendType.dataRow || type === backendType.copyData) this.#onRow();
      this.#bodyBytes = this.#header.readInt32BE(1) - 4;
      this.#headerBytes = 0;
    }
  }
}
