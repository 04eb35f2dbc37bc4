import type { Clock } from "../../shared/base/clock.ts";
import type { Answer } from "../../shared/messages/answer.ts";
import type { Outcome } from "../../shared/log/append/write.ts";

export type StoredOutcome = Extract<Outcome, { kind: "stored" }>;
export type CoordinatorAnswer = Extract<Answer, { kind: "answer" }>;

/** The answer that an executor gets in the end. */
export type Conclusion =
  | { kind: "accepted"; stored: StoredOutcome }
  | { kind: "answer"; answer: CoordinatorAnswer; stored: StoredOutcome }
  | { kind: "failed"; outcome: Extract<Outcome, { kind: "failed" }> };

/**
 * One write, from its acceptance until its executor has an answer. Two things must come together, in either order: the log's word that
 * it is stored (DURABLE-1: no answer is given before it), and the coordinator's answer, or the end of the wait for it.
 */
export type PendingWrite = {
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

/** The writes that wait for the coordinator's answer. */
export type Waiting = {
  readonly size: number;
  /** Begins a pending write; with `waitMs` it waits for the coordinator's answer at most that long. */
  open(
    id: string,
    shard: number,
    waitMs: number | undefined,
    conclude: PendingWrite["conclude"],
  ): PendingWrite;
  /** The log has stored the event, or refused it. */
  settled(pending: PendingWrite, outcome: Outcome): void;
  /** A relay sent the coordinator's answer. False if no write with this id waits. */
  answered(id: string, answer: Answer, confirm: ((seen: boolean) => void) | undefined): boolean;
  /** Ends the wait for everything of these shards. */
  release(shards: readonly number[]): void;
  /** Ends every wait, and begins none any more: later writes are answered as soon as they are stored. */
  close(): void;
};

// oxlint-disable-next-line max-lines-per-function -- each method is short; together they are the ways in which one pending write can end
export function createWaiting(clock: Clock): Waiting {
  const writes = new Map<string, PendingWrite>();
  let closed = false;

  /** Concludes if both things are there. */
  function advance(pending: PendingWrite): void {
    const { outcome, answer } = pending;
    if (outcome === undefined) return;
    if (outcome.kind === "stored" && pending.waits && answer === undefined) return;
    leave(pending);
    if (outcome.kind === "failed") {
      pending.conclude({ kind: "failed", outcome });
      pending.confirm?.(false);
    } else if (answer === undefined) pending.conclude({ kind: "accepted", stored: outcome });
    else {
      const seen = pending.conclude({ kind: "answer", answer, stored: outcome }); // not inside `?.()`, which would skip it
      pending.confirm?.(seen);
    }
  }

  function leave(pending: PendingWrite): void {
    pending.cancelTimer?.();
    pending.cancelTimer = undefined;
    if (writes.get(pending.id) === pending) writes.delete(pending.id);
  }

  function release(pending: PendingWrite): void {
    if (!pending.waits || pending.answer !== undefined) return;
    pending.waits = false;
    leave(pending);
    advance(pending);
  }

  return {
    get size() {
      return writes.size;
    },
    open(id, shard, waitMs, conclude) {
      const pending: PendingWrite = {
        id,
        shard,
        waits: waitMs !== undefined && !closed,
        outcome: undefined,
        answer: undefined,
        confirm: undefined,
        cancelTimer: undefined,
        conclude,
      };
      if (waitMs !== undefined && pending.waits) {
        writes.set(id, pending);
        pending.cancelTimer = clock.after(waitMs, () => release(pending));
      }
      return pending;
    },
    settled(pending, outcome) {
      pending.outcome = outcome;
      // An event that an earlier process stored carries the answer subject of that process, so no answer will come to this one.
      if (outcome.kind === "stored" && outcome.number === undefined && pending.answer === undefined)
        pending.waits = false;
      advance(pending);
    },
    answered(id, answer, confirm) {
      const pending = writes.get(id);
      if (pending === undefined || pending.answer !== undefined) return false;
      if (answer.kind === "accepted") {
        release(pending);
        return false;
      }
      pending.answer = answer;
      pending.confirm = confirm;
      pending.cancelTimer?.();
      advance(pending);
      return true;
    },
    release(shards) {
      for (const pending of writes.values()) if (shards.includes(pending.shard)) release(pending);
    },
    close() {
      closed = true;
      for (const pending of writes.values()) release(pending);
    },
  };
}
