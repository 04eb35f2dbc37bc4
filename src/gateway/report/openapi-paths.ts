import {
  codesByStatus,
  parameter,
  problemContent,
  PROBLEM_HEADERS,
  problemHeaders,
  problemText,
  ref,
} from "../../shared/http/openapi.ts";
import { OPERATIONS, type Operation } from "../contract/operations.ts";
import { ANY_REFUSALS } from "../contract/refusals.ts";

/** Statuses with which the coordinator refuses an event for good. It answers them itself, in its own form. */
const COORDINATOR_REFUSES: ReadonlySet<number> = new Set([400, 404, 409, 413, 415, 422]);

/** Headers of answers, as components. */
export const HEADERS = {
  ...PROBLEM_HEADERS,
  Location: {
    description: "The receipt's path, with its query.",
    required: true,
    schema: { type: "string", pattern: "^/_relay/deliveries/[A-Za-z0-9_-]+\\?seq=[0-9]+$" },
    example: "/_relay/deliveries/k5w2qj7rm3ht6anx4b2c?seq=660",
  },
  "Preference-Applied": {
    description: "The preference of `Prefer` that was applied.",
    schema: { type: "string" },
    example: "respond-async",
  },
};

/** References to headers. Pure. */
export function headers(...names: (keyof typeof HEADERS)[]): object {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

function isStored({ tag }: Operation): boolean {
  return tag === "Writes" || tag === "Run reports";
}

/** The answers of an operation, by status. */
function responses(operation: Operation): object {
  const { success, also = {}, refusals } = operation;
  const type = operation.id === "getMetrics" ? "text/plain" : "application/json";
  const content = { [type]: { schema: success.content } };
  const answers: Record<string, object> = {
    [success.status]: {
      description: success.description,
      ...(isStored(operation) ? { headers: headers("Preference-Applied") } : {}),
      content,
    },
  };
  for (const [status, description] of Object.entries(also)) answers[status] = { description, content };
  if (isStored(operation)) {
    answers["202"] = { $ref: "#/components/responses/Accepted" };
    answers["2XX"] = { description: "Any other success of the coordinator.", content };
    for (const status of COORDINATOR_REFUSES) answers[status] = refusal(status);
  }
  for (const [status, codes] of codesByStatus([...ANY_REFUSALS, ...refusals])) {
    const coordinators = isStored(operation) && COORDINATOR_REFUSES.has(status);
    answers[status] = {
      description: coordinators
        ? "Refused by the gateway (`application/problem+json`) or by the coordinator (`application/json`)."
        : problemText(codes),
      ...problemHeaders(status),
      content: {
        ...problemContent(codes),
        ...(coordinators || operation.tag === "Coordinator"
          ? { "application/json": { schema: ref("CoordinatorRefusal") } }
          : {}),
        ...(status in also ? content : {}),
      },
    };
  }
  if (operation.tag === "Coordinator")
    answers["default"] = {
      description: "Any other answer is the coordinator's own.",
      content: { "application/json": { schema: ref("CoordinatorRefusal") } },
    };
  return answers;
}

function refusal(status: number): object {
  return {
    description: `The coordinator refused the event with ${status}.`,
    content: { "application/json": { schema: ref("CoordinatorRefusal") } },
  };
}

function parameters(operation: Operation): object[] {
  const { path_parameters = {}, query = {} } = operation;
  const found = [
    ...Object.entries(path_parameters).map(([name, schema]) => parameter(name, "path", schema, true)),
    ...Object.entries(query).map(([name, schema]) => parameter(name, "query", schema, true)),
  ];
  if (isStored(operation))
    found.push(
      { $ref: "#/components/parameters/IdempotencyKey" },
      { $ref: "#/components/parameters/Prefer" },
    );
  return found;
}

function operationOf(operation: Operation): object {
  const { id, tag, summary, description, body } = operation;
  const shown = parameters(operation);
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    ...(shown.length === 0 ? {} : { parameters: shown }),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { "application/json": { schema: ref(body.component), example: body.example } },
          },
        }),
    responses: responses(operation),
  };
}

/** The paths with their operations. Pure. */
export function paths(): object {
  const byPath = Object.groupBy(OPERATIONS, ({ path }) => path);
  return Object.fromEntries(
    Object.entries(byPath).map(([path, operations = []]) => [
      path,
      Object.fromEntries(operations.map((operation) => [operation.method, operationOf(operation)])),
    ]),
  );
}
