/**
 * Free ports for tests, below 32768. Each Jest worker chooses from a part of the range that is its own, so that two
 * workers never race for one. PGRING_TEST_PORTS=first-last narrows the range.
 */

import { freePort } from '../../cli/embedded/ports.js';

const WORKERS = 8;
const given = new Set<number>();

/** A port that is free now and that no other call in any worker gets. */
export async function chooseFreePort(): Promise<number> {
  const [first = 20_000, last = 26_431] = (process.env['PGRING_TEST_PORTS'] ?? '20000-26431').split('-').map(Number);
  // Worker 0 is Jest's own process, which runs the global setup.
  const worker = Number(process.env['JEST_WORKER_ID'] ?? 0) % WORKERS;
  const size = Math.floor((last - first + 1) / WORKERS);
  const range = { first: first + worker * size, last: first + (worker + 1) * size - 1 };
  const port = await freePort(range, given, (process.pid * 37 + given.size) % size);
  given.add(port);
  return port;
}
