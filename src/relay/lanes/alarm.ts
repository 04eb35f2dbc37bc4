import type { Clock } from "../../shared/base/clock.ts";
import type { HeldReason } from "../../shared/log/state/held.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { stoppedBy, type Gate } from "../coordinator/gate.ts";
import type { HeldSessions } from "./held-sessions.ts";

/** Between two log lines about what waits for an operator. */
const ALARM_MS = 60_000;
/** Most sessions that are named in one such line. */
const NAMED = 10;

/** Logs what waits for an operator, so that it is not forgotten. `idle` are sessions that are paused while nothing of them is held. */
export function createAlarm(deps: {
  clock: Clock;
  log: Logger;
  gate: Pick<Gate, "state">;
  held: Pick<HeldSessions, "list">;
}): (now: { counts: () => Record<HeldReason, number>; idle: () => string[] }) => void {
  const { clock, log, gate, held } = deps;
  let alarmAt = -Infinity;

  return function alarm({ counts, idle }) {
    if (clock.now() - alarmAt < ALARM_MS) return;
    const state = gate.state();
    const byHand = stoppedBy(state);
    const waiting = held.list().filter(({ record }) => record.reason !== "backlog");
    const { parked, paused: sessions } = counts();
    if (byHand === undefined && parked + sessions === 0) return;
    alarmAt = clock.now();
    if (state.phase === "paused" && byHand !== undefined) {
      const { since, text } = state;
      log.warn(
        { code: byHand, since: new Date(since).toISOString(), reason: text },
        "forwarding is still paused",
      );
    }
    if (parked + sessions === 0) return;
    const named = [...waiting.map(({ record }) => record.session), ...idle()].slice(0, NAMED);
    log.warn({ parked, paused: sessions, sessions: named }, "sessions wait for an operator");
  };
}
