import type { Attempt } from "../coordinator/client.ts";
import type { Entry } from "./lane.ts";

/** What a turn needs to know from outside. */
export type TurnContext = {
  /** This is the one attempt that the gate allows to find out. */
  probe: boolean;
  /** Did an operator pause the session or everything meanwhile? A token may take long, and what is not sent yet waits. */
  paused(): boolean;
  /** Announces the attempt, so that it can be ended early. */
  began(attempt: Attempt): void;
};

/** How an event ended (SETTLE-1); `gone`: it was deleted from the log. */
export type Ending = "delivered" | "superseded" | "dead" | "gone";

/** The outcome of one turn of a lane; the dispatcher does the rest. */
export type TurnOutcome =
  /** The entry is settled. */
  | { kind: "settled"; how: Ending }
  /**
   * Not now: wait and try again. `counts`: this is a failure of the lane, which may exhaust it. `together`: this number of events failed as one batch, and any
   * of them may be the reason; without it the head is the reason. `afterMs`: wait exactly this long.
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
  /** Some events of a batch are settled; `next` is the outcome for the others, the first of them in front. */
  | { kind: "batch"; settled: ReadonlyMap<Entry, Ending>; next: TurnOutcome | undefined };
