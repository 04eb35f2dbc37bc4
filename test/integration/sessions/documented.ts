import Ajv2020 from "ajv/dist/2020.js";
import { expect } from "vitest";
import { openApi } from "../../../src/sessions/describe/openapi.ts";
import type { Answer, TestServe } from "../../support/serve.ts";

type Document = {
  paths: Record<string, Record<string, { responses: Record<string, { content?: Record<string, unknown> }> }>>;
};

const document = openApi("test") as Document;
const schemas = new Ajv2020.default({ strict: false, validateFormats: false });
schemas.addSchema(document, "sessions");

/** What differs between an answer and the document; undefined if nothing does. */
function difference(method: string, path: string, { status, headers, json }: Answer): string | undefined {
  const target = path.split("?")[0] ?? "";
  const [pattern, operations] =
    Object.entries(document.paths).find(([it]) =>
      new RegExp(`^${it.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(target),
    ) ?? [];
  const operation = operations?.[method.toLowerCase()];
  if (pattern === undefined || operation === undefined)
    return status === 404 || status === 405
      ? undefined
      : `${method} ${path} is not documented, and answered ${status}`;
  const type = headers.get("content-type")?.split(";")[0] ?? "";
  if (operation.responses[status]?.content?.[type] === undefined)
    return `${status} (${type}) is not documented: ${JSON.stringify(json)}`;
  const place = [
    "paths",
    pattern,
    method.toLowerCase(),
    "responses",
    String(status),
    "content",
    type,
    "schema",
  ];
  const pointer = place.map((part) => part.replaceAll("~", "~0").replaceAll("/", "~1")).join("/");
  return schemas.validate(`sessions#/${encodeURI(pointer)}`, json)
    ? undefined
    : `${status}: ${schemas.errorsText()} in ${JSON.stringify(json)}`;
}

/** Sends requests, and fails for an answer that is not as the document says. */
export function documentedCall(serve: TestServe): TestServe["call"] {
  return async (method, path, body, headers) => {
    const answer = await serve.call(method, path, body, headers);
    expect(difference(method, path, answer), `${method} ${path}`).toBeUndefined();
    return answer;
  };
}
