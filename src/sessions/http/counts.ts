/** What this process did so far, for metrics. */
export type Counts = {
  /** Requests by route and by the first digit of their status. */
  requests: Map<string, number>;
  answers: Map<string, number>;
  /** Requests refused, by code. */
  refusals: Map<string, number>;
  /** What was stored in the log, by kind. */
  appends: Map<string, number>;
  /** Who watches now, by protocol. */
  watchers: Map<string, number>;
};

export function newCounts(): Counts {
  return {
    requests: new Map(),
    answers: new Map(),
    refusals: new Map(),
    appends: new Map(),
    watchers: new Map(),
  };
}

export function countIn(counts: Map<string, number>, name: string, by = 1): void {
  counts.set(name, (counts.get(name) ?? 0) + by);
}
