import { bodyOf, detail, done, invalid, json, OK, type Call, type Outcome, type Reply } from "./call.ts";
import { REGISTER_FIELDS, RUNNER_ID_FIELDS } from "./models.ts";
import { NOT_REGISTERED, reportRoutes } from "./report-routes.ts";
import type { Route } from "./router.ts";
import type { Runners } from "./runners.ts";
import type { State } from "./state.ts";
import { isObject, missingQuery, textOf } from "./validation.ts";

const HEARTBEAT_S = 60;
const DEREGISTERED = done(200, { deregistered: true });
/** What the framework takes for a true query parameter. */
const TRUE = /^(?:true|1|on|t|yes|y)$/i;

export type RunnerRouteOptions = {
  /** A poll without work is answered after this long. */
  pollMs: number;
  /**
   * The real coordinator does not notice that a poll's client left: the handler runs for the rest of its time and may take a run, which then
   * reaches no runner. If this is off, a poll ends with its connection, so that people who restart their runner lose no run.
   */
  ghostPolls: boolean;
};

/** Runners as they register, poll, report and leave. */
export function runnerRoutes(state: State, options: RunnerRouteOptions): Route[] {
  const { runs, runners, sessions, setStatus } = state;

  const { removeSilent, known, failRunsOf } = lossesOf(state);

  function poll(call: Call): Outcome {
    const id = call.query.get("runner_id");
    if (id === null) return invalid([missingQuery("runner_id")]);
    if (runners.takeMark(id)) return DEREGISTERED;
    const runner = known(id) ? runners.get(id) : undefined;
    if (runner === undefined) return NOT_REGISTERED;
    const held = state.polls.hold(() => {
      if (!options.ghostPolls && call.response.socket?.destroyed) return undefined; // the client is gone, and its `close` event has not come yet
      const stops = runners.takeStops(id);
      if (stops.length > 0) return done(200, { stop_sessions: stops });
      if (runners.takeMark(id)) return DEREGISTERED;
      // also for a runner that was removed meanwhile, like the real coordinator
      const run = runs.claim(runner);
      return run && done(200, { run });
    }, options.pollMs);
    if (!options.ghostPolls) call.response.on("close", () => held.end());
    return held.reply;
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
    {
      method: "POST",
      path: "/runner/register",
      handle(call) {
        removeSilent();
        return register(runners, call, options.pollMs);
      },
    },
    ...reportRoutes(state, known),
    { method: "GET", path: "/runners", handle: () => json(200, { runners: runners.list() }) },
    { method: "DELETE", path: "/runners/{runner_id}", handle: deregister },
  ];
}

function register(runners: Runners, call: Call, pollMs: number): Reply {
  const { body, refusal } = bodyOf(call, REGISTER_FIELDS);
  if (refusal) return refusal;
  const identity = {
    hostname: textOf(body, "hostname") ?? "",
    project_dir: textOf(body, "project_dir") ?? "",
    executor_profile: textOf(body, "executor_profile") ?? "",
  };
  const tags = Array.isArray(body["tags"]) ? body["tags"].filter((tag) => typeof tag === "string") : [];
  const executor = isObject(body["executor"]) ? body["executor"] : {};
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
    poll_timeout_seconds: pollMs / 1000,
    heartbeat_interval_seconds: HEARTBEAT_S,
  });
}

/** Notices at each request which runners were silent for too long, and fails the runs of runners that are gone. */
function lossesOf({ runs, runners, setStatus }: State) {
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

  return { removeSilent, known, failRunsOf };
}
