import type { HttpErrorCode } from "../../shared/base/errors.ts";
import type { Shown } from "../../shared/http/openapi.ts";

/** What an operation is about. */
export type Tag = "Sessions" | "Turns" | "Events" | "AG-UI" | "Messages" | "Runners" | "Server";

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
  /** Takes an `X-Caller-Token`. */
  withCaller?: true;
  body?: { schema: object; example: object };
  /** What it answers, unless that is only a stream. */
  success?: { status: number; description: string; schema: object };
  /** The same as a stream. */
  stream?: string;
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
  after_seq: {
    type: "integer",
    minimum: 0,
    default: 0,
    description: "Messages behind this one.",
    examples: [0],
  },
  before: cursor("Instead of `after`: the last events before this one."),
} as const satisfies Record<string, Shown>;

/** What a request about a session may be refused with. */
export const FOUND: readonly HttpErrorCode[] = [
  "scope_missing",
  "user_forbidden",
  "session_unknown",
  "ambiguous_session",
  "field_invalid",
];
/** A request with a body. */
export const BODY: readonly HttpErrorCode[] = [
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
/** A request that stores. */
export const STORED: readonly HttpErrorCode[] = ["sessions_full"];
