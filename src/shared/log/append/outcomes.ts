import { free } from "../../base/free.ts";
import type { Logger } from "../../base/logger.ts";
import { numberOfDuplicate, type Entry } from "./entry.ts";
import type { Outcome, Write, WriteFailure } from "./write.ts";

export type FailureCode = Exclude<WriteFailure, "session_backlog_full">;

/** Settles entries, each exactly once, and passes their outcomes on to the writes. */
export type Outcomes = {
  stored(entry: Entry, streamSeq: number, duplicate: boolean): void;
  failed(entry: Entry, code: FailureCode, detail: string): void;
  /** Another client's event is stored there, and this one nowhere: never a 2xx (DURABLE-1). */
  foreign(entry: Entry, streamSeq: number): void;
};

/** `noted` is given every outcome at once, for what it says of the log. */
export function createOutcomes(logger: Logger, noted: ((outcome: Outcome) => void) | undefined): Outcomes {
  const untold: { write: Write; outcome: Outcome }[] = [];

  function tell(): void {
    for (const { write, outcome } of untold.splice(0)) {
      try {
        write.settle(outcome);
      } catch (error) {
        // Whatever happens on the other side is no matter of the commit.
        logger.error({ err: error, event: write.id }, "the outcome of a write could not be passed on");
      }
    }
  }

  /**
   * Notes the outcome, to be told when the next commit is on its way: answering a few hundred requests takes milliseconds in which the
   * broker would have nothing to do. A tick comes after the whole cascade of promises that starts the next commit.
   */
  function settle(entry: Entry, outcome: Outcome): void {
    entry.settled = true;
    noted?.(outcome);
    if (untold.push({ write: entry.write, outcome }) === 1) process.nextTick(tell);
  }

  return {
    stored(entry, streamSeq, duplicate) {
      const number = duplicate ? numberOfDuplicate(entry) : entry.numbered?.number;
      if (entry.numbered !== undefined) free(entry.numbered.message.payload); // the broker has it
      settle(entry, { kind: "stored", streamSeq, duplicate, number });
    },
    failed(entry, code, detail) {
      settle(entry, { kind: "failed", code, detail });
    },
    foreign(entry, streamSeq) {
      logger.error(
        { code: "event_id_taken", event: entry.write.id, session: entry.session, seq: streamSeq },
        "the log already holds another event with the id of a new one",
      );
      settle(entry, {
        kind: "failed",
        code: "event_id_taken",
        detail: "the log holds another event with this id",
      });
    },
  };
}
