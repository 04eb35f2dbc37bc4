/** Chance that a seed repeats. */
export type Random = {
  /** From 0 to below 1. */
  next(): number;
  /** Exponentially distributed with this mean: moments that nobody can foresee. */
  exponential(mean: number): number;
  /** A new list in another order. */
  shuffled<T>(list: readonly T[]): T[];
};

/** mulberry32: small, and good enough to pick moments and victims. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;

  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  return {
    next,
    exponential: (mean) => -mean * Math.log(1 - next()),
    shuffled(list) {
      const rest = [...list];
      return list.map(() => rest.splice(Math.floor(next() * rest.length), 1)[0] as (typeof list)[number]);
    },
  };
}
