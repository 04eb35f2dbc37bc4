import { ERRORS, type HttpErrorCode } from "../base/errors.ts";
import { problemOf } from "./problem.ts";

// What the OpenAPI documents of our servers have in common: refusals out of the catalogue, with an example of each, and parameters.

/** A reference to a component. */
export const ref = (name: string): object => ({ $ref: `#/components/schemas/${name}` });

/** Headers of refusals, as components. */
export const PROBLEM_HEADERS = {
  "Retry-After": {
    description: "Seconds to wait before the request is sent again.",
    schema: { type: "integer", minimum: 0 },
    example: 2,
  },
  "WWW-Authenticate": { description: "The scheme.", required: true, schema: { const: "Bearer" } },
} as const;

/** An error (RFC 9457) with one of these codes. Pure. */
function problemSchema(codes: readonly HttpErrorCode[]): object {
  return {
    type: "object",
    additionalProperties: false,
    required: ["type", "title", "status", "detail", "code"],
    properties: {
      type: { type: "string", description: "`urn:runner-relay:error:` and the code." },
      title: { type: "string", description: "What the code means." },
      status: { enum: [...new Set(codes.map((code) => ERRORS[code].status))] },
      detail: { type: "string", description: "What is wrong, for people." },
      code: { enum: [...codes] },
    },
  };
}

/** Codes by the status with which they are answered. Pure. */
export function codesByStatus(codes: readonly HttpErrorCode[]): Map<number, HttpErrorCode[]> {
  return Map.groupBy(new Set(codes), (code) => ERRORS[code].status);
}

/** The content of refusals with these codes, of one status, with an example of each. Pure. */
export function problemContent(codes: readonly HttpErrorCode[]): object {
  const examples = codes.map((code) => {
    const value = JSON.parse(problemOf(code, ERRORS[code].title).body.toString()) as object;
    return [code, { summary: ERRORS[code].title, value }];
  });
  return {
    "application/problem+json": {
      schema: problemSchema(codes),
      examples: Object.fromEntries(examples) as object,
    },
  };
}

/** What these codes mean, in words. Pure. */
export function problemText(codes: readonly HttpErrorCode[]): string {
  return codes.map((code) => `\`${code}\`: ${ERRORS[code].title}.`).join(" ");
}

/** The headers of refusals with a status. Pure. */
export function problemHeaders(status: number): object {
  const header = (name: keyof typeof PROBLEM_HEADERS): object => ({
    headers: { [name]: { $ref: `#/components/headers/${name}` } },
  });
  if (status === 401) return header("WWW-Authenticate");
  return status === 429 || status === 503 ? header("Retry-After") : {};
}

/** The schema of a parameter, with the description and the examples that are shown. */
export type Shown = { description: string; examples: readonly unknown[]; [keyword: string]: unknown };

/** A parameter of an operation. A schema's own description and examples belong to it. Pure. */
export function parameter(
  name: string,
  place: "path" | "query" | "header",
  schema: Shown,
  required: boolean,
): object {
  const { description, examples, ...rest } = schema;
  return { name, in: place, required, description, schema: rest, example: examples[0] };
}
