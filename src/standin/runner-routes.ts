import {
  bodyOf,
  detail,
  done,
  json,
  OK,
  invalid,
  NO_SESSION,
  type Call,
  type Outcome,
  type Reply,
} from "./call.ts";
import {
  REGISTER_FIELDS,
  RUN_COMPLETED_FIELDS,
  RUN_FAILED_FIELDS,
  RUNNER_ID_FIELDS,
  SESSION_STATUS_FIELDS,
} from "./models.ts";
import type { Route } from "./router.ts";
import { NO_RUN } from "./run-routes.ts";
import type { Run } from "./runs.ts";
import type { State } from "./state.ts";
import { isObject, missingQuery, textOf, type JsonObject } from "./validation.ts";

const NOT_REGISTERED = detail(401, "Runner not registered");
const HEARTBEAT_S = 60;
const REPORTS = ["started", "completed", "failed", "stopped"] as const;
type RunReport = (typeof REPORTS)[number];
const SESSION_ENDS = ["finished", "failed", "stopped"];
/** What the framework takes for a true query parameter. */
const TRUE = /^(?:true|1|on|t|yes|y)$/i;

export type RunnerRouteOptions = {
  /** A poll without work is answered after this long. */
  pollMs: number;
  /**
   * The real one does not notice that a poll's client left: the handler goes on for the rest of its time and may take a run, which
   * nobody gets then. Off, a poll ends with its connection: people who end their runner and start it again lose no run.
   */
  ghostPolls: boolean;
};

/** Runners as they register, poll, report and leave. */
export function runnerRoutes(state: State, options: RunnerRouteOptions): Route[] {
  const { runs, runners, sessions, setStatus } = state;

  function removeSilent(): void {
    for (const silent of runners.removeSilent()) failRunsOf(silent);
  }

  function known(id: string): boolean {
    removeSilent();
    return runners.get(id) !== undefined;
  }

  function failRunsOf(id: string): void {
    for (const run of runs.failOf(id)) setStatus(run.session_id, "failed");
  }

  function register(call: Call): Reply {
    const { body, refusal } = bodyOf(call, REGISTER_FIELDS);
    if (refusal) return refusal;
    const identity = {
      hostname: textOf(body, "hostname") ?? "",
      project_dir: textOf(body, "project_dir") ?? "",
      executor_profile: textOf(body, "executor_profile") ?? "",
    };
    const tags = Array.isArray(body["tags"]) ? body["tags"].filter((tag) => typeof tag === "string") : [];
    const executor = isObject(body["executor"]) ? body["executor"] : {};
    removeSilent();
    const result = runners.register({
      ...identity,
      executor,
      tags,
      require_matching_tags: body["require_matching_tags"] === true,
    });
    if (result.kind === "duplicate") {
      const { hostname, project_dir, executor_profile } = identity;
      const who = `(${hostname}, ${project_dir}, ${executor_profile})`;
      return json(409, {
        detail: {
          error: "duplicate_runner",
          message: `Runner with identity ${who} is already registered and online as ${result.id}`,
          runner_id: result.id,
          ...identity,
        },
      });
    }
    return done(200, {
      runner_id: result.runner.runner_id,
      poll_endpoint: "/runner/runs",
      poll_timeout_seconds: options.pollMs / 1000,
      heartbeat_interval_seconds: HEARTBEAT_S,
    });
  }

  function poll(call: Call): Outcome {
    const id = call.query.get("runner_id");
    if (id === null) return invalid([missingQuery("runner_id")]);
    if (runners.takeMark(id)) return DEREGISTERED;
    const runner = known(id) ? runners.get(id) : undefined;
    if (runner === undefined) return NOT_REGISTERED;
    const held = state.polls.hold(() => {
      if (!options.ghostPolls && call.response.socket?.destroyed) return undefined; // gone, though nobody told us yet
      const stops = runners.takeStops(id);
      if (stops.length > 0) return done(200, { stop_sessions: stops });
      if (runners.takeMark(id)) return DEREGISTERED;
      // also for a runner that was removed meanwhile, as at the real one
      const run = runs.claim(runner);
      return run && done(200, { run });
    }, options.pollMs);
    if (!options.ghostPolls) call.response.on("close", () => held.end());
    return held.reply;
  }

  function report(call: Call, kind: RunReport): Reply {
    const { body, refusal } = bodyOf(call, REPORT_FIELDS[kind]);
    if (refusal) return refusal;
    if (!known(textOf(body, "runner_id") ?? "")) return NOT_REGISTERED;
    const run = runs.get(call.params[0] ?? "");
    if (run === undefined) return NO_RUN;
    runs.setStatus(run, RUN_STATUS[kind], textOf(body, "error"));
    const next = sessionStatusAfter(kind, body, sessions.get(run.session_id)?.status);
    if (next !== undefined) setStatus(run.session_id, next);
    const event_type = OWN_EVENTS[kind];
    const { session_id } = run;
    if (event_type !== undefined)
      sessions.addEvent(session_id, { event_type, session_id, timestamp: state.stamp() });
    return OK;
  }

  function sessionStatus(call: Call): Reply {
    const { body, refusal } = bodyOf(call, SESSION_STATUS_FIELDS);
    if (refusal) return refusal;
    if (!known(textOf(body, "runner_id") ?? "")) return NOT_REGISTERED;
    const id = call.params[0] ?? "";
    const status = textOf(body, "status") ?? "";
    if (sessions.get(id) === undefined) return NO_SESSION;
    if (!SESSION_ENDS.includes(status))
      return detail(400, "Status must be 'finished', 'failed', or 'stopped'");
    setStatus(id, status);
    return OK;
  }

  function heartbeat(call: Call): Reply {
    const { body, refusal } = bodyOf(call, RUNNER_ID_FIELDS);
    if (refusal) return refusal;
    const id = textOf(body, "runner_id") ?? "";
    return known(id) && runners.heartbeat(id) ? OK : NOT_REGISTERED;
  }

  function deregister(call: Call): Reply {
    const id = call.params[0] ?? "";
    if (!known(id)) return detail(404, "Runner not found");
    if (!TRUE.test(call.query.get("self") ?? "")) {
      runners.mark(id);
      state.polls.wake();
      return done(200, { ok: true, message: "Runner marked for deregistration", initiated_by: "external" });
    }
    runners.remove(id);
    failRunsOf(id);
    for (const session of runs.lastServedBy(id))
      if (sessions.get(session)?.status === "idle") setStatus(session, "finished");
    return done(200, { ok: true, message: "Runner deregistered", initiated_by: "self" });
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
    { method: "GET", path: "/runners", handle: () => json(200, { runners: runners.list() }) },
    { method: "DELETE", path: "/runners/{runner_id}", handle: deregister },
  ];
}

const DEREGISTERED = done(200, { deregistered: true });

const REPORT_FIELDS = {
  started: RUNNER_ID_FIELDS,
  completed: RUN_COMPLETED_FIELDS,
  failed: RUN_FAILED_FIELDS,
  stopped: RUNNER_ID_FIELDS,
} as const;

const RUN_STATUS = {
  started: "running",
  completed: "completed",
  failed: "failed",
  stopped: "stopped",
} as const satisfies Record<RunReport, Run["status"]>;

/** The events that the coordinator itself adds at a report. */
const OWN_EVENTS: Partial<Record<RunReport, string>> = {
  started: "run_start",
  completed: "run_completed",
};

/** What a report makes of its run's session; undefined where nothing. Pure. */
function sessionStatusAfter(kind: RunReport, body: JsonObject, now: string | undefined): string | undefined {
  if (kind === "started") return now === "idle" ? "running" : undefined;
  if (kind === "completed") return textOf(body, "session_status") ?? "finished";
  return RUN_STATUS[kind];
}
