/** Numbers from the first to the last, both included. */
export type Range = [number, number];

/** Ascending numbers as ranges. Pure. */
export function rangesOf(numbers: readonly number[]): Range[] {
  const ranges: Range[] = [];
  for (const n of numbers) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === n - 1) last[1] = n;
    else ranges.push([n, n]);
  }
  return ranges;
}

/** How many numbers they hold. Pure. */
export function countOf(ranges: readonly Range[]): number {
  return ranges.reduce((sum, [from, to]) => sum + to - from + 1, 0);
}

/** The parts of ascending ranges that are in none of the others, ascending too. Pure. */
export function without(ranges: readonly Range[], others: readonly Range[]): Range[] {
  const left: Range[] = [];
  for (const [from, to] of ranges) {
    let next = from;
    for (const [a, b] of others) {
      if (b < next || a > to) continue;
      if (a > next) left.push([next, a - 1]);
      next = Math.max(next, b + 1);
    }
    if (next <= to) left.push([next, to]);
  }
  return left;
}

/** The parts from a number on. Pure. */
export function startingAt(ranges: readonly Range[], first: number): Range[] {
  return ranges.filter(([, to]) => to >= first).map(([a, b]) => [Math.max(a, first), b]);
}

/** At most `most` ranges: the last ones become one, which includes the gaps between them. Pure. */
export function atMost(ranges: readonly Range[], most: number): Range[] {
  const rest = ranges.slice(most - 1);
  const [first] = rest;
  const last = rest.at(-1);
  return first === undefined || last === undefined
    ? [...ranges]
    : [...ranges.slice(0, most - 1), [first[0], last[1]]];
}
