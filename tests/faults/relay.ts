/** A stretch of network that tests can break: it passes bytes between proxies and one server until it is cut. */

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { Dice } from '../oracle/dice.js';

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

export class Relay {
  readonly port: number;
  readonly #server;
  readonly #pairs = new Set<Pair>();
  #held = false;

  private constructor(port: number, target: { readonly port: number }) {
    this.port = port;
    this.#server = createServer({ noDelay: true }, (client) => {
      this.#join(client, connect({ host: '127.0.0.1', port: target.port, noDelay: true }));
    });
  }

  /** Listens on the port; the target's port is looked up for each connection. */
  static async open(port: number, target: { readonly port: number }): Promise<Relay> {
    const relay = new Relay(port, target);
    relay.#server.listen(port, '127.0.0.1');
    await once(relay.#server, 'listening');
    return relay;
  }

  /** Breaks each connection with a chance of one in so many; returns how many broke. */
  cut(dice: Dice, oneIn: number): number {
    let count = 0;
    for (const pair of this.#pairs) {
      if (!dice.once(oneIn)) continue;
      count += 1;
      pair.client.resetAndDestroy();
      pair.server.resetAndDestroy();
    }
    return count;
  }

  /** Nothing comes through from now on; new connections wait too. */
  hold(): void {
    this.#held = true;
    for (const { client, server } of this.#pairs) {
      client.pause();
      server.pause();
    }
  }

  /** What was held breaks, some before and some after its bytes have arrived. */
  releaseByCut(dice: Dice): number {
    this.#held = false;
    const half = this.cut(dice, 2);
    for (const { client, server } of this.#pairs) {
      client.resume();
      server.resume();
    }
    return half;
  }

  async close(): Promise<void> {
    this.#server.close();
    for (const { client, server } of this.#pairs) {
      client.destroy();
      server.destroy();
    }
    await once(this.#server, 'close');
  }

  #join(client: Socket, server: Socket): void {
    const pair = { client, server };
    this.#pairs.add(pair);
    const ends = [
      [client, server],
      [server, client],
    ] as const;
    for (const [from, to] of ends) {
      from.on('data', (chunk) => {
        if (to.write(chunk)) return;
        from.pause();
        to.once('drain', () => {
          if (!this.#held) from.resume();
        });
      });
      from.on('end', () => to.end());
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#pairs.delete(pair);
        to.destroy();
      });
      if (this.#held) from.pause();
    }
  }
}
