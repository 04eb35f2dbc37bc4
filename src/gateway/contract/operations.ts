import type { HttpErrorCode } from "../../shared/base/errors.ts";
import type { Shown } from "../../shared/http/openapi.ts";
import { HEALTH, INDEX, READINESS, RECEIPT } from "./answers.ts";
import { COORDINATOR_SESSION } from "./coordinator.ts";
import { ASKED_SESSION_ID, EVENT_ID, RUN_ID, SESSION_ID, STREAM_SEQ } from "./ids.ts";
import { PASSED_REFUSALS, RECEIPT_REFUSALS, REPORT_REFUSALS, WRITE_REFUSALS } from "./refusals.ts";
import { EXECUTOR_WRITES, RUN_REPORTS, WRITE_ROUTES, type ExecutorWrite } from "./writes.ts";

/** Who answers an operation: the log or the coordinator, the gateway itself, or the coordinator alone. */
export type Tag = "Writes" | "Run reports" | "Receipts" | "Gateway" | "Coordinator";

/** The body of a write: which component, and an example of it. */
export type BodyOf = { component: string; example: object };

export type Operation = {
  id: string;
  method: "get" | "post" | "patch" | "delete";
  path: string;
  tag: Tag;
  summary: string;
  description?: string;
  path_parameters?: Record<string, Shown>;
  query?: Record<string, Shown>;
  body?: BodyOf;
  /** The gateway's or the coordinator's own success: its status, what it means, and its schema or component. */
  success: { status: number; description: string; content: object };
  /** Further answers of the gateway in the same form. */
  also?: Record<number, string>;
  refusals: readonly HttpErrorCode[];
};

const SESSION = "ses_21fc692855e5";
const RUNNER = "lnch_d2e4613e8252";

const TEXTS: Record<
  ExecutorWrite,
  { short: string; direct: string; summary: string; status: number; body: BodyOf }
> = {
  event: {
    short: "addEvent",
    direct: "addSessionEvent",
    summary: "Report an event",
    status: 201,
    body: {
      component: "Event",
      example: {
        session_id: SESSION,
        event_type: "message",
        timestamp: "2026-11-20T12:00:00Z",
        role: "assistant",
        content: [{ type: "text", text: "hi" }],
      },
    },
  },
  bind: {
    short: "bind",
    direct: "bindSession",
    summary: "Bind the executor to a session",
    status: 200,
    body: {
      component: "Bind",
      example: { session_id: SESSION, executor_session_id: "agent-7", project_dir: "/home/dev/project" },
    },
  },
  metadata: {
    short: "updateMetadata",
    direct: "updateSessionMetadata",
    summary: "Update a session's metadata",
    status: 200,
    body: {
      component: "Metadata",
      example: { session_id: SESSION, last_resumed_at: "2026-11-20T12:00:01Z" },
    },
  },
};

const ANSWERED = "The coordinator's own answer: it already has the event.";

function write(kind: ExecutorWrite): Operation[] {
  const { method, name } = WRITE_ROUTES[kind];
  const { short, direct, summary, status, body } = TEXTS[kind];
  const { session_id: _, ...inPath } = body.example as Record<string, unknown>;
  const shared = {
    method: method.toLowerCase() as "post" | "patch",
    tag: "Writes" as const,
    success: { status, description: ANSWERED, content: { $ref: "#/components/schemas/CoordinatorSuccess" } },
    refusals: WRITE_REFUSALS,
  };
  const example = kind === "event" ? body.example : inPath; // an event keeps its session in the body
  return [
    { ...shared, id: short, path: `/${name}`, summary, body },
    {
      ...shared,
      id: direct,
      path: `/sessions/{session_id}/${name}`,
      summary: `${summary}, with the session in the path`,
      path_parameters: { session_id: SESSION_ID },
      body: { component: `Session${body.component}`, example },
    },
  ];
}

function report(
  id: string,
  path: string,
  path_parameters: Record<string, Shown>,
  summary: string,
  body: BodyOf,
): Operation {
  return {
    id,
    method: "post",
    path,
    tag: "Run reports",
    summary,
    description: "Sent by the runner. It is delivered after the events of its session.",
    path_parameters,
    body,
    success: {
      status: 200,
      description: ANSWERED,
      content: { $ref: "#/components/schemas/CoordinatorSuccess" },
    },
    refusals: [...WRITE_REFUSALS, ...REPORT_REFUSALS],
  };
}

function own(
  id: string,
  path: string,
  summary: string,
  content: object,
  also?: Record<number, string>,
): Operation {
  return {
    id,
    method: "get",
    path,
    tag: "Gateway",
    summary,
    success: { status: 200, description: "The answer.", content },
    ...(also === undefined ? {} : { also }),
    refusals: [],
  };
}

function passed(
  method: "get" | "delete",
  id: string,
  path: string,
  summary: string,
  content: object,
  codes: readonly HttpErrorCode[] = [],
): Operation {
  return {
    id,
    method,
    path,
    tag: "Coordinator",
    summary,
    ...(path.includes("{") ? { path_parameters: { session_id: ASKED_SESSION_ID } } : {}),
    success: { status: 200, description: "The coordinator's own answer.", content },
    refusals: [...PASSED_REFUSALS, ...codes],
  };
}

const holding = (name: string, schema: object): object => ({
  type: "object",
  required: [name],
  properties: { [name]: schema },
});
const text = { type: ["string", "null"] };

/** All operations that the OpenAPI document shows. */
export const OPERATIONS: readonly Operation[] = [
  ...EXECUTOR_WRITES.flatMap(write),
  ...RUN_REPORTS.map((name) =>
    report(
      `reportRun${name[0]?.toUpperCase()}${name.slice(1)}`,
      `/runner/runs/{run_id}/${name}`,
      { run_id: RUN_ID },
      name === "started" ? "Report that a run began" : `Report that a run ended: ${name}`,
      name === "failed"
        ? { component: "RunFailure", example: { runner_id: RUNNER, error: "exit code 1" } }
        : { component: "RunReport", example: { runner_id: RUNNER } },
    ),
  ),
  report(
    "reportSessionStatus",
    "/runner/sessions/{session_id}/status",
    { session_id: SESSION_ID },
    "Report a session's status",
    { component: "SessionStatusReport", example: { runner_id: RUNNER, status: "finished" } },
  ),
  {
    id: "getReceipt",
    method: "get",
    path: "/_relay/deliveries/{event_id}",
    tag: "Receipts",
    summary: "Ask where an event is",
    description: "The `Location` of a 202 is this path with its query.",
    path_parameters: { event_id: EVENT_ID },
    query: { seq: STREAM_SEQ },
    success: { status: 200, description: "Where it is.", content: RECEIPT },
    refusals: RECEIPT_REFUSALS,
  },
  own("getIndex", "/", "Ask what is here", INDEX),
  own("getRelayIndex", "/_relay", "Ask what is here", INDEX),
  own("getHealth", "/_relay/health", "Ask whether the process is alive", HEALTH),
  own("getReadiness", "/_relay/ready", "Ask whether events can be stored", READINESS, {
    503: "The log is away or stores nothing, or the gateway is stopping.",
  }),
  own("getMetrics", "/_relay/metrics", "Get metrics in the format of Prometheus", { type: "string" }),
  own("getOpenApi", "/_relay/openapi.json", "Get this document", {
    type: "object",
    required: ["openapi"],
    properties: { openapi: { const: "3.1.0" } },
  }),
  passed(
    "get",
    "listSessions",
    "/sessions",
    "List sessions",
    holding("sessions", { type: "array", items: COORDINATOR_SESSION }),
  ),
  passed(
    "get",
    "getSession",
    "/sessions/{session_id}",
    "Get a session, for example before it is resumed",
    holding("session", COORDINATOR_SESSION),
  ),
  passed(
    "delete",
    "deleteSession",
    "/sessions/{session_id}",
    "Delete a session after its pending events were delivered",
    { type: "object" },
    ["session_busy"],
  ),
  passed(
    "get",
    "getSessionStatus",
    "/sessions/{session_id}/status",
    "Get a session's status; `not_existent` for an unknown one",
    holding("status", { type: "string" }),
  ),
  passed("get", "getSessionResult", "/sessions/{session_id}/result", "Get a finished session's result", {
    type: "object",
    required: ["result_text", "result_data"],
    properties: { result_text: text, result_data: { type: ["object", "null"] } },
  }),
  passed(
    "get",
    "getSessionAffinity",
    "/sessions/{session_id}/affinity",
    "Get the runner that a session belongs to",
    holding("affinity", {
      type: "object",
      required: ["session_id"],
      properties: {
        session_id: { type: "string" },
        hostname: text,
        project_dir: text,
        executor_profile: text,
      },
    }),
  ),
];
