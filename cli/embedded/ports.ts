/** TCP ports on the loopback address. All lie below 32768, where Linux takes the ports of outgoing connections from. */

import { createServer } from 'node:net';
import { Failure, exitCode } from '../failure.js';

/** Ports to choose from, both ends included. */
interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** Where shards of `pgring dev` listen, unless remembered otherwise. */
export const shardPorts: PortRange = { first: 26_432, last: 32_000 };

/** True when nobody listens on the port. It can be taken a moment later: a server's own bind decides. */
export async function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  const probe = createServer();
  return await new Promise((resolve) => {
    probe.once('error', () => {
      resolve(false);
    });
    probe.listen({ port, host, exclusive: true }, () => {
      probe.close(() => {
        resolve(true);
      });
    });
  });
}

/** The first free port of the range, beginning somewhere in it, that is not among the ones to avoid. */
export async function freePort(range: PortRange, avoid: ReadonlySet<number>, start = 0): Promise<number> {
  const size = range.last - range.first + 1;
  for (let step = 0; step < size; step += 1) {
    const port = range.first + ((start + step) % size);
    if (!avoid.has(port) && (await isPortFree(port))) return port;
  }
  throw new Failure(`no port between ${range.first} and ${range.last} is free on 127.0.0.1`, {
    exitCode: exitCode.taken,
  });
}
