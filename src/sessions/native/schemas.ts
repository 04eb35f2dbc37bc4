import { MAX_PUSHED } from "../core/push.ts";

// What clients send, in the one form by which it is checked and described. Members that are not listed are ignored, or kept for the agent.
// They are plain JSON Schema: a builder of schemas would cost the server 7 MB for as long as it runs.

const JSON_OBJECT = { type: "object", additionalProperties: {} } as const;

export const CREATE_BODY = {
  type: "object",
  properties: {
    user_id: {
      type: "string",
      minLength: 1,
      description: "Whose session it is. Another user than the credential's needs the scope `admin`.",
    },
    session_id: {
      type: "string",
      minLength: 1,
      description:
        "The client's own id. If its user has a session with this id already, that one is the answer.",
    },
    workspace_dir: {
      type: "string",
      minLength: 1,
      maxLength: 4096,
      description: "Folder in which the agent works.",
    },
    agent: {
      type: "string",
      minLength: 1,
      maxLength: 100,
      description: "Which agent runs the session's turns.",
    },
    prompt: { type: "string", minLength: 1, description: "What the first turn is asked." },
    options: { ...JSON_OBJECT, description: "For the agent." },
    metadata: {
      ...JSON_OBJECT,
      description: "For the client. What is kept of a session has at most 2,048 bytes.",
    },
  },
} as const;

export const PATCH_BODY = {
  type: "object",
  required: ["metadata"],
  properties: {
    metadata: { ...JSON_OBJECT, description: "Members to set. Null removes one." },
  },
} as const;

export const TURN_BODY = {
  type: "object",
  required: ["user_input"],
  properties: {
    user_input: { type: "string", minLength: 1, description: "What the agent is asked." },
    context: JSON_OBJECT,
    max_iterations: {
      type: "integer",
      minimum: 1,
      maximum: 10_000,
      description: "The turn ends after this many answers of the model.",
    },
    /** Visible ASCII and spaces, because it is a part of log lines and headers. */
    client_turn_id: {
      type: "string",
      minLength: 1,
      maxLength: 128,
      pattern: "^[\\x20-\\x7e]*$",
      description:
        "The client's own id for the turn. A repeat with the same id is recognised for as long as the session exists.",
    },
    when_busy: {
      enum: ["queue", "reject"],
      description:
        "Whether the turn waits while another one runs. Default: `queue`. Where the log is kept by several brokers, a turn with `reject` may wait after all behind one that came in the same moment.",
    },
  },
} as const;

export const DECISION_BODY = {
  type: "object",
  required: ["allow"],
  properties: {
    allow: { type: "boolean" },
    message: { type: "string", maxLength: 10_000, description: "For the agent, if it may not." },
    remember: { type: "boolean", description: "Whether the agent need not ask again for the same." },
  },
} as const;

export const INPUT_BODY = {
  type: "object",
  required: ["response"],
  properties: {
    input_id: {
      type: "string",
      minLength: 1,
      maxLength: 200,
      description: "What the agent called its question. The first answer counts.",
    },
    response: { description: "What the agent gets as the answer." },
  },
} as const;

export const MODE_BODY = {
  type: "object",
  required: ["mode"],
  properties: {
    mode: {
      type: "string",
      pattern: "^[A-Za-z][A-Za-z0-9_-]{0,63}$",
      description: "A mode of the session's agent.",
    },
  },
} as const;

const NAME_IN_CLUSTER = "^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$";

/** A pod, as its cluster names it. */
export const POD_BODY = {
  type: "object",
  required: ["namespace", "service_account", "pod_uid"],
  properties: {
    namespace: { type: "string", pattern: NAME_IN_CLUSTER, description: "The pod's namespace." },
    service_account: {
      type: "string",
      pattern: NAME_IN_CLUSTER,
      description: "The service account whose token the pod sends.",
    },
    pod_uid: {
      type: "string",
      pattern: "^[0-9A-Za-z-]{1,64}$",
      description: "`metadata.uid` of the pod: of this one, and of none that is made by its name later.",
    },
  },
} as const;

/** One event of an agent outside. */
export const PUSHED_EVENT = {
  type: "object",
  required: ["type"],
  properties: {
    type: {
      type: "string",
      minLength: 1,
      maxLength: 64,
      description: "What it is. Types by which turns, questions and watches end are refused.",
    },
    data: { description: "Anything, `{}` by default." },
    producer: {
      type: "string",
      minLength: 1,
      maxLength: 200,
      description: "Who numbers its events. With `epoch` and `number`, a repeat is recognised.",
    },
    epoch: { type: "integer", minimum: 0 },
    number: { type: "integer", minimum: 0 },
  },
} as const;

/** Several of them, stored in this order. */
export const PUSHED_EVENTS = {
  type: "object",
  required: ["events"],
  properties: { events: { type: "array", items: PUSHED_EVENT, minItems: 1, maxItems: MAX_PUSHED } },
} as const;

/** Either of them. For the document: they are checked one by one. */
export const PUSH_BODY = { anyOf: [PUSHED_EVENT, PUSHED_EVENTS] } as const;
