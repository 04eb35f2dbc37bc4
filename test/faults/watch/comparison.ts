/** What a watcher saw of a session, held against its log. */
export type Comparison = {
  checked: number;
  /** In the log, and not seen. */
  gaps: number[];
  /** Seen before. */
  repeats: number[];
  /** Behind a later one. */
  inversions: number[];
  /** Not in the log. */
  strangers: number[];
};

/** Both in the order in which they came. */
export function compare(seen: readonly number[], stored: readonly number[]): Comparison {
  const known = new Set(stored);
  const had = new Set<number>();
  const found: Comparison = { checked: seen.length, gaps: [], repeats: [], inversions: [], strangers: [] };
  let highest = 0;
  for (const seq of seen) {
    if (had.has(seq)) found.repeats.push(seq);
    else if (seq < highest) found.inversions.push(seq);
    if (!known.has(seq)) found.strangers.push(seq);
    had.add(seq);
    highest = Math.max(highest, seq);
  }
  found.gaps = stored.filter((seq) => !had.has(seq));
  return found;
}
