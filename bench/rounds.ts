/** Middle value; of an even number the mean of the two middle ones. NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(half) - 1] ?? NaN, sorted[Math.floor(half)] ?? NaN];
  return (low + high) / 2;
}

/** Runs several things in turn, A B C C B A …, for the same reason as {@link interleaved}. Each round has the results in the order of the ways. */
export async function inTurns<T>(rounds: number, ways: readonly (() => Promise<T>)[]): Promise<T[][]> {
  const results: T[][] = [];
  for (let i = 0; i < rounds; i++) {
    const order = i % 2 === 0 ? ways : ways.toReversed();
    const round: T[] = [];
    for (const way of order) round.push(await way());
    results.push(i % 2 === 0 ? round : round.toReversed());
  }
  return results;
}

/**
 * Runs two things in turn, A B B A …, so that a machine that becomes slower or faster meanwhile favours neither: what is compared is
 * each pair's own ratio.
 */
export async function interleaved<A, B>(
  pairs: number,
  a: () => Promise<A>,
  b: () => Promise<B>,
): Promise<{ a: A; b: B }[]> {
  const results: { a: A; b: B }[] = [];
  for (let i = 0; i < pairs; i++) {
    if (i % 2 === 0) {
      const first = await a();
      results.push({ a: first, b: await b() });
    } else {
      const first = await b();
      results.push({ a: await a(), b: first });
    }
  }
  return results;
}
