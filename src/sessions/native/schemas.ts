import { Type } from "typebox";
import { MAX_PUSHED } from "../core/push.ts";

// What clients send, in the one form by which it is checked and described. Members that are not listed are ignored, or kept for the agent.

const JSON_OBJECT = Type.Record(Type.String(), Type.Unknown());

/** Of a client: visible ASCII and spaces, because it is a part of log lines and headers. */
const TURN_ID = Type.String({
  minLength: 1,
  maxLength: 128,
  pattern: "^[\\x20-\\x7e]*$",
  description:
    "The client's own id for the turn. A repeat with the same id is recognised for as long as the session exists.",
});

export const CREATE_BODY = Type.Object({
  user_id: Type.Optional(
    Type.String({
      minLength: 1,
      description: "Whose session it is. Another user than the credential's needs the scope `admin`.",
    }),
  ),
  session_id: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        "The client's own id. If its user has a session with this id already, that one is the answer.",
    }),
  ),
  workspace_dir: Type.Optional(
    Type.String({ minLength: 1, maxLength: 4096, description: "Folder in which the agent works." }),
  ),
  agent: Type.Optional(
    Type.String({ minLength: 1, maxLength: 100, description: "Which agent runs the session's turns." }),
  ),
  prompt: Type.Optional(Type.String({ minLength: 1, description: "What the first turn is asked." })),
  options: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: "For the agent." })),
  metadata: Type.Optional(
    Type.Record(Type.String(), Type.Unknown(), {
      description: "For the client. What is kept of a session has at most 2,048 bytes.",
    }),
  ),
});

export const PATCH_BODY = Type.Object({
  metadata: Type.Record(Type.String(), Type.Unknown(), { description: "Members to set. Null removes one." }),
});

export const TURN_BODY = Type.Object({
  user_input: Type.String({ minLength: 1, description: "What the agent is asked." }),
  context: Type.Optional(JSON_OBJECT),
  max_iterations: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 10_000,
      description: "The turn ends after this many answers of the model.",
    }),
  ),
  client_turn_id: Type.Optional(TURN_ID),
  when_busy: Type.Optional(
    Type.Union([Type.Literal("queue"), Type.Literal("reject")], {
      description: "Whether the turn waits while another one runs. Default: `queue`.",
    }),
  ),
});

export const DECISION_BODY = Type.Object({
  allow: Type.Boolean(),
  message: Type.Optional(Type.String({ maxLength: 10_000, description: "For the agent, if it may not." })),
  remember: Type.Optional(
    Type.Boolean({ description: "Whether the agent need not ask again for the same." }),
  ),
});

export const INPUT_BODY = Type.Object({
  input_id: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description: "What the agent called its question. The first answer counts.",
    }),
  ),
  response: Type.Unknown({ description: "What the agent is told." }),
});

export const MODE_BODY = Type.Object({
  mode: Type.String({
    pattern: "^[A-Za-z][A-Za-z0-9_-]{0,63}$",
    description: "A mode of the session's agent.",
  }),
});

/** One event of an agent outside. */
export const PUSHED_EVENT = Type.Object({
  type: Type.String({
    minLength: 1,
    maxLength: 64,
    description: "What it is. Types by which turns, questions and watches end are refused.",
  }),
  data: Type.Optional(Type.Unknown({ description: "Anything, `{}` by default." })),
  producer: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description: "Who numbers its events. With `epoch` and `number`, a repeat is recognised.",
    }),
  ),
  epoch: Type.Optional(Type.Integer({ minimum: 0 })),
  number: Type.Optional(Type.Integer({ minimum: 0 })),
});

/** Several of them, stored in this order. */
export const PUSHED_EVENTS = Type.Object({
  events: Type.Array(PUSHED_EVENT, { minItems: 1, maxItems: MAX_PUSHED }),
});

/** Either of them. For the document: they are checked one by one. */
export const PUSH_BODY = Type.Union([PUSHED_EVENT, PUSHED_EVENTS]);
