import {
  bodyOf,
  detail,
  done,
  json,
  NO_CONTENT,
  OK,
  invalid,
  NO_SESSION,
  type Call,
  type Outcome,
  type Reply,
} from "./call.ts";
import type { Clock } from "../shared/clock.ts";
import { agentType } from "./agent-routes.ts";
import {
  REGISTER_FIELDS,
  RUN_FAILED_FIELDS,
  RUN_FIELDS,
  RUNNER_ID_FIELDS,
  SESSION_STATUS_FIELDS,
} from "./models.ts";
import type { Route } from "./router.ts";
import { shownRun, type Run } from "./runs.ts";
import type { State } from "./state.ts";
import { isObject, missingQuery, textOf, type JsonObject } from "./validation.ts";

const NOT_REGISTERED = detail(401, "Runner not registered");
const NO_RUN = detail(404, "Run not found");
const HEARTBEAT_S = 60;
const REPORTS = ["started", "completed", "failed", "stopped"] as const;
type RunReport = (typeof REPORTS)[number];

/** Runs as people and parents create them, and as runners take them and report on them. */
export function runRoutes(state: State, deps: { clock: Clock; pollMs: number }): Route[] {
  const { runs, sessions } = state;

  function create(call: Call): Reply {
    const { body, refusal } = bodyOf(call, RUN_FIELDS);
    if (refusal) return refusal;
    const type = textOf(body, "type") ?? "";
    const asked = textOf(body, "session_id");
    const demands: JsonObject = { executor_type: agentType(textOf(body, "agent_name")), tags: [] };
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
      agent_name: textOf(body, "agent_name") ?? null,
      project_dir: textOf(body, "project_dir") ?? null,
      parent_session_id: textOf(body, "parent_session_id") ?? null,
    };
    if (type !== "resume_session") {
      const session = sessions.create({ id: sessionId, status: "pending", ...known });
      state.broadcast.send("session_created", sessionId, { session });
    }
    const parameters = isObject(body["parameters"]) ? body["parameters"] : {};
    const mode = textOf(body, "execution_mode") ?? "sync";
    const run = runs.create({
      type,
      session_id: sessionId,
      ...known,
      parameters,
      demands,
      execution_mode: mode,
    });
    return done(201, { run_id: run.run_id, session_id: sessionId, status: run.status });
  }

  function register(call: Call): Reply {
    const { body, refusal } = bodyOf(call, REGISTER_FIELDS);
    if (refusal) return refusal;
    const executor = isObject(body["executor"]) ? body["executor"] : {};
    const runner = runs.register(
      {
        hostname: textOf(body, "hostname") ?? "",
        executor_profile: textOf(body, "executor_profile") ?? "",
        executor_type: textOf(executor, "type") ?? "autonomous",
      },
      textOf(body, "project_dir") ?? "",
    );
    return done(200, {
      runner_id: runner.runner_id,
      poll_endpoint: "/runner/runs",
      poll_timeout_seconds: deps.pollMs / 1000,
      heartbeat_interval_seconds: HEARTBEAT_S,
    });
  }

  function poll(call: Call): Outcome {
    const id = call.query.get("runner_id");
    if (id === null) return invalid([missingQuery("runner_id")]);
    const runner = runs.runner(id);
    if (runner === undefined) return NOT_REGISTERED;
    const ready = runs.claim(runner);
    if (ready !== undefined) return done(200, { run: ready });
    return new Promise<Reply>((resolve) => {
      const finish = (reply: Reply): void => {
        cancel();
        stopListening();
        resolve(reply);
      };
      const cancel = deps.clock.after(deps.pollMs, () => finish(NO_CONTENT));
      const stopListening = runs.onNew(() => {
        if (call.response.socket?.destroyed) return; // gone, though nobody told us yet
        const run = runs.claim(runner);
        if (run !== undefined) finish(done(200, { run }));
      });
      // who has gone away must not take a run with them
      call.response.on("close", () => finish(NO_CONTENT));
    });
  }

  function report(call: Call, kind: RunReport): Reply {
    const { body, refusal } = bodyOf(call, kind === "failed" ? RUN_FAILED_FIELDS : RUNNER_ID_FIELDS);
    if (refusal) return refusal;
    if (runs.runner(textOf(body, "runner_id") ?? "") === undefined) return NOT_REGISTERED;
    const run = runs.get(call.params[0] ?? "");
    if (run === undefined) return NO_RUN;
    const effect = EFFECTS[kind];
    run.status = effect.run;
    if (kind === "failed") run.error = textOf(body, "error") ?? null;
    if (kind === "started") run.started_at = state.stamp();
    else run.completed_at = state.stamp();
    if (effect.event !== undefined) {
      const { session_id } = run;
      sessions.addEvent(session_id, { event_type: effect.event, session_id, timestamp: state.stamp() });
    }
    if (effect.session !== undefined) setStatus(run.session_id, effect.session);
    return OK;
  }

  function setStatus(sessionId: string, status: string): boolean {
    const session = sessions.get(sessionId);
    if (session === undefined) return false;
    session.status = status;
    state.changed(session);
    return true;
  }

  function sessionStatus(call: Call): Reply {
    const { body, refusal } = bodyOf(call, SESSION_STATUS_FIELDS);
    if (refusal) return refusal;
    if (runs.runner(textOf(body, "runner_id") ?? "") === undefined) return NOT_REGISTERED;
    return setStatus(call.params[0] ?? "", textOf(body, "status") ?? "") ? OK : NO_SESSION;
  }

  function heartbeat(call: Call): Reply {
    const { body, refusal } = bodyOf(call, RUNNER_ID_FIELDS);
    if (refusal) return refusal;
    return runs.runner(textOf(body, "runner_id") ?? "") === undefined ? NOT_REGISTERED : OK;
  }

  function list(call: Call): Reply {
    const status = call.query.get("status");
    const wanted = runs.list().filter((run) => status === null || run.status === status);
    return json(200, { runs: wanted.map(shownRun) });
  }

  return [
    { method: "POST", path: "/runner/heartbeat", handle: heartbeat },
    { method: "GET", path: "/runner/runs", handle: poll },
    { method: "POST", path: "/runner/register", handle: register },
    ...REPORTS.map((kind) => ({
      method: "POST",
      path: `/runner/runs/{run_id}/${kind}`,
      handle: (call: Call) => report(call, kind),
    })),
    { method: "POST", path: "/runner/sessions/{session_id}/status", handle: sessionStatus },
    { method: "POST", path: "/runs", handle: create },
    { method: "GET", path: "/runs", handle: list },
    {
      method: "GET",
      path: "/runs/{run_id}",
      handle: (call) => {
        const run = runs.get(call.params[0] ?? "");
        return run === undefined ? NO_RUN : json(200, shownRun(run));
      },
    },
  ];
}

/** What a report makes of the run and its session, and the event that the coordinator itself adds then. */
const EFFECTS: Record<RunReport, { run: Run["status"]; session?: string; event?: string }> = {
  started: { run: "running", event: "run_start" },
  completed: { run: "completed", session: "finished", event: "run_completed" },
  failed: { run: "failed", session: "failed" },
  stopped: { run: "stopped", session: "stopped" },
};
