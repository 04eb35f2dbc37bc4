import type { Clock } from "../../shared/base/clock.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { delayFor } from "../coordinator/backoff.ts";
import type { Source } from "../source/source.ts";
import type { Entry, Lane } from "./lane.ts";
import type { Memory } from "./memory.ts";
import type { Ending, TurnOutcome } from "./turn-outcome.ts";
import type { UnderWay } from "./under-way.ts";
import type { Waiters } from "./waiters.ts";

/** What a lane does after a turn. */
export type Next =
  | { kind: "go_on" }
  /** It waits for `ms` milliseconds; `asked`: the coordinator said for how long. */
  | { kind: "rest"; ms: number; asked: boolean }
  /** Its session is to be parked. */
  | { kind: "park"; reason: string }
  /** Its source is asked whether it may forward. */
  | { kind: "ask"; source: Source };

const GO_ON: Next = { kind: "go_on" };

export type OutcomesDeps = {
  clock: Clock;
  random: () => number;
  log: Logger;
  memory: Memory;
  waiters: Waiters;
  underWay: Pick<UnderWay, "succeeded">;
  /** How long an event may keep failing, while others succeed, before it is exhausted. */
  exhaustAfterMs: number;
  /** An entry was settled; called after its source knows. */
  settled(lane: Lane, entry: Entry, how: Ending): void;
};

/** Applies the outcome of a turn to a lane and its entries, and decides what the lane does next. */
export class Outcomes {
  readonly #deps: OutcomesDeps;
  /** Turns of all lanes that ended well. */
  #successes = 0;

  constructor(deps: OutcomesDeps) {
    this.#deps = deps;
  }

  /** Takes in the outcome of a turn that began at `since`, clock.now(). */
  take(lane: Lane, outcome: TurnOutcome, since: number): Next {
    switch (outcome.kind) {
      case "settled":
        this.#measure(outcome.how, since);
        for (const entry of lane.inFlight.splice(0)) this.#settle(lane, entry, outcome.how);
        lane.succeeded();
        return GO_ON;
      case "batch": {
        const [head] = lane.inFlight;
        lane.inFlight = lane.inFlight.filter((entry) => !outcome.settled.has(entry));
        for (const [entry, how] of outcome.settled) this.#settle(lane, entry, how);
        if (outcome.settled.size > 0) this.#measure("delivered", since);
        if (head !== undefined && outcome.settled.has(head)) lane.succeeded(); // else the same head failed again
        return this.take(lane, outcome.next ?? { kind: "again" }, since);
      }
      case "retry":
        return this.#failed(lane, outcome);
      case "park":
        this.#putBack(lane);
        if (lane.length === 0) return GO_ON; // a poison event comes again by itself
        return { kind: "park", reason: outcome.reason };
      case "again":
        this.#putBack(lane);
        return GO_ON;
      case "fenced": {
        const source = lane.inFlight[0]?.source;
        this.#putBack(lane);
        return source === undefined || lane.length === 0 ? GO_ON : { kind: "ask", source };
      }
    }
  }

  /** The wait before a failed head's next try: `exactMs`, what the coordinator asked for, or one that grows with its attempts. */
  backOff(lane: Lane, retryAfterMs?: number, exactMs?: number): Next {
    this.#deps.waiters.tellBehind(lane);
    const ms = exactMs ?? delayFor(Math.max(1, lane.attempts), this.#deps.random(), retryAfterMs);
    return { kind: "rest", ms, asked: retryAfterMs !== undefined };
  }

  #failed(lane: Lane, outcome: TurnOutcome & { kind: "retry" }): Next {
    const { clock, exhaustAfterMs } = this.#deps;
    this.#putBack(lane);
    lane.failed(clock.now(), outcome.counts ? this.#successes : lane.successMark, outcome.reason);
    const head = lane.peek();
    if (head === undefined || !outcome.counts || lane.failedForMs < exhaustAfterMs)
      return this.backOff(lane, outcome.retryAfterMs, outcome.afterMs);
    this.#exhaust(lane, head, outcome);
    return GO_ON;
  }

  /** The head has a final refusal, and its turn will store it as a dead letter. For a batch it is first found out which event fails alone. */
  #exhaust(lane: Lane, head: Entry, { reason, together = 1 }: { reason: string; together?: number }): void {
    if (together > 1) {
      this.#deps.log.warn({ session: lane.session, events: together, reason }, "a batch keeps failing");
      lane.alone = together; // poison among them must not take its neighbours with it
      lane.forgive();
      return;
    }
    const { attempts } = lane;
    head.death ??= { reason: `exhausted after ${attempts} attempts: ${reason}`, attempts };
  }

  /** Puts entries back in front. Those that come again by themselves are dropped. */
  #putBack(lane: Lane): void {
    for (const entry of lane.putBack(lane.inFlight)) this.#deps.memory.release(entry);
  }

  #settle(lane: Lane, entry: Entry, how: Ending): void {
    this.#deps.memory.release(entry);
    if (lane.alone > 0) lane.alone--;
    entry.source.settle(entry);
    this.#deps.settled(lane, entry, how);
  }

  #measure(how: Ending, since: number): void {
    if (how !== "delivered") return;
    this.#successes++;
    this.#deps.underWay.succeeded(this.#deps.clock.now() - since);
  }
}
