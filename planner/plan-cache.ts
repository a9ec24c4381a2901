/** Plans by the normalised statement and all else that they depend on: the least recently used go first. */

import type { PlanContext } from './tree/context.js';
import type { Expansion } from './tree/expansion.js';
import type { Plan } from './plan/plan.js';

interface PlanCacheBounds {
  readonly maxEntries: number;
  readonly maxBytes: number;
}

/** A plan with how statements that differ in their literals use it. */
export interface KeptPlan {
  readonly plan: Plan;
  /** Views were expanded in the plan's statement. */
  readonly expansion?: Expansion | undefined;
}

interface CachedPlan {
  readonly kept: KeptPlan;
  readonly bytes: number;
}

/** What a plan costs beside its key, roughly: its tree of small objects. */
const PLAN_BYTES = 2048;

/** The part of a cache key that the session and the catalog give. It changes seldom: keep it with the session. */
export function contextKey(context: Pick<PlanContext, 'catalog' | 'searchPath' | 'isDump'>): string {
  const path = context.searchPath.map((schema) => schema.replaceAll(',', ',,')).join(', ');
  return `${context.catalog.database}\0${context.catalog.version}\0${path}\0${context.isDump === true ? 'dump' : ''}\0`;
}

export class PlanCache {
  readonly #bounds: PlanCacheBounds;
  /** In the order of use, the latest last. */
  readonly #plans = new Map<string, CachedPlan>();
  #bytes = 0;
  #hits = 0;
  #misses = 0;

  constructor(bounds: PlanCacheBounds) {
    this.#bounds = bounds;
  }

  static key(context: string, parameterTypes: readonly number[], normalized: string): string {
    return `${context}${parameterTypes.join(',')}\0${normalized}`;
  }

  get(key: string): KeptPlan | undefined {
    const found = this.#plans.get(key);
    if (found === undefined) {
      this.#misses += 1;
      return undefined;
    }
    this.#hits += 1;
    this.#plans.delete(key);
    this.#plans.set(key, found);
    return found.kept;
  }

  /** Keeps a plan. It must serve every statement with this key (PlannedStatement.reusable). */
  put(key: string, kept: KeptPlan): void {
    const bytes = key.length * 2 + PLAN_BYTES + (kept.expansion?.literals.length ?? 0);
    if (bytes > this.#bounds.maxBytes) return;
    this.#remove(key);
    this.#plans.set(key, { kept, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#plans.keys()) {
      if (this.#plans.size <= this.#bounds.maxEntries && this.#bytes <= this.#bounds.maxBytes) break;
      this.#remove(oldest);
    }
  }

  /** Forgets everything: after a change of the catalog no old plan is asked for again. */
  clear(): void {
    this.#plans.clear();
    this.#bytes = 0;
  }

  get statistics(): {
    readonly entries: number;
    readonly bytes: number;
    readonly hits: number;
    readonly misses: number;
  } {
    return { entries: this.#plans.size, bytes: this.#bytes, hits: this.#hits, misses: this.#misses };
  }

  #remove(key: string): void {
    const found = this.#plans.get(key);
    if (found === undefined) return;
    this.#plans.delete(key);
    this.#bytes -= found.bytes;
  }
}
