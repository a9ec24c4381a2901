/** Many clients of one server, in this process: some send one statement after the other, the rest do nothing. */

import { performance } from 'node:perf_hooks';
import { RawClient, type Address } from '../../tests/oracle/raw-client.js';

/** An answer may wait for a turn on one of few connections. */
const ANSWER_MS = 60_000;
/** So many connect at one time. */
const AT_ONCE = 50;

export async function connectCrowd(address: Address, count: number): Promise<readonly RawClient[]> {
  const clients: RawClient[] = [];
  while (clients.length < count) {
    const next = Math.min(AT_ONCE, count - clients.length);
    clients.push(
      ...(await Promise.all(Array.from({ length: next }, async () => await RawClient.connect(address, ANSWER_MS)))),
    );
  }
  return clients;
}

export interface Load {
  readonly seconds: number;
  /** What each statement took, in milliseconds, sorted. */
  readonly timesMs: readonly number[];
}

/** Each client sends `statement()` again as soon as it has its answer, for so long. */
export async function keepBusy(clients: readonly RawClient[], statement: () => string, seconds: number): Promise<Load> {
  const begin = performance.now();
  const end = begin + seconds * 1000;
  const timesMs: number[] = [];
  await Promise.all(
    clients.map(async (client) => {
      for (let now = performance.now(); now < end;) {
        await client.simple(statement());
        const then = performance.now();
        timesMs.push(then - now);
        now = then;
      }
    }),
  );
  return { seconds: (performance.now() - begin) / 1000, timesMs: timesMs.sort((left, right) => left - right) };
}
