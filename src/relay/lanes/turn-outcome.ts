import type { Attempt } from "../coordinator/client.ts";
import type { Entry } from "./lane.ts";

/** What a turn needs to know of its surroundings. */
export type TurnContext = {
  /** This is the one attempt that the gate allows to find out. */
  probe: boolean;
  /** Did an operator pause the session or everything meanwhile? A token may take long, and what is not sent yet waits. */
  paused(): boolean;
  /** Tells of the attempt, so that it can be ended early. */
  began(attempt: Attempt): void;
};

/** How an event ended (SETTLE-1); `gone`: somebody deleted it from the log. */
export type Ending = "delivered" | "superseded" | "dead" | "gone";

/** What one turn of a lane came to; the dispatcher does the rest. */
export type TurnOutcome =
  /** The entry is settled. */
  | { kind: "settled"; how: Ending }
  /**
   * Not now: wait and try again. `counts`: the lane failed, and may be exhausted by it. `together`: so many failed as one, and any of them may be
   * the reason; else the head is. `afterMs`: exactly so long.
   */
  | {
      kind: "retry";
      reason: string;
      retryAfterMs?: number;
      afterMs?: number;
      counts: boolean;
      together?: number;
    }
  /** Nothing was tried; at once again, or when the gate opens. */
  | { kind: "again" }
  /** This relay may not send for the lane's shard right now. */
  | { kind: "fenced" }
  | { kind: "park"; reason: string }
  /** Some of a batch are settled; `next` is what becomes of the others, the first of them in front. */
  | { kind: "batch"; settled: ReadonlyMap<Entry, Ending>; next: TurnOutcome | undefined };
