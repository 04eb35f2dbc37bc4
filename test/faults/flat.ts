/** A figure of a process, and when it was so, milliseconds. */
export type Sample = { at: number; value: number };

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
