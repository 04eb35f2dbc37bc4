/** How many measurements count. Under load that is less than a tenth of a second. */
const KEPT = 16;
/** Part of the way back to the guess that a price goes with each commit that does not measure it. */
const FORGET = 0.005;
/** After so many such commits, the oldest measurement does not count any more. */
const FORGET_ONE = 16;

/** What one way of committing costs, by its latest measurements. */
export type Price = {
  /** Milliseconds. */
  now(): number;
  add(ms: number): void;
  /** Another commit did not measure it. */
  forget(): void;
};

/**
 * The second quickest of the latest measurements: a busy event loop makes most of them look slow at times, so the quick ones tell what the broker needs,
 * and a single one proves nothing. `guess`: the price before anything was measured. `least`: nothing is cheaper. `most`: a stall says nothing about the
 * next commit, so no measurement counts for more. All in milliseconds.
 */
export function createPrice({ guess, least, most }: { guess: number; least: number; most: number }): Price {
  const latest: number[] = [];
  let price = guess;
  let since = 0;
  return {
    now: () => price,
    add(ms) {
      latest.push(Math.min(most, Math.max(least, ms)));
      if (latest.length > KEPT) latest.shift();
      price = secondOf(latest);
    },
    forget() {
      price += FORGET * (guess - price);
      if (++since % FORGET_ONE === 0) latest.shift();
    },
  };
}

/** The second smallest number, or the only one. Pure. */
function secondOf(numbers: readonly number[]): number {
  let [least, second] = [Infinity, Infinity];
  for (const n of numbers) {
    if (n < least) [least, second] = [n, least];
    else if (n < second) second = n;
  }
  return second === Infinity ? least : second;
}
