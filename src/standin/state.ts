import { randomBytes } from "node:crypto";
import type { Clock } from "../shared/base/clock.ts";
import { createPolls, type Polls } from "./polls.ts";
import { createRunners, type Runners } from "./runners.ts";
import { createRuns, type Runs } from "./runs.ts";
import { createSessions, type Session, type Sessions } from "./sessions.ts";
import { createBroadcaster, type Broadcaster } from "./sse.ts";

// sessions.ts sessions and events · event-window.ts what is kept of them · runs.ts runs · runners.ts registered runners
// polls.ts polls that wait for runs · sse.ts listeners

/** Everything that the coordinator knows, in memory. */
export type State = {
  sessions: Sessions;
  runs: Runs;
  runners: Runners;
  polls: Polls;
  broadcast: Broadcaster;
  newId(): string;
  /** The time of now, as the coordinator writes it. */
  stamp(): string;
  /** Tells listeners that a session has changed. */
  changed(session: Session): void;
  /** Sets a session's status and tells listeners; false for an unknown session. */
  setStatus(this: void, sessionId: string, status: string): boolean;
  /** As after a restart of the coordinator: runners are forgotten and polls ended, sessions and runs are kept. */
  restart(): void;
};

export function createState(deps: { clock: Clock; heartbeatMs: number }): State {
  const stamp = (aheadMs = 0): string =>
    new Date(deps.clock.wall() + aheadMs).toISOString().replace("Z", "000+00:00");
  const newId = (): string => randomBytes(6).toString("hex");
  const broadcast = createBroadcaster(deps);
  const sessions = createSessions(stamp);
  const polls = createPolls(deps.clock);
  const runs = createRuns({ stamp, newId, onNew: () => polls.wake() });
  const runners = createRunners({ clock: deps.clock, stamp });
  const changed = (session: Session): void =>
    broadcast.send("session_updated", session.session_id, { session });
  return {
    sessions,
    runs,
    runners,
    polls,
    broadcast,
    newId,
    stamp,
    changed,
    setStatus(sessionId, status) {
      const session = sessions.get(sessionId);
      if (session === undefined) return false;
      session.status = status;
      changed(session);
      return true;
    },
    restart() {
      polls.endAll();
      runners.forget();
      runs.restart();
    },
  };
}
