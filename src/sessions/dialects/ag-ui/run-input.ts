import { codedError } from "../../../shared/base/errors.ts";
import { checked } from "../../http/checked.ts";
import { camel, isObject, textOf } from "./loose.ts";

/** The input of a run, as clients of AG-UI send it. */
export const RUN_BODY = {
  type: "object",
  required: ["messages"],
  properties: {
    threadId: { type: "string", description: "The client's own name for the session; it is not used." },
    runId: {
      type: "string",
      minLength: 1,
      maxLength: 128,
      pattern: "^[\\x20-\\x7e]*$",
      description:
        "The client's own id for the run, which is the id of its turn. A repeat is recognised for as long as the session exists.",
    },
    messages: {
      type: "array",
      items: { type: "object", additionalProperties: {} },
      description: "The last one of the role `user` is what the agent is asked.",
    },
    state: { description: "For the agent, as are `tools`, `context` and `forwardedProps`." },
    tools: { type: "array", items: {} },
    context: { type: "array", items: {} },
    forwardedProps: {},
    resume: { type: "array", items: {}, maxItems: 0, description: "No run of this server waits for one." },
  },
} as const;

/** What a run asks for. */
export type RunAsked = {
  run: string | undefined;
  /** The data of its turn: JSON. */
  data: Uint8Array;
};

/** Reads the input of a run. Names of members are taken in both forms, and null for what is absent. Throws `field_missing` and `field_invalid`. */
export function runAsked(body: Record<string, unknown>): RunAsked {
  const input = checked(RUN_BODY, camel(body));
  const said = input.messages.findLast(({ role }) => role === "user");
  const text = said === undefined ? "" : textOf(said["content"]);
  if (text === "") throw codedError("field_invalid", "messages: none of them is a text of the role user");
  const { id } = said ?? {};
  const { state, tools, context, forwardedProps } = input;
  const more = Object.entries({ state, tools, context, forwardedProps }).filter(([, it]) => !isEmpty(it));
  const turn = {
    user_input: text,
    ...(typeof id === "string" ? { message_id: id } : {}),
    ...(more.length === 0 ? {} : { agui: Object.fromEntries(more) }),
  };
  return { run: input.runId, data: Buffer.from(JSON.stringify(turn)) };
}

/** Clients send `{}` and `[]` for what they do not have. */
function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return value === undefined || (isObject(value) && Object.keys(value).length === 0);
}
