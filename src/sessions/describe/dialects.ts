import { Type } from "typebox";
import { RUN_BODY } from "../dialects/ag-ui/index.ts";
import { MESSAGE_BODY } from "../dialects/ambient/index.ts";
import { BODY, FOUND, STORED, type Operation } from "./operation.ts";

const EXACT = { additionalProperties: false } as const;

const RUN = Type.Object({ runId: Type.String(), threadId: Type.String() }, EXACT);

const MESSAGE = Type.Object(
  {
    id: Type.String(),
    session_id: Type.String(),
    seq: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: "Place in the log." }),
    event_type: Type.String({ description: "`gap`: retention removed messages." }),
    payload: Type.String(),
    created_at: Type.Union([Type.String({ format: "date-time" }), Type.Null()]),
  },
  EXACT,
);

/** What other programs speak. */
export const DIALECTS: Record<string, Omit<Operation, "id">> = {
  startRun: {
    method: "post",
    path: "/sessions/{session_id}/agui/run",
    tag: "AG-UI",
    summary: "Start a run, which is a turn",
    description:
      "With `Accept: text/event-stream`, as the official client sends it, the answer is the run's events until it ends. In a session of an agent outside, the agent gets the input as it came, and answers by what it pushes.",
    query: ["user_id"],
    withCaller: true,
    body: {
      schema: RUN_BODY,
      example: { runId: "run-7", messages: [{ id: "m1", role: "user", content: "Go on." }] },
    },
    stream: "Events of AG-UI 1.0.",
    success: { status: 200, description: "The run is on disk.", schema: RUN },
    refusals: [
      ...FOUND,
      ...BODY,
      ...STORED,
      "too_many_turns",
      "turns_full",
      "too_many_watchers",
      "caller_tokens_full",
    ],
  },
  readRuns: {
    method: "get",
    path: "/sessions/{session_id}/agui/events",
    tag: "AG-UI",
    summary: "Read a session's events as runs, from any cursor",
    description:
      "Server-sent events: a snapshot of the messages first, then what lies behind the cursor, then what follows. `Last-Event-ID` counts before `after`.",
    query: ["user_id", "after"],
    stream: "Events of AG-UI 1.0.",
    refusals: [...FOUND, "cursor_invalid", "too_many_watchers"],
  },
  listMessages: {
    method: "get",
    path: "/api/ambient/v1/sessions/{session_id}/messages",
    tag: "Messages",
    summary: "Get the messages of a session",
    description:
      "With `Accept: text/event-stream` they come as server-sent events, those that are there and those that follow; `Last-Event-ID` counts before `after_seq`.",
    query: ["user_id", "after_seq"],
    stream: "Each message with its `seq` as its `id`.",
    success: { status: 200, description: "All of them.", schema: Type.Array(MESSAGE) },
    refusals: [...FOUND, "cursor_invalid", "too_many_watchers"],
  },
  postMessage: {
    method: "post",
    path: "/api/ambient/v1/sessions/{session_id}/messages",
    tag: "Messages",
    summary: "Add a message of a person",
    description: "In a session with a worker of ours it is a turn.",
    query: ["user_id"],
    keyed: true,
    body: { schema: MESSAGE_BODY, example: { event_type: "user", payload: "Go on." } },
    success: { status: 201, description: "It is on disk.", schema: MESSAGE },
    refusals: [...FOUND, ...BODY, ...STORED, "too_many_turns", "turns_full"],
  },
};
