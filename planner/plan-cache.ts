/** Plans by what they depend on: the text without its literals, the catalog, the search path, the parameters' types. */

import type { Plan } from './plan.js';

/** What a plan costs beside its SQL text, roughly. */
const PLAN_BYTES = 2_000;

interface Entry {
  readonly plan: Plan;
  readonly bytes: number;
}

/** Bounded by entries and by bytes (an estimate); the plan that was not used for longest leaves first. */
export class PlanCache {
  readonly #limits: { readonly entries: number; readonly bytes: number };
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(limits: { readonly entries: number; readonly bytes: number }) {
    this.#limits = limits;
  }

  static key(text: string, catalogVersion: number, searchPath: string, parameterTypes: readonly number[]): string {
    return `${catalogVersion} ${searchPath} ${parameterTypes.join(' ')}\n${text}`;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): Plan | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.plan;
  }

  set(key: string, plan: Plan): void {
    this.#remove(key);
    // Two bytes a character of the key, and generated SQL is about as long as the statement.
    const bytes = PLAN_BYTES + 4 * key.length;
    if (bytes > this.#limits.bytes || this.#limits.entries === 0) return;
    this.#entries.set(key, { plan, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#limits.entries && this.#bytes <= this.#limits.bytes) break;
      this.#remove(oldest);
    }
  }

  #remove(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }
}
