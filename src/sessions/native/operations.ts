import type { HttpErrorCode } from "../../shared/base/errors.ts";
import type { Shown } from "../../shared/http/openapi.ts";
import * as answers from "./answers.ts";
import * as bodies from "./schemas.ts";

/** What an operation is about. */
export type Tag = "Sessions" | "Turns" | "Events" | "Server";

export type Operation = {
  id: string;
  method: "get" | "post" | "put" | "patch" | "delete";
  path: string;
  tag: Tag;
  summary: string;
  description?: string;
  query?: readonly (keyof typeof QUERY)[];
  /** Takes an `Idempotency-Key`. */
  keyed?: true;
  body?: { schema: object; example: object };
  success: { status: number; description: string; schema: object };
  /** Another success. */
  also?: { status: number; description: string; schema: object };
  refusals: readonly HttpErrorCode[];
};

const cursor = (description: string): Shown => ({
  type: "string",
  description,
  examples: ["660.m3k8x2"],
});

/** Parameters of queries. */
export const QUERY = {
  user_id: {
    type: "string",
    description: "Whose session it is. Another user than the credential's needs the scope `admin`.",
    examples: ["ann"],
  },
  limit: {
    type: "integer",
    minimum: 1,
    default: 100,
    description: "Most items; 1,000 at most.",
    examples: [100],
  },
  place: {
    type: "integer",
    minimum: 0,
    default: 0,
    description: "Items behind this place: the `next` of the page before.",
    examples: [0],
  },
  after: cursor(
    "Events behind this one; 0 by default. `latest`: behind the newest. `<seq>` or `<seq>.<log>`.",
  ),
  before: cursor("Instead of `after`: the last events before this one."),
} as const satisfies Record<string, Shown>;

const FOUND: readonly HttpErrorCode[] = [
  "scope_missing",
  "user_forbidden",
  "session_unknown",
  "ambiguous_session",
  "field_invalid",
];
const BODY: readonly HttpErrorCode[] = [
  "body_required",
  "body_invalid_json",
  "body_not_object",
  "body_too_deep",
  "body_too_large",
  "media_type_unsupported",
  "framing_invalid",
  "field_missing",
  "field_invalid",
  "gateway_busy",
];
const STORED: readonly HttpErrorCode[] = ["sessions_full"];

const operations: Record<string, Omit<Operation, "id">> = {
  createSession: {
    method: "post",
    path: "/sessions",
    tag: "Sessions",
    summary: "Make a session",
    description: "Idempotent by the client's `session_id`, or by `Idempotency-Key`.",
    keyed: true,
    body: {
      schema: bodies.CREATE_BODY,
      example: { workspace_dir: "/srv/work/app", prompt: "Fix the tests." },
    },
    success: { status: 201, description: "It was made.", schema: answers.SESSION },
    also: { status: 200, description: "It was there.", schema: answers.SESSION },
    refusals: [
      ...BODY,
      ...STORED,
      "scope_missing",
      "user_forbidden",
      "session_id_invalid",
      "session_exists",
      "idempotency_key_invalid",
      "idempotency_key_reused",
      "turns_full",
      "workspace_refused",
      "workspace_busy",
      "too_many_sessions",
      "too_many_turns",
    ],
  },
  listSessions: {
    method: "get",
    path: "/sessions",
    tag: "Sessions",
    summary: "List sessions, in the order in which they were made",
    query: ["user_id", "place", "limit"],
    success: { status: 200, description: "A page.", schema: answers.SESSIONS },
    refusals: ["scope_missing", "user_forbidden", "field_invalid", "cursor_invalid"],
  },
  getSession: {
    method: "get",
    path: "/sessions/{session_id}",
    tag: "Sessions",
    summary: "Get a session",
    query: ["user_id"],
    success: { status: 200, description: "The session.", schema: answers.SESSION },
    refusals: FOUND,
  },
  patchSession: {
    method: "patch",
    path: "/sessions/{session_id}",
    tag: "Sessions",
    summary: "Change a session's metadata",
    query: ["user_id"],
    body: { schema: bodies.PATCH_BODY, example: { metadata: { colour: "red", old: null } } },
    success: { status: 200, description: "The session.", schema: answers.SESSION },
    refusals: [...FOUND, ...BODY, ...STORED],
  },
  deleteSession: {
    method: "delete",
    path: "/sessions/{session_id}",
    tag: "Sessions",
    summary: "Delete a session with everything of it",
    description: "Its turn is stopped, and its watchers are told.",
    query: ["user_id"],
    success: { status: 200, description: "It is deleted.", schema: answers.DELETED },
    refusals: [...FOUND, ...STORED],
  },
  submitTurn: {
    method: "post",
    path: "/sessions/{session_id}/turns",
    tag: "Turns",
    summary: "Ask for a turn",
    description: "Other members of the body are kept for the agent.",
    query: ["user_id"],
    body: { schema: bodies.TURN_BODY, example: { user_input: "Go on.", client_turn_id: "turn-7" } },
    success: { status: 202, description: "The turn is on disk.", schema: answers.ACCEPTED_TURN },
    refusals: [...FOUND, ...BODY, ...STORED, "too_many_turns", "turns_full", "turn_running"],
  },
  listTurns: {
    method: "get",
    path: "/sessions/{session_id}/turns",
    tag: "Turns",
    summary: "List a session's turns, in the order in which they came",
    query: ["user_id", "place", "limit"],
    success: { status: 200, description: "A page.", schema: answers.TURNS },
    refusals: [...FOUND, "cursor_invalid"],
  },
  getTurn: {
    method: "get",
    path: "/sessions/{session_id}/turns/{turn_id}",
    tag: "Turns",
    summary: "Get a turn",
    query: ["user_id"],
    success: { status: 200, description: "The turn.", schema: answers.TURN },
    refusals: [...FOUND, "turn_unknown"],
  },
  cancelTurn: {
    method: "post",
    path: "/sessions/{session_id}/turns/{turn_id}/cancel",
    tag: "Turns",
    summary: "Ask that a turn ends",
    query: ["user_id"],
    success: { status: 202, description: "The wish is on disk.", schema: answers.CANCELLED },
    also: { status: 200, description: "The turn has ended already.", schema: answers.TURN },
    refusals: [...FOUND, ...STORED, "turn_unknown"],
  },
  decide: {
    method: "post",
    path: "/sessions/{session_id}/permissions/{request_id}",
    tag: "Turns",
    summary: "Answer a question of the agent",
    description: "The first answer counts.",
    query: ["user_id"],
    body: { schema: bodies.DECISION_BODY, example: { allow: false, message: "Not in this folder." } },
    success: { status: 202, description: "The answer is on disk.", schema: answers.DECIDED },
    refusals: [...FOUND, ...BODY, ...STORED, "question_unknown", "question_closed"],
  },
  sendInput: {
    method: "post",
    path: "/sessions/{session_id}/input",
    tag: "Turns",
    summary: "Say something to the agent that runs",
    query: ["user_id"],
    body: { schema: bodies.INPUT_BODY, example: { input_id: "in_1", response: "blue" } },
    success: { status: 202, description: "The input is on disk.", schema: answers.INPUT_STORED },
    refusals: [...FOUND, ...BODY, ...STORED, "nothing_runs"],
  },
  setPermissionMode: {
    method: "put",
    path: "/sessions/{session_id}/permission-mode",
    tag: "Turns",
    summary: "Say how much the agent may do unasked",
    query: ["user_id"],
    body: { schema: bodies.MODE_BODY, example: { mode: "acceptEdits" } },
    success: { status: 202, description: "The wish is on disk.", schema: answers.MODE_STORED },
    refusals: [...FOUND, ...BODY, ...STORED],
  },
  readEvents: {
    method: "get",
    path: "/sessions/{session_id}/events",
    tag: "Events",
    summary: "Read a session's events, from any cursor",
    description:
      "With `Accept: text/event-stream` they come as server-sent events, those that are there and those that follow, each with its cursor as its `id`; `Last-Event-ID` counts before `after`.",
    query: ["user_id", "after", "before", "limit"],
    success: {
      status: 200,
      description: "A page: fewer events than asked for if they have more than 4 MiB.",
      schema: answers.EVENTS,
    },
    refusals: [...FOUND, "cursor_invalid", "cursor_foreign"],
  },
  pushEvents: {
    method: "post",
    path: "/sessions/{session_id}/events",
    tag: "Events",
    summary: "Push events of an agent outside",
    description:
      "One event, or several as `events`. A repeat is recognised by `Idempotency-Key`, or by `producer`, `epoch` and `number`, for as long as the event is kept.",
    query: ["user_id"],
    keyed: true,
    body: {
      schema: bodies.PUSH_BODY,
      example: { type: "note", data: { text: "half done" }, producer: "pod-1", epoch: 1, number: 7 },
    },
    success: { status: 200, description: "All of them are on disk.", schema: answers.PUSHED },
    refusals: [...FOUND, ...BODY, ...STORED, "idempotency_key_invalid"],
  },
};

const own = (
  id: string,
  path: string,
  summary: string,
  schema: object,
  also?: Operation["also"],
): Operation => ({
  id,
  method: "get",
  path,
  tag: "Server",
  summary,
  success: { status: 200, description: "The answer.", schema },
  ...(also === undefined ? {} : { also }),
  refusals: [],
});

/** All operations that the OpenAPI document shows. */
export const OPERATIONS: readonly Operation[] = [
  ...Object.entries(operations).map(([id, operation]): Operation => ({ id, ...operation })),
  own("getIndex", "/", "Ask what is here", answers.INDEX),
  own("getHealth", "/health", "Ask whether the server is alive", answers.HEALTH),
  own("getReadiness", "/ready", "Ask whether anything can be stored", answers.READINESS, {
    status: 503,
    description: "The log is away or full.",
    schema: answers.READINESS,
  }),
  own("getMetrics", "/metrics", "Get metrics in the format of Prometheus", { type: "string" }),
  own("getOpenApi", "/openapi.json", "Get this document", { type: "object" }),
];
