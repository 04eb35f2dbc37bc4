import { ERRORS, type ErrorCode } from "../../shared/base/errors.ts";

const problem = {
  description: "Error (RFC 9457)",
  content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
};

const accepted = {
  description: "Stored in the log; the coordinator gets it as soon as it can",
  headers: { Location: { description: "Receipt of the event", schema: { type: "string" } } },
  content: { "application/json": { schema: { $ref: "#/components/schemas/Accepted" } } },
};

function write(summary: string, schema: object, inPath: boolean): object {
  const parameters = [
    { name: "Idempotency-Key", in: "header", schema: { type: "string", minLength: 1, maxLength: 255 } },
    {
      name: "Prefer",
      in: "header",
      description: "respond-async or wait=N (RFC 7240)",
      schema: { type: "string" },
    },
  ];
  const path = { name: "session_id", in: "path", required: true, schema: { type: "string" } };
  return {
    summary,
    parameters: inPath ? [path, ...parameters] : parameters,
    requestBody: { required: true, content: { "application/json": { schema } } },
    responses: {
      "2XX": { description: "The coordinator's own answer, where it came in time" },
      202: accepted,
      "4XX": problem,
      503: problem,
    },
  };
}

/** Run reports, which are stored after the events of the run's session. */
function runReport(name: string, summary: string): object {
  const { responses } = write(summary, {}, false) as { responses: object };
  const parameters = [{ name, in: "path", required: true, schema: { type: "string" } }];
  return { summary, parameters, requestBody: { content: { "application/json": { schema: {} } } }, responses };
}

function read(summary: string, description: string): object {
  return { get: { summary, responses: { 200: { description }, default: problem } } };
}

const session = { session_id: { type: "string" } };
const event = { type: "object", required: ["session_id"], properties: session };
const bind = {
  type: "object",
  required: ["session_id", "executor_session_id"],
  properties: { ...session, executor_session_id: { type: "string" }, project_dir: { type: "string" } },
};
const directBind = {
  type: "object",
  required: ["executor_session_id"],
  properties: { executor_session_id: { type: "string" }, project_dir: { type: "string" } },
};

/** The OpenAPI description of the gateway's HTTP interface. */
// oxlint-disable-next-line max-lines-per-function -- a document, written as one value
export function openApi(version: string): object {
  const codes = (Object.keys(ERRORS) as ErrorCode[]).filter((code) => "status" in ERRORS[code]);
  return {
    openapi: "3.1.0",
    info: {
      title: "runner-relay gateway",
      version,
      description: "Every path that is not listed passes through to the coordinator as it is.",
    },
    paths: {
      "/events": { post: write("Report an event", event, false) },
      "/bind": { post: write("Bind an executor to a session", bind, false) },
      "/metadata": { patch: write("Update a session's metadata", event, false) },
      "/sessions/{session_id}/events": { post: write("Report an event", { type: "object" }, true) },
      "/sessions/{session_id}/bind": { post: write("Bind an executor to a session", directBind, true) },
      "/sessions/{session_id}/metadata": {
        patch: write("Update a session's metadata", { type: "object" }, true),
      },
      ...Object.fromEntries(
        ["started", "completed", "failed", "stopped"].map((report) => [
          `/runner/runs/{run_id}/${report}`,
          { post: runReport("run_id", `A run ${report === "started" ? "began" : `ended: ${report}`}`) },
        ]),
      ),
      "/runner/sessions/{session_id}/status": { post: runReport("session_id", "Report a session's status") },
      "/_relay/health": read("Is the process alive?", "Alive, with its version"),
      "/_relay/ready": read(
        "Can events be stored?",
        "Every dependency by name; 503 while the log is away or stores nothing",
      ),
      "/_relay/metrics": read("Metrics", "Prometheus text"),
      "/_relay/deliveries/{event_id}": {
        get: {
          summary: "Where is an event?",
          parameters: [
            { name: "event_id", in: "path", required: true, schema: { type: "string" } },
            { name: "seq", in: "query", required: true, schema: { type: "integer", minimum: 1 } },
          ],
          responses: {
            200: {
              description: "Its state",
              content: { "application/json": { schema: { $ref: "#/components/schemas/Receipt" } } },
            },
            404: problem,
            410: problem,
            503: problem,
          },
        },
      },
    },
    components: {
      schemas: {
        Accepted: {
          type: "object",
          required: ["ok", "status", "event_id", "stream_seq", "session_seq", "durability"],
          properties: {
            ok: { const: true },
            status: { const: "accepted" },
            event_id: { type: "string" },
            stream_seq: { type: "integer" },
            session_seq: {
              type: ["string", "null"],
              description: "<epoch>-<number>; null where an earlier process stored the event",
            },
            durability: { enum: ["fsync", "unverified"] },
          },
        },
        Receipt: {
          type: "object",
          required: ["event_id", "stream_seq", "state"],
          properties: {
            event_id: { type: "string" },
            stream_seq: { type: "integer" },
            state: { enum: ["pending", "delivered", "superseded", "dead", "lost"] },
            reason: { type: "string" },
            status: { type: "integer" },
            attempts: { type: "integer" },
          },
        },
        Problem: {
          type: "object",
          required: ["type", "title", "status", "detail", "code"],
          properties: {
            type: { type: "string" },
            title: { type: "string" },
            status: { type: "integer" },
            detail: { type: "string" },
            code: { enum: codes },
          },
        },
      },
    },
  };
}
