/** Seeded random values, cheap enough for a hundred thousand of each type. */

export interface Generator {
  /** 0 <= n < limit */
  below(limit: number): number;
  int32(): number;
  bytes(length: number): Buffer;
  pick<T>(choices: readonly T[]): T;
}

/** mulberry32: the same values for the same seed. */
export function generator(seed: number): Generator {
  let state = seed | 0;
  const uint32 = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
  const below = (limit: number): number => Math.floor((uint32() / 2 ** 32) * limit);
  return {
    below,
    int32: () => uint32() | 0,
    bytes: (length) => Buffer.from(Array.from({ length }, () => below(256))),
    pick: (choices) => choices[below(choices.length)] as (typeof choices)[number],
  };
}
