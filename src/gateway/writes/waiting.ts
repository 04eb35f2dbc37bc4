import type { Clock } from "../../shared/base/clock.ts";
import type { Answer } from "../../shared/messages/answer.ts";
import type { Outcome } from "../../shared/log/append/write.ts";

export type Stored = Extract<Outcome, { kind: "stored" }>;
export type CoordinatorAnswer = Extract<Answer, { kind: "answer" }>;

/** The answer that an executor gets in the end. */
export type Conclusion =
  | { kind: "accepted"; stored: Stored }
  | { kind: "answer"; answer: CoordinatorAnswer; stored: Stored }
  | { kind: "failed"; outcome: Extract<Outcome, { kind: "failed" }> };

/**
 * One write, from its acceptance until its executor has an answer. Two things must come together, in either order: the log's word that
 * it is stored (DURABLE-1: no answer is given before it), and the coordinator's answer, or the end of the wait for it.
 */
export type Exchange = {
  readonly id: string;
  readonly shard: number;
  /** True while the executor waits for the coordinator's answer. */
  waits: boolean;
  outcome: Outcome | undefined;
  answer: CoordinatorAnswer | undefined;
  /** Tells the relay whether the executor was still there to see the coordinator's answer. */
  confirm: ((seen: boolean) => void) | undefined;
  cancelTimer: (() => void) | undefined;
  /** Answers the executor. It is called once, and returns whether the executor was still there. */
  conclude: (conclusion: Conclusion) => boolean;
};

/** The exchanges that wait for the coordinator's answer. */
export type Waiting = {
  readonly size: number;
  /** Begins an exchange; with `waitMs` it waits for the coordinator's answer at most that long. */
  open(id: string, shard: number, waitMs: number | undefined, conclude: Exchange["conclude"]): Exchange;
  /** The log has stored the event, or refused it. */
  settled(exchange: Exchange, outcome: Outcome): void;
  /** A relay sent the coordinator's answer. False if no exchange with this id waits. */
  answered(id: string, answer: Answer, confirm: ((seen: boolean) => void) | undefined): boolean;
  /** Ends the wait for everything of these shards. */
  release(shards: readonly number[]): void;
  /** Ends every wait, and begins none any more: later writes are answered as soon as they are stored. */
  close(): void;
};

export function createWaiting(clock: Clock): Waiting {
  const exchanges = new Map<string, Exchange>();
  let closed = false;

  /** Concludes if both things are there. */
  function advance(exchange: Exchange): void {
    const { outcome, answer } = exchange;
    if (outcome === undefined) return;
    if (outcome.kind === "stored" && exchange.waits && answer === undefined) return;
    leave(exchange);
    if (outcome.kind === "failed") {
      exchange.conclude({ kind: "failed", outcome });
      exchange.confirm?.(false);
    } else if (answer === undefined) exchange.conclude({ kind: "accepted", stored: outcome });
    else {
      const seen = exchange.conclude({ kind: "answer", answer, stored: outcome }); // not inside `?.()`, which would skip it
      exchange.confirm?.(seen);
    }
  }

  function leave(exchange: Exchange): void {
    exchange.cancelTimer?.();
    exchange.cancelTimer = undefined;
    if (exchanges.get(exchange.id) === exchange) exchanges.delete(exchange.id);
  }

  function release(exchange: Exchange): void {
    if (!exchange.waits || exchange.answer !== undefined) return;
    exchange.waits = false;
    leave(exchange);
    advance(exchange);
  }

  return {
    get size() {
      return exchanges.size;
    },
    open(id, shard, waitMs, conclude) {
      const exchange: Exchange = {
        id,
        shard,
        waits: waitMs !== undefined && !closed,
        outcome: undefined,
        answer: undefined,
        confirm: undefined,
        cancelTimer: undefined,
        conclude,
      };
      if (waitMs !== undefined && exchange.waits) {
        exchanges.set(id, exchange);
        exchange.cancelTimer = clock.after(waitMs, () => release(exchange));
      }
      return exchange;
    },
    settled(exchange, outcome) {
      exchange.outcome = outcome;
      // An event that an earlier process stored carries the answer subject of that process, so no answer will come to this one.
      if (outcome.kind === "stored" && outcome.number === undefined && exchange.answer === undefined)
        exchange.waits = false;
      advance(exchange);
    },
    answered(id, answer, confirm) {
      const exchange = exchanges.get(id);
      if (exchange === undefined || exchange.answer !== undefined) return false;
      if (answer.kind === "accepted") {
        release(exchange);
        return false;
      }
      exchange.answer = answer;
      exchange.confirm = confirm;
      exchange.cancelTimer?.();
      advance(exchange);
      return true;
    },
    release(shards) {
      for (const exchange of exchanges.values()) if (shards.includes(exchange.shard)) release(exchange);
    },
    close() {
      closed = true;
      for (const exchange of exchanges.values()) release(exchange);
    },
  };
}
