import type { HttpErrorCode } from "../../shared/base/errors.ts";
import {
  codesByStatus,
  parameter,
  problemContent,
  PROBLEM_HEADERS,
  problemHeaders,
  problemText,
  type Shown,
} from "../../shared/http/openapi.ts";
import { QUERY, type Operation, type Tag } from "./operation.ts";
import { OPERATIONS } from "./operations.ts";

// operations.ts lists what there is, dialects.ts and runners.ts what other programs speak, answers.ts and the schemas of the protocols are the forms · ../../shared/http/openapi.ts has what every document of ours says. This file only arranges them.

/** Any request: what the server refuses before its route is asked. */
const ANY_REFUSALS: readonly HttpErrorCode[] = [
  "request_malformed",
  "request_timeout",
  "headers_too_large",
  "host_refused",
  "origin_refused",
  "gateway_stopping",
  "internal",
];
/** Any request about sessions. */
const KEYED_REFUSALS: readonly HttpErrorCode[] = [
  "inbound_unauthorized",
  "too_many_attempts",
  "issuer_unreachable",
  "log_unreachable",
  "log_refused",
];
/** Any request that writes. */
const WRITING_REFUSALS: readonly HttpErrorCode[] = ["too_many_writes"];

const TAGS: Record<Tag, string> = {
  Sessions: "A session belongs to a user, and has one log of events.",
  Turns:
    "What a session's user asks its agent, and what is said meanwhile. Every 202 is sent when the wish is on disk.",
  Events: "What happened, in order, from any cursor.",
  "AG-UI":
    "The same sessions for clients of AG-UI 1.0: a run is a turn, and a session is a thread. docs/sessions/ag-ui.md has more.",
  Messages: "Messages of runner pods, as they are pushed and watched by gRPC.",
  Runners: "What is asked of the runner in a session's pod, and passed on to it.",
  Server: "The server's own resources. They need no credential.",
};

const PATH: Record<string, Shown> = {
  session_id: {
    type: "string",
    minLength: 1,
    description:
      "The session's id. Of characters other than `A-Z a-z 0-9 _ -` a long one has less room than 200 bytes.",
    examples: ["ses_5f0c9d1f2ab4c3d2e1f09a8b"],
  },
  turn_id: { type: "string", minLength: 1, description: "The turn's id.", examples: ["turn-7"] },
  request_id: {
    type: "string",
    pattern: "^[A-Za-z0-9_-]{1,64}$",
    description: "The question's id, from the event `permission_request`.",
    examples: ["q0a4Jm2Zk1cXo7Yb3TtR5A"],
  },
  task: {
    type: "string",
    pattern: "^[A-Za-z0-9_.-]{1,200}$",
    description: "The task, as the runner calls it.",
    examples: ["task-1"],
  },
};

const IDEMPOTENCY_KEY: Shown = {
  type: "string",
  minLength: 1,
  maxLength: 255,
  description:
    "Makes the request safe to repeat: use a new one for each request, and the same one for each retry of it.",
  examples: ["6f1c2a44-3f0b-4b52-8a34-0a3c7a2b9d10"],
};

const CALLER_TOKEN: Shown = {
  type: "string",
  minLength: 1,
  maxLength: 8192,
  description:
    "A token of the caller, with which the agent's credentials are fetched for this turn: a bearer token, or the value of an `Authorization` header. It is never stored.",
  examples: ["eyJhbGciOiJSUzI1NiJ9.e30.c2ln"],
};

function parameters({ path, query = [], keyed, withCaller }: Operation): object[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
  return [
    ...inPath.flatMap((name) =>
      PATH[name] === undefined ? [] : [parameter(name, "path", PATH[name], true)],
    ),
    ...query.map((name) => parameter(name === "place" ? "after" : name, "query", QUERY[name], false)),
    ...(keyed === true ? [parameter("Idempotency-Key", "header", IDEMPOTENCY_KEY, false)] : []),
    ...(withCaller === true ? [parameter("X-Caller-Token", "header", CALLER_TOKEN, false)] : []),
  ];
}

function responses({ id, method, tag, success, stream, also, refusals }: Operation): object {
  const type = id === "getMetrics" ? "text/plain" : "application/json";
  const answers: Record<string, object> = {};
  for (const answer of [success, also])
    if (answer !== undefined)
      answers[answer.status] = {
        description: answer.description,
        content: { [type]: { schema: answer.schema } },
      };
  if (stream !== undefined) {
    const { status = 200, description = "The stream." } = success ?? {};
    const whole = answers[status] as { content: object } | undefined;
    const events = { "text/event-stream": { schema: { type: "string", description: stream } } };
    answers[status] = { description, content: { ...whole?.content, ...events } };
  }
  const codes = [
    ...ANY_REFUSALS,
    ...(tag === "Server" ? [] : KEYED_REFUSALS),
    ...(method === "get" ? [] : WRITING_REFUSALS),
    ...refusals,
  ];
  for (const [status, some] of codesByStatus(codes)) {
    const other = answers[status] as { content: object } | undefined;
    answers[status] = {
      description: problemText(some),
      ...problemHeaders(status),
      content: { ...other?.content, ...problemContent(some) },
    };
  }
  return answers;
}

function operationOf(operation: Operation): object {
  const { id, tag, summary, description, body } = operation;
  const shown = parameters(operation);
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    ...(tag === "Server" ? { security: [] } : {}),
    ...(shown.length === 0 ? {} : { parameters: shown }),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { "application/json": { schema: body.schema, example: body.example } },
          },
        }),
    responses: responses(operation),
  };
}

/** The OpenAPI document of the server of sessions. */
export function openApi(version: string): object {
  const byPath = Map.groupBy(OPERATIONS, ({ path }) => path);
  const paths = [...byPath].map(([path, operations]) => [
    path,
    Object.fromEntries(operations.map((operation) => [operation.method, operationOf(operation)])) as object,
  ]);
  return {
    openapi: "3.1.0",
    info: {
      title: "runner-relay sessions",
      version,
      summary: "One durable log per session of an agent, for every client, from any cursor",
      description:
        "A client makes a session, sends turns, answers its agent's questions, and reads what happened from any cursor. Every 2xx for a write means that it is on disk. Errors are `application/problem+json` with a `code`. A path with a method that it does not have is 405 `method_not_allowed`, with `Allow`.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/", description: "This server" }],
    security: [{ bearer: [] }, { apiKey: [] }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths: Object.fromEntries(paths) as object,
    components: {
      headers: PROBLEM_HEADERS,
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer" },
        apiKey: { type: "apiKey", in: "header", name: "X-API-Key" },
      },
    },
  };
}
