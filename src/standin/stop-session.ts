import { detail, done, NO_SESSION, type Reply } from "./call.ts";
import type { Run } from "./runs.ts";
import type { State } from "./state.ts";

const ENDED: readonly string[] = ["stopped", "finished", "failed"];
const STOPPABLE: ReadonlySet<Run["status"]> = new Set(["pending", "claimed", "running"]);
const NOT_QUEUED = detail(500, "Failed to queue stop command");

/** Stops a session. That stops its oldest run, even if a newer one is under way, like in the real coordinator. */
export function stopSession(state: State, id: string): Reply {
  const { runs, sessions } = state;
  const session = sessions.get(id);
  if (session === undefined) return NO_SESSION;
  const { status } = session;
  const about = { ok: true, session_id: id };
  if (status === "stopping")
    return done(200, { ...about, status, message: "Session is already being stopped" });
  if (ENDED.includes(status)) return done(200, { ...about, status, message: `Session already ${status}` });
  const run = runs.firstOf(id);
  if (status === "idle") return stopIdle(state, id, run);
  if (run !== undefined && STOPPABLE.has(run.status)) return stopRun(state, run);
  if (status === "running") state.setStatus(id, "stopped");
  const stopped = { ...about, status: "stopped" };
  if (run === undefined)
    return done(200, { ...stopped, message: "No active run found - session marked as stopped" });
  const message = `Run already in ${run.status} state - session marked as stopped`;
  return done(200, { ...about, run_id: run.run_id, status: "stopped", message });
}

function stopIdle(state: State, id: string, run: Run | undefined): Reply {
  const about = { ok: true, session_id: id };
  if (run?.runner_id == null) {
    state.setStatus(id, "stopped");
    const message = "Idle session marked as stopped (no runner info)";
    return done(200, { ...about, status: "stopped", message });
  }
  if (!state.runners.addStop(run.runner_id, id)) return NOT_QUEUED;
  state.setStatus(id, "stopping");
  state.polls.wake();
  return done(200, { ...about, status: "stopping", message: "Stop command queued for idle session" });
}

function stopRun(state: State, run: Run): Reply {
  const about = { ok: true, run_id: run.run_id, session_id: run.session_id };
  if (run.status === "pending") {
    state.runs.setStatus(run, "stopped");
    state.setStatus(run.session_id, "stopped");
    return done(200, { ...about, status: "stopped", message: "Run cancelled before execution" });
  }
  if (!state.runners.addStop(run.runner_id ?? "", run.session_id)) return NOT_QUEUED;
  state.runs.setStatus(run, "stopping");
  state.setStatus(run.session_id, "stopping");
  state.polls.wake();
  return done(200, { ...about, status: "stopping" });
}
