/** The result of a lane's last attempt, which decides on its share of the connections (ISOLATE-1). */
export type Repute = "unproven" | "proven" | "failing";

/** Turns under way by the repute of their lane. */
export type InFlight = { proven: number; unproven: number; failing: number };

/** Part of the connections that sessions in trouble may use together (docs/contract.md, "Retries, breaker and fair share"). */
export function failingShare(connections: number): number {
  return Math.max(1, Math.floor(connections / 4));
}

/**
 * May a lane with this record of success start an attempt? A quarter of the connections stays free of lanes that never succeeded, and failing ones
 * get a quarter at the most, so that proven ones always find a connection (ISOLATE-1).
 */
export function mayStart(repute: Repute, inFlight: InFlight, connections: number): boolean {
  const total = inFlight.proven + inFlight.unproven + inFlight.failing;
  if (total >= connections) return false;
  const quarter = failingShare(connections);
  switch (repute) {
    case "proven":
      return true;
    case "unproven":
      return inFlight.unproven + inFlight.failing < Math.max(1, connections - quarter);
    case "failing":
      return (
        inFlight.failing < quarter &&
        inFlight.unproven + inFlight.failing < Math.max(1, connections - quarter)
      );
  }
}

/** An attempt that takes this many times longer than a usual one is in trouble, although its outcome is not known yet. */
const SLOW_FACTOR = 10;
/** But never earlier than this, because otherwise a short delay would cost a repeat. */
const SLOW_LEAST_MS = 250;

/** From which age on an attempt counts as slow; `typicalMs` is a usual success, undefined before the first. */
export function slowAfter(typicalMs: number | undefined): number {
  return Math.max(SLOW_LEAST_MS, (typicalMs ?? 0) * SLOW_FACTOR);
}

/**
 * Which attempts under way must yield because others wait: the oldest of the slow ones beyond the failing share. `ages` in
 * milliseconds; returns indexes into it.
 */
export function mustYield(
  ages: readonly number[],
  typicalMs: number | undefined,
  connections: number,
): number[] {
  const limit = slowAfter(typicalMs);
  const slow = ages
    .map((age, index) => ({ age, index }))
    .filter(({ age }) => age > limit)
    .sort((a, b) => b.age - a.age);
  return slow.slice(0, Math.max(0, slow.length - failingShare(connections))).map(({ index }) => index);
}
