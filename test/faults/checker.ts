import type { LedgerEntry } from "../../src/standin/ledger.ts";

/** What names an event in a campaign: carried in its body as `marker`, so that it is known wherever the body shows up. */
export function markerOf(session: string, n: number): string {
  return `${session}:${n}`;
}

/** Session and number of a marker; undefined for a text that is none. */
export function readMarker(marker: string): { session: string; n: number } | undefined {
  const match = /^(.+):(\d+)$/.exec(marker);
  return match === null ? undefined : { session: match[1] ?? "", n: Number(match[2]) };
}

/** An event that got a 2xx. */
export type Acknowledged = {
  marker: string;
  /** `event_id` of a 202. */
  eventId?: string;
};

/** An arrival at the coordinator, in the ledger's order. */
export type Arrival = Pick<LedgerEntry, "key" | "marker" | "applied" | "at" | "stale" | "inverted">;

export type Findings = {
  acknowledged: number;
  /** Events that the coordinator carried out. */
  delivered: number;
  dead: number;
  /** Acknowledged, neither delivered nor a dead letter (DURABLE-1, SETTLE-1). */
  lost: string[];
  /** First arrivals after a later one of the same session (ORDER-1). */
  inversions: string[];
  /** First arrivals before the one before it was settled (ORDER-1). */
  early: string[];
  /** Arrivals of what had been carried out before, in their order (ONCE-1). */
  repeats: Arrival[];
  /** Events that came under more than one key, or under another one than the executor was told (ONCE-1). */
  strangeKeys: string[];
  /** First arrivals that the stand-in itself found behind a later one, by the relay's own numbers. */
  stale: number;
};

/**
 * Holds what executors were told against what the coordinator saw: acknowledged ⊆ delivered ∪ dead letters, zero inversions per session by
 * first arrival, repeats recognizable by their key. Writers number the events of a session from 1 and send one only when the one
 * before is acknowledged, so the number is the order of acceptance. Pure.
 */
export function check(input: {
  acknowledged: readonly Acknowledged[];
  arrivals: readonly Arrival[];
  dead: ReadonlySet<string>;
}): Findings {
  const { acknowledged, arrivals, dead } = input;
  const applied = new Set<string>();
  const keys = new Map<string, string | undefined>();
  const highest = new Map<string, number>();
  const findings: Findings = {
    acknowledged: acknowledged.length,
    delivered: 0,
    dead: dead.size,
    lost: [],
    inversions: [],
    early: [],
    repeats: [],
    strangeKeys: [],
    stale: 0,
  };
  for (const arrival of arrivals) {
    const { marker, key } = arrival;
    const place = marker === undefined ? undefined : readMarker(marker);
    if (marker === undefined || place === undefined) continue;
    if (arrival.stale || arrival.inverted) findings.stale++;
    if (keys.has(marker)) {
      if (keys.get(marker) !== key || key === undefined) findings.strangeKeys.push(marker);
      if (applied.has(marker)) findings.repeats.push(arrival);
    } else {
      keys.set(marker, key);
      const before = highest.get(place.session) ?? 0;
      if (place.n < before) findings.inversions.push(marker);
      else highest.set(place.session, place.n);
      const previous = markerOf(place.session, place.n - 1);
      if (place.n > 1 && !applied.has(previous) && !dead.has(previous)) findings.early.push(marker);
    }
    if (arrival.applied) applied.add(marker);
  }
  for (const { marker, eventId } of acknowledged) {
    if (!applied.has(marker) && !dead.has(marker)) findings.lost.push(marker);
    if (eventId !== undefined && keys.has(marker) && keys.get(marker) !== eventId) {
      findings.strangeKeys.push(marker);
    }
  }
  findings.delivered = applied.size;
  return findings;
}

/** When each event was carried out first, by its marker; wall clock. */
export function firstApplied(arrivals: readonly Arrival[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const { marker, applied, at } of arrivals) {
    if (marker !== undefined && applied && !found.has(marker)) found.set(marker, at);
  }
  return found;
}

/** A crash excuses repeats of what was carried out so shortly before it (ONCE-1). */
const EXCUSED_MS = 1000;
/** Clocks of two processes on one machine are read this much apart. */
const READ_APART_MS = 5;
/** What was sent right before a crash is read this much later where the machine is busy: 144 ms were seen. */
const ON_ITS_WAY_MS = 200;

/** Repeats of what was carried out longer before the next crash, or with no crash after it (ONCE-1). `crashes` ascend; wall clock. */
export function unexcused(arrivals: readonly Arrival[], crashes: readonly number[]): Arrival[] {
  const firstAt = firstApplied(arrivals);
  const { repeats } = check({ acknowledged: [], arrivals, dead: new Set() });
  return repeats.filter(({ marker = "", at }) => {
    const first = firstAt.get(marker) ?? 0;
    const crash = crashes.find((moment) => moment >= first - ON_ITS_WAY_MS) ?? Infinity;
    return crash > at + READ_APART_MS || crash - first > EXCUSED_MS;
  });
}
