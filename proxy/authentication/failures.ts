/**
 * How often log-ins from an address have failed of late. Each failure counts for a while; the answers to further ones
 * come later and later, and when there were too many, the address is not listened to until some have been forgotten.
 */

import { isIPv6 } from 'node:net';

interface FailureLimits {
  readonly authenticationFailures: number;
  readonly authenticationFailureMs: number;
}

interface Record {
  /** Failures that still count; each is forgotten a bit at a time. */
  readonly count: number;
  readonly at: number;
}

/** People mistype; from here on it looks like guessing. */
const FREE_FAILURES = 3;
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 3_000;
/** Strangers with many addresses must not fill the memory. */
const REMEMBERED_ADDRESSES = 10_000;

export class LogInFailures {
  readonly #limits: () => FailureLimits;
  readonly #now: () => number;
  readonly #records = new Map<string, Record>();

  constructor(limits: () => FailureLimits, now: () => number = Date.now) {
    this.#limits = limits;
    this.#now = now;
  }

  /** How long the address has to wait until it is listened to again; 0: not at all. */
  refusedMs(address: string): number {
    const limits = this.#limits();
    const excess = this.#count(address) - limits.authenticationFailures + 1;
    return excess > 0 ? Math.ceil((excess * limits.authenticationFailureMs) / limits.authenticationFailures) : 0;
  }

  /** Counts one more; returns how long its answer is to be kept back. */
  note(address: string): number {
    const key = keyOf(address);
    const count = this.#count(address) + 1;
    this.#records.delete(key);
    this.#records.set(key, { count, at: this.#now() });
    const [oldest] = this.#records.keys();
    if (this.#records.size > REMEMBERED_ADDRESSES && oldest !== undefined) this.#records.delete(oldest);
    const over = Math.floor(count) - FREE_FAILURES;
    return over <= 0 ? 0 : Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (over - 1));
  }

  #count(address: string): number {
    const record = this.#records.get(keyOf(address));
    if (record === undefined) return 0;
    const limits = this.#limits();
    const forgotten = ((this.#now() - record.at) * limits.authenticationFailures) / limits.authenticationFailureMs;
    return Math.max(0, record.count - forgotten);
  }
}

/** Who has one IPv6 address has a network of them. */
function keyOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - front.length - back.length) }, () => '0');
  return [...front, ...gap, ...back].slice(0, 4).join(':');
}
