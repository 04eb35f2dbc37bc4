import type { Clock } from "../../shared/base/clock.ts";
import type { HttpErrorCode } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import type { RelayState } from "../../shared/messages/relay-state.ts";
import { breaksTheWay } from "./verdict.ts";

/** The way to the coordinator, as far as it is ours: the broker and a relay. Whether the coordinator itself is well does not count. */
export type Way = {
  readonly broken: boolean;
  failed(code: HttpErrorCode): void;
  /** A relay published its state, so the broker is up and requests are taken. */
  heard(state: RelayState): void;
};

type Phase = { phase: "open" } | { phase: "broken"; since: number };

/** Logs once when runners are answered by the gateway, and once when that is over. */
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
      logger.warn({ code }, "lost the connection to the coordinator; the gateway answers runners meanwhile");
    },
    heard({ stopping }) {
      if (state.phase === "open" || stopping === true) return;
      const ms = Math.round(clock.now() - state.since);
      state = { phase: "open" };
      logger.info({ ms }, "the connection to the coordinator is back");
    },
  };
}
