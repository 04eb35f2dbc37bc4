import type { JSONSchema } from "json-schema-to-ts";
import { MAX_SESSION_TOKEN_BYTES } from "../../shared/log/schema/session-id.ts";

/**
 * A session id. The pattern says what `sessionIdProblem` says of single characters. That a long id of other characters than letters and digits has
 * less room cannot be said in a schema.
 */
export const SESSION_ID = {
  type: "string",
  minLength: 1,
  maxLength: MAX_SESSION_TOKEN_BYTES,
  pattern: "^(?!\\.{1,2}$)[^/\\\\\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]+$",
  description:
    "Id of the session, from the executor's invocation. No slashes, no control characters, no dot segment; at most 200 bytes, where each UTF-8 byte of a character other than `A-Z a-z 0-9 _ -` counts as three.",
  examples: ["ses_21fc692855e5"],
} as const satisfies JSONSchema;

/** A session id that the coordinator looks up. The gateway passes it on as it is, so that the coordinator alone judges it. */
export const ASKED_SESSION_ID = {
  type: "string",
  minLength: 1,
  description: SESSION_ID.description,
  examples: SESSION_ID.examples,
} as const satisfies JSONSchema;

/** The id of a stored event, as it is in a receipt's path. */
export const EVENT_ID = {
  type: "string",
  pattern: "^[A-Za-z0-9_-]{1,64}$",
  description: "Id of the stored event.",
  examples: ["k5w2qj7rm3ht6anx4b2c"],
} as const satisfies JSONSchema;

/** The place of an event in the log. */
export const STREAM_SEQ = {
  type: "integer",
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  description: "Place of the event in the log.",
  examples: [660],
} as const satisfies JSONSchema;

/** The id of a run in a path. The coordinator makes them; the gateway only looks them up. */
export const RUN_ID = {
  type: "string",
  minLength: 1,
  pattern: "^[A-Za-z0-9_-]+$",
  description: "Id of the run, from the runner's poll.",
  examples: ["run_26f9f9fd6a30"],
} as const satisfies JSONSchema;

/** An executor's key for one event. */
export const IDEMPOTENCY_KEY = {
  type: "string",
  minLength: 1,
  maxLength: 255,
  pattern: "^[\\x21-\\x7e](?:[\\x20-\\x7e]*[\\x21-\\x7e])?$",
  description:
    "Makes a write safe to repeat: the same key for the same session and route is the same event. Use a new UUID for each event, and the same one for each retry of it.",
  examples: ["6f1c2a44-3f0b-4b52-8a34-0a3c7a2b9d10"],
} as const satisfies JSONSchema;
