/**
 * The decisions of a random generator as a list of numbers: the same list makes the same case, and a case is made
 * smaller by making its list shorter or its numbers smaller. 0 must stand for the simplest choice everywhere.
 */

/** The generator mulberry32: 32 bits of state, one multiplication a number. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export class Choices {
  readonly #next: () => number;
  readonly taken: number[] = [];

  private constructor(next: () => number) {
    this.#next = next;
  }

  static random(seed: number): Choices {
    return new Choices(randomNumbers(seed));
  }

  /** The same choices again; after the last one, always 0. */
  static replay(fractions: readonly number[]): Choices {
    let position = 0;
    return new Choices(() => fractions[position++] ?? 0);
  }

  /** An integer from 0 to below `count`. */
  integer(count: number): number {
    const fraction = this.#next();
    this.taken.push(fraction);
    return Math.min(count - 1, Math.floor(fraction * count));
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.integer(items.length)];
    if (item === undefined) throw new Error('a choice among nothing');
    return item;
  }

  /** True in so many of a hundred cases. */
  percent(chance: number): boolean {
    return this.integer(100) >= 100 - chance;
  }
}

/** The smallest list found that still fails; `fails` is asked at most `attempts` times. */
export async function shrink(
  choices: readonly number[],
  fails: (candidate: readonly number[]) => Promise<boolean>,
  attempts: number,
): Promise<readonly number[]> {
  let best = choices;
  let asked = 0;
  for (const size of halves(choices.length)) {
    let at = 0;
    while (at < best.length && asked < attempts) {
      const without = [...best.slice(0, at), ...best.slice(at + size)];
      asked += 1;
      if (await fails(without)) {
        best = without;
        continue;
      }
      const zeros = best.map((value, index) => (index >= at && index < at + size ? 0 : value));
      if (zeros.some((value, index) => value !== best[index])) {
        asked += 1;
        if (await fails(zeros)) best = zeros;
      }
      at += size;
    }
  }
  return best;
}

/** Half of the length, a quarter, and so on down to 1. */
function halves(length: number): readonly number[] {
  return length <= 1 ? [1] : [Math.ceil(length / 2), ...halves(Math.floor(length / 2))];
}
