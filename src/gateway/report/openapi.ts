import { parameter, ref } from "../../shared/http/openapi.ts";
import { ACCEPTED } from "../contract/answers.ts";
import { BIND_BODY, EVENT_BODY, METADATA_BODY, REPORT_BODY } from "../contract/bodies.ts";
import {
  COORDINATOR_EVENT,
  COORDINATOR_FAILURE,
  COORDINATOR_METADATA,
  COORDINATOR_REFUSAL,
  COORDINATOR_REPORT,
  COORDINATOR_SESSION_STATUS,
  COORDINATOR_SUCCESS,
} from "../contract/coordinator.ts";
import { IDEMPOTENCY_KEY } from "../contract/ids.ts";
import type { Operation } from "../contract/operations.ts";
import { HEADERS, headers, paths } from "./openapi-paths.ts";

// ../contract has the schemas that the write path checks by, the types of the answers and the list of operations. This file and openapi-paths.ts only arrange
// them as OpenAPI.

type ObjectSchema = { required?: readonly string[]; properties: Readonly<Record<string, object>> };

/** What the gateway requires of a body and what the coordinator does, in one schema. The gateway's word on a member counts. `inPath`: a session in the body is dropped unread. */
function both(ours: ObjectSchema, theirs: ObjectSchema, inPath: boolean, description: string): object {
  const required = [...(ours.required ?? []), ...(theirs.required ?? [])];
  const properties = { ...theirs.properties, ...ours.properties };
  return {
    type: "object",
    description,
    required: inPath ? required.filter((name) => name !== "session_id") : required,
    properties: Object.fromEntries(
      Object.entries(properties).filter(([name]) => !inPath || name !== "session_id"),
    ),
  };
}

const NOTHING: ObjectSchema = { properties: {} };

function bodies(): object {
  const event =
    "An event. It is forwarded byte for byte; the coordinator drops members that it does not know.";
  const bind = "A bind. Other members are dropped.";
  const metadata = "A metadata update. Other members are forwarded.";
  return {
    Event: both(EVENT_BODY, COORDINATOR_EVENT, false, event),
    SessionEvent: both(EVENT_BODY, COORDINATOR_EVENT, false, `${event} \`session_id\` must be the path's.`),
    Bind: both(BIND_BODY, NOTHING, false, bind),
    SessionBind: both(BIND_BODY, NOTHING, true, bind),
    Metadata: both(METADATA_BODY, COORDINATOR_METADATA, false, metadata),
    SessionMetadata: both(METADATA_BODY, COORDINATOR_METADATA, true, metadata),
    RunReport: both(REPORT_BODY, COORDINATOR_REPORT, true, "A runner's report on a run."),
    RunFailure: both(REPORT_BODY, COORDINATOR_FAILURE, true, "A runner's report that a run failed."),
    SessionStatusReport: both(
      REPORT_BODY,
      COORDINATOR_SESSION_STATUS,
      true,
      "A runner's report on a session.",
    ),
  };
}

const PREFER = {
  name: "Prefer",
  in: "header",
  required: false,
  description:
    "`respond-async`: do not wait for the coordinator, answer 202 once the event is stored. `wait=N`: wait at most N seconds (up to 30). Without it the gateway waits as long as it is configured to (2 s by default). Other preferences are ignored (RFC 7240).",
  schema: { type: "string" },
  examples: {
    async: { summary: "Do not wait", value: "respond-async" },
    wait: { summary: "Wait at most five seconds", value: "wait=5" },
  },
};

const ACCEPTED_ANSWER = {
  description:
    "Stored in the log and not delivered yet: with `Prefer: respond-async`, or if the coordinator did not answer in time, is away, or has older events of the session pending. The coordinator gets the event as soon as it can, in order. `Location` tells where it is.",
  headers: headers("Location", "Preference-Applied"),
  content: {
    "application/json": {
      schema: ref("Accepted"),
      example: {
        ok: true,
        status: "accepted",
        event_id: "k5w2qj7rm3ht6anx4b2c",
        stream_seq: 660,
        session_seq: "m3k8-12",
        durability: "fsync",
      },
    },
  },
};

const TAGS: Record<Operation["tag"], string> = {
  Writes:
    "Stored in the log before they are answered, and delivered to the coordinator in the order of their session. The answer is the coordinator's own if it comes in time, or else 202.",
  "Run reports": "Sent by runners, stored like writes, and delivered after the events of their session.",
  Receipts: "Where a stored event is.",
  Gateway: "The gateway's own resources. They also answer `HEAD`.",
  Coordinator:
    "Passed through to the coordinator, like every path that is not listed here. The answers are the coordinator's, as they were recorded; the gateway answers only what it cannot pass on.",
};

/** The OpenAPI document of the gateway's HTTP interface. */
export function openApi(version: string): object {
  return {
    openapi: "3.1.0",
    info: {
      title: "runner-relay gateway",
      version,
      summary: "A durable, ordered log between executors and their Agent Coordinator",
      description:
        "An executor binds itself to its session, reports events and updates metadata. Every 2xx for a write means that it is on disk. Every path that is not listed here passes through to the coordinator unchanged. Errors of the gateway are `application/problem+json` with a `code`. One of its own paths with a method that it does not have is 405 `method_not_allowed`, with `Allow`.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/", description: "This gateway" }],
    // without a configured token no request needs one
    security: [{ inboundToken: [] }, {}],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths: paths(),
    components: {
      securitySchemes: {
        inboundToken: {
          type: "http",
          scheme: "bearer",
          description: "Required if the gateway has `RUNNER_RELAY_INBOUND_TOKEN`, and ignored otherwise.",
        },
      },
      parameters: {
        IdempotencyKey: parameter("Idempotency-Key", "header", IDEMPOTENCY_KEY, false),
        Prefer: PREFER,
      },
      headers: HEADERS,
      responses: { Accepted: ACCEPTED_ANSWER },
      schemas: {
        ...bodies(),
        Accepted: ACCEPTED,
        CoordinatorSuccess: COORDINATOR_SUCCESS,
        CoordinatorRefusal: COORDINATOR_REFUSAL,
      },
    },
  };
}
