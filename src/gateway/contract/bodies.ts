import type { JSONSchema } from "json-schema-to-ts";
import { SESSION_ID } from "./ids.ts";

// What the gateway requires of a body. command.ts and rebuild.ts read these schemas to check bodies and to make what is forwarded, and openapi.ts shows them.
// A member that is `readOnly` is the runner's to say: the gateway drops what an executor sends for it (OWN-1).

const hostname = {
  type: "string",
  readOnly: true,
  description: "The runner's host name. The gateway sets it, and drops what an executor sends.",
} as const satisfies JSONSchema;

const executorProfile = {
  type: "string",
  readOnly: true,
  description: "The runner's profile. The gateway sets it, and drops what an executor sends.",
} as const satisfies JSONSchema;

/** `POST /events` and `POST /sessions/{session_id}/events`. It is forwarded as it came. */
export const EVENT_BODY = {
  type: "object",
  required: ["session_id"],
  properties: { session_id: SESSION_ID },
} as const satisfies JSONSchema;

/** `POST /bind` and its direct path. Of what an executor sends only these members are forwarded, in this order. */
export const BIND_BODY = {
  type: "object",
  required: ["session_id", "executor_session_id"],
  properties: {
    session_id: SESSION_ID,
    executor_session_id: {
      type: "string",
      minLength: 1,
      description: "The executor's own id for the session, for example that of its agent framework.",
    },
    hostname,
    executor_profile: executorProfile,
    project_dir: {
      type: ["string", "null"],
      description: "The folder in which the executor works. Omit it to keep the session's.",
    },
  },
} as const satisfies JSONSchema;

/** `PATCH /metadata` and its direct path. Every other member is forwarded byte for byte. */
export const METADATA_BODY = {
  type: "object",
  required: ["session_id"],
  properties: { session_id: SESSION_ID, hostname, executor_profile: executorProfile },
} as const satisfies JSONSchema;

/** Run reports. They name the run or the session in the path and are forwarded as they came. */
export const REPORT_BODY = { type: "object", properties: {} } as const satisfies JSONSchema;

/** A schema as the write path reads it. */
export type BodySchema = {
  required?: readonly string[];
  properties: Readonly<Record<string, object>>;
};

function isReadOnly({ properties }: BodySchema, name: string): boolean {
  const schema = properties[name];
  return schema !== undefined && "readOnly" in schema;
}

/** The members besides `session_id` that a body must have, in the order in which they are missed. Pure. */
export function requiredOf({ required = [] }: BodySchema): string[] {
  return required.filter((name) => name !== "session_id");
}

/** The members that are forwarded, in their order. Pure. */
export function forwardedOf({ properties }: BodySchema): string[] {
  return Object.keys(properties).filter((name) => name !== "session_id");
}

/** The members that never pass: the session's place is the path, and what is read-only is the runner's. Pure. */
export function ownedOf(body: BodySchema): string[] {
  return Object.keys(body.properties).filter((name) => name === "session_id" || isReadOnly(body, name));
}
