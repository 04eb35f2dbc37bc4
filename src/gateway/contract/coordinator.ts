import type { JSONSchema } from "json-schema-to-ts";

// What the coordinator requires and answers, as it was recorded (test/fixtures/samples). The gateway checks none of it: the coordinator does, and what it refuses
// is answered with its own 422 or, after a 202, becomes a dead letter. A test compares the names with the stand-in's models.

const text = (description: string) => ({ type: ["string", "null"], description }) as const;
const object = (description: string) => ({ type: ["object", "null"], description }) as const;

/** Members of an event. The coordinator drops all others. */
export const COORDINATOR_EVENT = {
  type: "object",
  description: "What the coordinator reads of an event. It drops other members.",
  required: ["event_type", "timestamp"],
  properties: {
    event_type: {
      type: "string",
      description:
        "What happened. `message`: with `role` and `content`. `post_tool`: with `tool_name`, `tool_input`, `tool_output` and, if it failed, `error`. `result`: what the session came to, with `result_text` or `result_data`; `GET /sessions/{session_id}/result` then answers with the one that has the latest `timestamp`. A `result` does not end the session: its runner's report does. The coordinator stores other types as they are.",
      examples: ["message", "post_tool", "result"],
    },
    timestamp: {
      type: "string",
      description:
        "When it happened: ISO 8601, with a zone. The coordinator sorts by it, so each event of a session should have a later one than the last.",
      examples: ["2026-11-20T12:00:00Z"],
    },
    role: text("Who speaks in a `message`: `user` or `assistant`."),
    content: {
      type: ["array", "null"],
      description: 'Parts of a `message`, for example `{"type": "text", "text": "hi"}`.',
      items: {},
    },
    tool_name: text("Name of the tool of a `post_tool`."),
    tool_input: object("What the tool was given."),
    tool_output: { description: "What the tool gave back: any JSON." },
    error: text("Why the tool failed."),
    exit_code: { type: ["integer", "null"], description: "Exit code of a command." },
    reason: text("Why the session stopped."),
    result_text: text("Of a `result`: what the session came to, as text."),
    result_data: object("Of a `result`: what the session came to, as a JSON object."),
  },
} as const satisfies JSONSchema;

/** Members of a metadata update that an executor may set. */
export const COORDINATOR_METADATA = {
  type: "object",
  description: "What the coordinator reads of a metadata update. All members are optional.",
  properties: {
    project_dir: text("The folder in which the executor works."),
    agent_name: text("Name of the agent."),
    last_resumed_at: text("When the session was resumed last: ISO 8601."),
    executor_session_id: text("The executor's own id for the session."),
  },
} as const satisfies JSONSchema;

const runner = {
  runner_id: { type: "string", description: "Id that the runner got when it registered." },
} as const;

/** A report on a run by its runner, but for a failure. */
export const COORDINATOR_REPORT = {
  type: "object",
  required: ["runner_id"],
  properties: {
    ...runner,
    status: text(
      "How the run ended, in the runner's own words. The run itself becomes `completed` or `stopped`, whatever it says.",
    ),
    session_status: text(
      "The session's status after a completed run: `finished` (the default), or `idle` if its executor waits for the next run.",
    ),
  },
} as const satisfies JSONSchema;

/** A runner's report that a run failed. */
export const COORDINATOR_FAILURE = {
  type: "object",
  required: ["runner_id", "error"],
  properties: { ...runner, error: { type: "string", description: "Why the run failed." } },
} as const satisfies JSONSchema;

/** A runner's report on a session. */
export const COORDINATOR_SESSION_STATUS = {
  type: "object",
  required: ["runner_id", "status"],
  properties: {
    ...runner,
    status: {
      enum: ["finished", "failed", "stopped"],
      description:
        "How the session ended. `finished`: it did its work. `failed`: it could not. `stopped`: somebody stopped it.",
    },
  },
} as const satisfies JSONSchema;

/** A success that the coordinator answered. */
export const COORDINATOR_SUCCESS = {
  type: "object",
  description:
    'The coordinator\'s own answer. If it answered without a JSON object, the gateway sends `{"ok": true}`.',
} as const satisfies JSONSchema;

/** A refusal that the coordinator answered. */
export const COORDINATOR_REFUSAL = {
  type: "object",
  description: "The coordinator's own refusal. The event will not be delivered; do not repeat it unchanged.",
  required: ["detail"],
  properties: {
    detail: {
      description: "A text, or a list of problems of single fields.",
      anyOf: [
        { type: "string" },
        {
          type: "array",
          items: {
            type: "object",
            properties: {
              type: { type: "string" },
              loc: { type: "array", items: { type: ["string", "integer"] } },
              msg: { type: "string" },
            },
          },
        },
      ],
    },
  },
} as const satisfies JSONSchema;

/** A session, as far as executors need it. */
export const COORDINATOR_SESSION = {
  type: "object",
  required: ["session_id", "status"],
  properties: {
    session_id: { type: "string" },
    status: {
      type: "string",
      description:
        "`pending`: created, not bound yet. `running`: bound. `idle`: its run is over and its executor waits for the next one. `stopping`: it was asked to stop. `finished`, `failed`, `stopped`: over; a bind opens it again. There is a result while it is `finished` or `idle`.",
    },
    project_dir: text("The folder in which the executor works."),
    executor_session_id: text("The executor's own id for the session."),
    hostname: text("Host name of the runner that the session belongs to."),
    executor_profile: text("Profile of the runner that the session belongs to."),
  },
} as const satisfies JSONSchema;
