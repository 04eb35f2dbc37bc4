import { quantile } from "./report.ts";

/** A figure of a process, and when it was so, milliseconds. */
export type Sample = { at: number; value: number };

/** The first part of a life, in which caches fill and code is compiled. */
const WARM_UP = 0.25;
/** Samples of a life that is judged: with fewer, most of it is warm-up. */
const LEAST_SAMPLES = 36; // 3 minutes

/**
 * How much a figure grows over the time of its samples: the median of the slopes between any two of them (Theil and Sen), so that a heap that breathes does not count. 0 for
 * fewer than two samples. Pure.
 */
export function growthOf(samples: readonly Sample[]): number {
  const slopes: number[] = [];
  for (const [i, from] of samples.entries())
    for (const to of samples.slice(i + 1)) slopes.push((to.value - from.value) / (to.at - from.at));
  const middle = slopes.toSorted((a, b) => a - b)[Math.floor(slopes.length / 2)] ?? 0;
  const [first, last] = [samples[0], samples.at(-1)];
  return first === undefined || last === undefined ? 0 : middle * (last.at - first.at);
}

/** How much a figure grew at most: within one of the lives behind its warm-up, or from the first of them to the last. Lives that are too short do not count. Pure. */
export function growthOver(lives: readonly (readonly Sample[])[]): {
  medians: number[];
  largest: number;
  growth: number;
} {
  const warm = lives
    .filter((it) => it.length >= LEAST_SAMPLES)
    .map((it) => it.slice(Math.floor(it.length * WARM_UP)));
  const medians = warm.map((it) =>
    quantile(
      it.map(({ value }) => value),
      0.5,
    ),
  );
  const [first = 0, last = 0] = [medians[0], medians.at(-1)];
  return {
    medians,
    largest: Math.max(...warm.flat().map(({ value }) => value)),
    growth: Math.max(last - first, ...warm.map(growthOf)),
  };
}
