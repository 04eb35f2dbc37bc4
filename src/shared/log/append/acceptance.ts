import type { Clock } from "../../base/clock.ts";
import type { HttpErrorCode } from "../../base/errors.ts";
import type { Outcome } from "./write.ts";

/**
 * How long a log that has reached its byte limit counts as full after it said so last: pruning or widening makes room, and only a write shows
 * it. As long as the refusal's own `Retry-After`.
 */
const FULL_MS = 30_000;

/** Why the log takes no writes now. */
export type Refusal = { code: HttpErrorCode; detail: string };

/** Whether the log takes writes, by what became of the last ones: a connection that stands says nothing of a disk that is full. */
export type Acceptance = {
  noted(outcome: Outcome): void;
  /** Undefined: it takes them, as far as is known. */
  refusal(): Refusal | undefined;
};

type State =
  | { phase: "taking" }
  /** `until`: monotonic; a log that does not answer stays so until it stores something or is connected anew. */
  | { phase: "refusing"; refusal: Refusal; until: number; connection: number };

/** How long a failed write says that others would fail too, milliseconds; undefined: it says nothing of others. Pure. */
export function refusesFor(code: HttpErrorCode): number | undefined {
  if (code === "log_full") return FULL_MS;
  // After a full disk a stream answers nothing until its broker is started again, also when there is room.
  return code === "log_unreachable" ? Infinity : undefined;
}

export function createAcceptance(deps: {
  clock: Clock;
  /** Counts connections to the broker. */
  connection: () => number;
}): Acceptance {
  const { clock, connection } = deps;
  let state: State = { phase: "taking" };
  return {
    noted(outcome) {
      if (outcome.kind === "stored") {
        state = { phase: "taking" };
        return;
      }
      const { code, detail } = outcome;
      const ms = refusesFor(code);
      if (ms === undefined) return;
      state = {
        phase: "refusing",
        refusal: { code, detail },
        until: clock.now() + ms,
        connection: connection(),
      };
    },
    refusal() {
      if (state.phase === "taking") return undefined;
      if (clock.now() < state.until && connection() === state.connection) return state.refusal;
      state = { phase: "taking" };
      return undefined;
    },
  };
}
