import { agentType, blueprintOf } from "./agent-routes.ts";
import { bodyOf, detail, done, json, NO_SESSION, type Call, type Reply } from "./call.ts";
import { RUN_FIELDS } from "./models.ts";
import type { Route } from "./router.ts";
import { shownRun, type Run } from "./runs.ts";
import type { State } from "./state.ts";
import { isObject, textOf, type JsonObject } from "./validation.ts";

export const NO_RUN: Reply = detail(404, "Run not found");

/** Runs as people and parents create them, look at them and stop them. */
export function runRoutes(state: State): Route[] {
  const { runs, runners, sessions } = state;

  function create(call: Call): Reply {
    const { body, refusal } = bodyOf(call, RUN_FIELDS);
    if (refusal) return refusal;
    const type = textOf(body, "type") ?? "";
    const asked = textOf(body, "session_id");
    const agent = textOf(body, "agent_name");
    const demands: JsonObject = { executor_type: agentType(agent), tags: [] };
    if (type === "resume_session") {
      const session = sessions.get(asked ?? "");
      if (session === undefined) return NO_SESSION;
      demands["hostname"] = session.hostname;
      demands["executor_profile"] = session.executor_profile;
    } else if (asked !== undefined && sessions.get(asked) !== undefined) {
      return detail(409, `Session '${asked}' already exists`);
    }
    const sessionId = asked ?? `ses_${state.newId()}`;
    const known = {
      agent_name: agent ?? null,
      project_dir: textOf(body, "project_dir") ?? null,
      parent_session_id: textOf(body, "parent_session_id") ?? null,
    };
    if (type !== "resume_session") {
      const session = sessions.create({ id: sessionId, status: "pending", ...known });
      state.broadcast.send("session_created", sessionId, { session });
    }
    const run = runs.create({
      type,
      session_id: sessionId,
      ...known,
      parameters: isObject(body["parameters"]) ? body["parameters"] : {},
      demands,
      execution_mode: textOf(body, "execution_mode") ?? "sync",
      scope: isObject(body["scope"]) ? body["scope"] : null,
      resolved_agent_blueprint: blueprintOf(agent) ?? null,
    });
    return done(201, { run_id: run.run_id, session_id: sessionId, status: run.status });
  }

  /** A stop is about the session's oldest run, even if a newer one is under way; so it is at the real one. */
  function stopSession(id: string): Reply {
    const session = sessions.get(id);
    if (session === undefined) return NO_SESSION;
    const { status } = session;
    const about = { ok: true, session_id: id };
    if (status === "stopping")
      return done(200, { ...about, status, message: "Session is already being stopped" });
    if (ENDED.includes(status)) return done(200, { ...about, status, message: `Session already ${status}` });
    const run = runs.firstOf(id);
    if (status === "idle") return stopIdle(id, run);
    if (run !== undefined && STOPPABLE.has(run.status)) return stopRun(run);
    if (status === "running") state.setStatus(id, "stopped");
    const stopped = { ...about, status: "stopped" };
    if (run === undefined)
      return done(200, { ...stopped, message: "No active run found - session marked as stopped" });
    const message = `Run already in ${run.status} state - session marked as stopped`;
    return done(200, { ...about, run_id: run.run_id, status: "stopped", message });
  }

  function stopIdle(id: string, run: Run | undefined): Reply {
    const about = { ok: true, session_id: id };
    if (run?.runner_id == null) {
      state.setStatus(id, "stopped");
      const message = "Idle session marked as stopped (no runner info)";
      return done(200, { ...about, status: "stopped", message });
    }
    if (!runners.addStop(run.runner_id, id)) return NOT_QUEUED;
    state.setStatus(id, "stopping");
    state.polls.wake();
    return done(200, { ...about, status: "stopping", message: "Stop command queued for idle session" });
  }

  function stopRun(run: Run): Reply {
    const about = { ok: true, run_id: run.run_id, session_id: run.session_id };
    if (run.status === "pending") {
      runs.setStatus(run, "stopped");
      state.setStatus(run.session_id, "stopped");
      return done(200, { ...about, status: "stopped", message: "Run cancelled before execution" });
    }
    if (!runners.addStop(run.runner_id ?? "", run.session_id)) return NOT_QUEUED;
    runs.setStatus(run, "stopping");
    state.setStatus(run.session_id, "stopping");
    state.polls.wake();
    return done(200, { ...about, status: "stopping" });
  }

  function list(call: Call): Reply {
    const status = call.query.get("status");
    const wanted = runs.list().filter((run) => !status || run.status === status);
    return json(200, { runs: wanted.map(shownRun) });
  }

  const withRun = (call: Call, answer: (run: Run) => Reply): Reply => {
    const run = runs.get(call.params[0] ?? "");
    return run === undefined ? NO_RUN : answer(run);
  };

  return [
    { method: "POST", path: "/runs", handle: create },
    { method: "GET", path: "/runs", handle: list },
    {
      method: "GET",
      path: "/runs/{run_id}",
      handle: (call) => withRun(call, (run) => json(200, shownRun(run))),
    },
    {
      method: "POST",
      path: "/runs/{run_id}/stop",
      handle: (call) => withRun(call, (run) => stopSession(run.session_id)),
    },
    {
      method: "POST",
      path: "/sessions/{session_id}/stop",
      handle: (call) => stopSession(call.params[0] ?? ""),
    },
  ];
}

const ENDED: readonly string[] = ["stopped", "finished", "failed"];
const STOPPABLE: ReadonlySet<Run["status"]> = new Set(["pending", "claimed", "running"]);
const NOT_QUEUED = detail(500, "Failed to queue stop command");
