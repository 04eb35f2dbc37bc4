import { bodyOf, detail, NO_SESSION, OK, type Call, type Reply } from "./call.ts";
import {
  RUN_COMPLETED_FIELDS,
  RUN_FAILED_FIELDS,
  RUNNER_ID_FIELDS,
  SESSION_STATUS_FIELDS,
} from "./models.ts";
import type { Route } from "./router.ts";
import { NO_RUN } from "./run-routes.ts";
import type { Run } from "./runs.ts";
import type { State } from "./state.ts";
import { textOf, type JsonObject } from "./validation.ts";

export const NOT_REGISTERED: Reply = detail(401, "Runner not registered");
const REPORTS = ["started", "completed", "failed", "stopped"] as const;
type RunReport = (typeof REPORTS)[number];
const SESSION_ENDS = ["finished", "failed", "stopped"];

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

/** Is a runner with this id registered? */
type Known = (runner: string) => boolean;

/** What runners report of their runs and sessions. */
export function reportRoutes(state: State, known: Known): Route[] {
  return [
    ...REPORTS.map((kind) => ({
      method: "POST",
      path: `/runner/runs/{run_id}/${kind}`,
      handle: (call: Call) => report(state, call, kind, known),
    })),
    {
      method: "POST",
      path: "/runner/sessions/{session_id}/status",
      handle: (call) => sessionStatus(state, call, known),
    },
  ];
}

function report(state: State, call: Call, kind: RunReport, known: Known): Reply {
  const { runs, sessions, setStatus } = state;
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

/** What a report makes of its run's session; undefined where nothing. Pure. */
function sessionStatusAfter(kind: RunReport, body: JsonObject, now: string | undefined): string | undefined {
  if (kind === "started") return now === "idle" ? "running" : undefined;
  if (kind === "completed") return textOf(body, "session_status") ?? "finished";
  return RUN_STATUS[kind];
}

function sessionStatus({ sessions, setStatus }: State, call: Call, known: Known): Reply {
  const { body, refusal } = bodyOf(call, SESSION_STATUS_FIELDS);
  if (refusal) return refusal;
  if (!known(textOf(body, "runner_id") ?? "")) return NOT_REGISTERED;
  const id = call.params[0] ?? "";
  const status = textOf(body, "status") ?? "";
  if (sessions.get(id) === undefined) return NO_SESSION;
  if (!SESSION_ENDS.includes(status)) return detail(400, "Status must be 'finished', 'failed', or 'stopped'");
  setStatus(id, status);
  return OK;
}
