import type { Clock } from "../../shared/base/clock.ts";
import type { AttemptResult } from "../coordinator/verdict.ts";
import type { Connections } from "./connections.ts";
import { firstLimit, stepLimit, type Limit, type LimitEvent } from "./limit.ts";

/**
 * Shortest round: with fast answers the rate of one round trip says little. When no answer came for this time, the limit grows: the requests that are under way may
 * hang, and others wait behind them (ISOLATE-1).
 */
const ROUND_MS = 100;
/** Most latencies of a round that are kept; a median needs no more. */
const MOST_SAMPLES = 256;

/** How many requests may be under way at once, as the coordinator's answers show. */
export type Pace = Connections & {
  /** An attempt is over. `ms`: how long it took. */
  attempted(result: AttemptResult, ms: number): void;
  /** Nothing is known of the coordinator any more: it was away, or it is a new one. */
  begin(): void;
  /** `allowed` now, and the most that is ever allowed (`bound`). */
  standing(): { inFlight: number; allowed: number; bound: number };
};

function medianOf(samples: number[]): number {
  return samples.sort((a, b) => a - b)[samples.length >> 1] ?? 0;
}

/** Answers that came since `since`. */
class Round {
  readonly since: number;
  readonly #samples: number[] = [];
  #answers = 0;
  #wanted = 0;

  constructor(since: number) {
    this.since = since;
  }

  get answers(): number {
    return this.#answers;
  }

  add(ms: number, wanting: boolean): void {
    this.#answers++;
    if (wanting) this.#wanted++;
    if (this.#samples.length < MOST_SAMPLES) this.#samples.push(ms);
  }

  end(now: number): LimitEvent {
    const rate = this.#answers / (now - this.since);
    return {
      on: "round",
      now,
      ms: medianOf(this.#samples),
      rate,
      wanting: this.#wanted * 2 >= this.#answers,
    };
  }
}

/** The part of `connections` that the coordinator bears (limit.ts). `total`: the setting. */
export function createPace(deps: { clock: Clock; connections: Connections; total: number }): Pace {
  const { clock, connections, total } = deps;
  let limit: Limit = firstLimit(total);
  let round = new Round(clock.now());
  let inFlight = 0;
  let wanting = false;

  function step(event: LimitEvent, now: number): void {
    limit = stepLimit(limit, event, total);
    round = new Round(now);
  }

  return {
    most: () => Math.min(connections.most(), limit.most),
    used(inUse, wants) {
      [inFlight, wanting] = [inUse, wants];
      connections.used(inUse, wants && inUse < limit.most); // what this limit holds back wants no connection of others
      if (!wants || round.answers > 0) return;
      const now = clock.now();
      if (now - round.since >= ROUND_MS) step({ on: "silence" }, now);
    },
    attempted(result, ms) {
      if (result.kind !== "response") return;
      const now = clock.now();
      const { status } = result;
      if (status === 429 || status === 503)
        return step({ on: "refused", began: now - ms, now, inFlight }, now);
      if (status >= 300) return;
      round.add(ms, wanting);
      if (round.answers >= limit.most && now - round.since >= ROUND_MS) step(round.end(now), now);
    },
    begin() {
      limit = firstLimit(total);
      round = new Round(clock.now());
    },
    standing: () => ({ inFlight, allowed: Math.min(connections.most(), limit.most), bound: total }),
  };
}
