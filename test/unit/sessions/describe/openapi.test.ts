import { createConfig, lintFromString } from "@redocly/openapi-core";
import { expect, test } from "vitest";
import { openApi } from "../../../../src/sessions/describe/openapi.ts";

const document = openApi("1.2.3");

test("the linter finds nothing, and every example fits its schema", async () => {
  const config = await createConfig({
    extends: ["recommended-strict"],
    rules: {
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
