import { createConfig, lintFromString } from "@redocly/openapi-core";
import { expect, test } from "vitest";
import { OPERATIONS } from "../../../../src/gateway/contract/operations.ts";
import { openApi } from "../../../../src/gateway/report/openapi.ts";
import { matchRoute } from "../../../../src/gateway/route/routes.ts";

type Document = {
  paths: Record<string, Record<string, { operationId: string; responses: Record<string, unknown> }>>;
};

const document = openApi("1.2.3") as Document;

test("the linter finds nothing, and every example fits its schema", async () => {
  const config = await createConfig({
    extends: ["recommended-strict"],
    rules: {
      // the gateway's own resources refuse nothing but what is no request for them
      "operation-4xx-response": "error",
      "no-invalid-media-type-examples": { severity: "error", allowAdditionalProperties: false } as never,
      "no-invalid-schema-examples": "error",
      "no-invalid-parameter-examples": "error",
      "tag-description": "error",
      "operation-tag-defined": "error",
      "operation-summary": "error",
    },
  });
  const problems = await lintFromString({ source: JSON.stringify(document), config });
  expect(
    problems.map(({ ruleId, message, location }) => `${ruleId}: ${message} at ${location[0]?.pointer}`),
  ).toEqual([]);
});

test("the linter sees this document", async () => {
  const broken = structuredClone(document);
  delete broken.paths["/events"]?.["post"]?.responses["202"];
  Object.assign(broken.paths["/bind"]?.["post"] ?? {}, { operationId: "addEvent" });
  const config = await createConfig({ extends: ["recommended-strict"] });
  const problems = await lintFromString({ source: JSON.stringify(broken), config });
  expect(problems.map(({ ruleId }) => ruleId)).toContain("operation-operationId-unique");
});

test("every operation is routed as it is documented", () => {
  const routed = OPERATIONS.map(({ id, tag, method, path }) => {
    const target = path.replaceAll(/\{\w+\}/g, "x1");
    return [id, tag, matchRoute(method.toUpperCase(), target).kind];
  });
  for (const [id, tag, kind] of routed) {
    const wanted =
      tag === "Coordinator" ? "other" : tag === "Gateway" || tag === "Receipts" ? "own" : "write";
    expect(kind, id).toBe(wanted);
  }
  expect(Object.values(document.paths).flatMap((path) => Object.keys(path))).toHaveLength(OPERATIONS.length);
});
