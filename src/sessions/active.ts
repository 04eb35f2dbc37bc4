import type { JetStreamManager } from "@nats-io/jetstream";
import type { Clock } from "../shared/base/clock.ts";
import { unfinishedSessions } from "../shared/session-log/turns/unfinished.ts";

/** How long an answer is used again: health is asked by many, and the broker looks through its index. */
const KEPT_MS = 2000;

/** Counts the sessions that have turns which have not ended. Undefined if the broker does not say. */
export function createActive({
  jsm,
  clock,
}: {
  jsm: JetStreamManager;
  clock: Clock;
}): () => Promise<number | undefined> {
  let asked = { at: -Infinity, answer: Promise.resolve<number | undefined>(undefined) };
  return () => {
    if (clock.now() - asked.at >= KEPT_MS) {
      const answer = unfinishedSessions(jsm).then(
        (names) => names.length,
        () => undefined,
      );
      asked = { at: clock.now(), answer };
    }
    return asked.answer;
  };
}
