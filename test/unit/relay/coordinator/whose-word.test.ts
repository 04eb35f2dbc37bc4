import { expect, test } from "vitest";
import { isCoordinatorsWord, isForgotten } from "../../../../src/relay/coordinator/whose-word.ts";

const PAGE = "<html><body>Sign in</body></html>";

test.each<[number, string, boolean]>([
  [204, "", true],
  [200, '{"run":{"run_id":"r"}}', true],
  [200, '{"ok":true}', true],
  [200, '\ufeff{"ok":true}', false], // no JSON for the runner either
  [200, "", false],
  [200, PAGE, false],
  [200, "null", false],
  [302, "", false],
  [401, '{"detail":"Runner not registered"}', true],
  [401, '{"detail":"Not authenticated"}', false],
  [403, '{"detail":"Invalid token"}', false],
  [403, PAGE, false],
  [404, '{"detail":"Not Found"}', true],
  [404, '{"message":"no Route matched with those values"}', false],
  [404, PAGE, false],
  [407, PAGE, false],
  [407, '{"error":"proxy authentication required"}', false],
  [408, '{"detail":"late"}', false],
  [422, '{"detail":[{"msg":"field required"}]}', true],
  [429, '{"detail":"slow down"}', false],
  [502, '{"detail":"bad gateway"}', false],
  [503, PAGE, false],
])("%i %s is the coordinator's word: %s", (status, text, expected) => {
  expect(isCoordinatorsWord({ status, body: Buffer.from(text) })).toBe(expected);
});

test("a coordinator that forgot its runners says so in its own words", () => {
  const body = Buffer.from('{"detail":"Runner not registered"}');
  expect(isForgotten({ status: 401, body })).toBe(true);
  expect(isForgotten({ status: 403, body })).toBe(false);
});
