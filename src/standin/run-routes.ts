import { agentType, blueprintOf } from "./agent-routes.ts";
import { bodyOf, detail, done, json, NO_SESSION, type Call, type Reply } from "./call.ts";
import { RUN_FIELDS } from "./models.ts";
import type { Route } from "./router.ts";
import { shownRun, type Run } from "./runs.ts";
import type { State } from "./state.ts";
import { stopSession } from "./stop-session.ts";
import { isObject, textOf, type JsonObject } from "./validation.ts";

export const NO_RUN: Reply = detail(404, "Run not found");

/** Runs as people and parents create them, look at them and stop them. */
export function runRoutes(state: State): Route[] {
  const { runs } = state;

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
    { method: "POST", path: "/runs", handle: (call) => create(state, call) },
    { method: "GET", path: "/runs", handle: list },
    {
      method: "GET",
      path: "/runs/{run_id}",
      handle: (call) => withRun(call, (run) => json(200, shownRun(run))),
    },
    {
      method: "POST",
      path: "/runs/{run_id}/stop",
      handle: (call) => withRun(call, (run) => stopSession(state, run.session_id)),
    },
    {
      method: "POST",
      path: "/sessions/{session_id}/stop",
      handle: (call) => stopSession(state, call.params[0] ?? ""),
    },
  ];
}

function create(state: State, call: Call): Reply {
  const { runs, sessions } = state;
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
