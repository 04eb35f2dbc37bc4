import { LEAST } from "./connections.ts";

/** After a sign that it was too many, this part of the requests is allowed. */
const DECREASE = 0.75;
/** What was too many is tried again after this time, at first with one request more, then with two, four … */
const TRY_MS = 1000;
/** Answers that take this many times longer than usual, and this much longer, are a sign that requests wait for each other. */
const LONGER = 2;
const LONGER_MS = 10;
/** Fewer requests at once that cost more than a tenth of the rate were wrong: their number was not the reason for the latency. */
const KEPT_RATE = 0.9;
/** After such a mistake the latency is ignored for this time. */
const DEAF_MS = 10_000;

/** How many requests may be under way at once. Times are `clock.now()`. */
export type Limit = {
  readonly most: number;
  /** The largest number that is not known to be too many. The limit doubles until it reaches this. */
  readonly ceiling: number;
  /** By how much the ceiling is raised next. */
  readonly step: number;
  /** When it was lowered, or the ceiling raised. */
  readonly changedAt: number;
  /** The shortest median latency of a round, milliseconds. */
  readonly usualMs: number | undefined;
  /** From when on the latency may be a sign. */
  readonly listensAt: number;
  /** It was lowered because of the latency, and the next round says whether that was right. `rate` is what it was before. */
  readonly trial: { readonly most: number; readonly ceiling: number; readonly rate: number } | undefined;
};

export type LimitEvent =
  /** A request that began at `began` was answered with 429 or 503, while `inFlight` were under way. */
  | { on: "refused"; began: number; now: number; inFlight: number }
  /** A round is over: as many answers came as requests may be under way. `ms`: their median latency; `rate`: answers in a millisecond; `wanting`: lanes waited for a connection. */
  | { on: "round"; now: number; ms: number; rate: number; wanting: boolean }
  /** Lanes wait for a connection, and for some time no answer came. */
  | { on: "silence" };

/** Starts with few, so that it is seen how long answers take then. `total`: the most that is ever allowed. */
export function firstLimit(total: number): Limit {
  return {
    most: Math.min(LEAST, total),
    ceiling: total,
    step: 1,
    changedAt: -Infinity,
    usualMs: undefined,
    listensAt: -Infinity,
    trial: undefined,
  };
}

/** Never below {@link LEAST}, because sessions in trouble need a connection beside the others (ISOLATE-1). */
function lowered(limit: Limit, from: number, now: number): Limit {
  const least = Math.min(LEAST, limit.most);
  return {
    ...limit,
    most: Math.max(least, Math.floor(from * DECREASE)),
    ceiling: Math.max(least, from - 1),
    step: 1,
    changedAt: now,
    trial: undefined,
  };
}

function grown(limit: Limit): Limit {
  return limit.most < limit.ceiling ? { ...limit, most: Math.min(limit.ceiling, limit.most * 2) } : limit;
}

function raised(limit: Limit, total: number, now: number): Limit {
  if (limit.most < limit.ceiling) return grown(limit);
  if (limit.ceiling >= total || now - limit.changedAt < TRY_MS) return limit;
  const ceiling = Math.min(total, limit.ceiling + limit.step);
  return { ...limit, ceiling, most: ceiling, step: limit.step * 2, changedAt: now };
}

function afterRound(limit: Limit, round: LimitEvent & { on: "round" }, total: number): Limit {
  const { now, ms, rate, wanting } = round;
  const usualMs = Math.min(limit.usualMs ?? ms, ms);
  const next: Limit = { ...limit, usualMs, trial: undefined };
  const { trial } = limit;
  if (trial !== undefined && (!wanting || rate < trial.rate * KEPT_RATE))
    return { ...next, most: trial.most, ceiling: trial.ceiling, listensAt: now + DEAF_MS };
  if (!wanting) return grown(next); // what comes next must not wait behind a few that hang (ISOLATE-1)
  const long = ms > usualMs * LONGER + LONGER_MS && now >= limit.listensAt;
  if (!long || limit.most <= LEAST) return raised(next, total, now);
  const { most, ceiling } = limit;
  return { ...lowered(next, most, now), trial: { most, ceiling, rate } };
}

/**
 * The next limit, between {@link LEAST} and `total`. A refusal lowers it; one of a request that began before it was changed last is of the same round trip, and
 * does not lower it again. Pure.
 */
export function stepLimit(limit: Limit, event: LimitEvent, total: number): Limit {
  switch (event.on) {
    case "refused":
      if (event.began <= limit.changedAt) return limit;
      return lowered(limit, Math.min(limit.most, event.inFlight), event.now);
    case "round":
      return afterRound(limit, event, total);
    case "silence":
      return grown(limit);
  }
}
