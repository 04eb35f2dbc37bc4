import type { Clock } from "../../shared/base/clock.ts";
import type { HttpErrorCode } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import type { RelayState } from "../../shared/messages/relay-state.ts";
import { breaksTheWay } from "./verdict.ts";

/** The way from here to the coordinator's door: broker and a relay. What is behind the door is not our business. */
export type Way = {
  readonly broken: boolean;
  failed(code: HttpErrorCode): void;
  /** A relay told of itself: the log is up, and somebody takes requests. */
  heard(state: RelayState): void;
};

type Phase = { phase: "open" } | { phase: "broken"; since: number };

/** Says once that runners are shielded, and once that it is over. */
export function createWay(deps: { clock: Clock; logger: Logger }): Way {
  const { clock, logger } = deps;
  let state: Phase = { phase: "open" };
  return {
    get broken() {
      return state.phase === "broken";
    },
    failed(code) {
      if (state.phase === "broken" || !breaksTheWay(code)) return;
      state = { phase: "broken", since: clock.now() };
      logger.warn({ code }, "the way to the coordinator is broken: runners are answered by the gateway");
    },
    heard({ stopping }) {
      if (state.phase === "open" || stopping === true) return;
      const ms = Math.round(clock.now() - state.since);
      state = { phase: "open" };
      logger.info({ ms }, "the way to the coordinator is back");
    },
  };
}
