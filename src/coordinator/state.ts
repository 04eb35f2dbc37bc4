import { randomBytes } from "node:crypto";
import type { Clock } from "../shared/clock.ts";
import { createRuns, type Runs } from "./runs.ts";
import { createSessions, type Session, type Sessions } from "./sessions.ts";
import { createBroadcaster, type Broadcaster } from "./sse.ts";

// sessions.ts sessions and events · event-window.ts what is kept of them · runs.ts runs and runners · sse.ts who listens

/** Everything that the coordinator knows, in memory. */
export type State = {
  sessions: Sessions;
  runs: Runs;
  broadcast: Broadcaster;
  newId(): string;
  /** The time of now, as the coordinator writes it. */
  stamp(): string;
  /** Tells those who listen that a session has changed. */
  changed(session: Session): void;
};

export function createState(deps: { clock: Clock; heartbeatMs: number }): State {
  const stamp = (aheadMs = 0): string =>
    new Date(deps.clock.wall() + aheadMs).toISOString().replace("Z", "000+00:00");
  const newId = (): string => randomBytes(6).toString("hex");
  const broadcast = createBroadcaster(deps);
  return {
    sessions: createSessions(stamp),
    runs: createRuns({ stamp, newId }),
    broadcast,
    newId,
    stamp,
    changed(session) {
      broadcast.send("session_updated", session.session_id, { session });
    },
  };
}
