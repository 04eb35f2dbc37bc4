import { expect, test } from "vitest";
import { sameOrigin } from "../../../../src/shared/credentials/index.ts";

test.each([
  ["https://c.example/base/sessions/1/events", true],
  ["https://C.example:443/", true],
  ["http://c.example/base", false],
  ["https://c.example:8443/base", false],
  ["https://c.example.evil.example/", false],
  ["https://c.example@evil.example/", false],
  ["//c.example/base", false],
  ["data:text/plain,x", false],
])("CRED-1 %s is the coordinator's origin: %s", (target, same) => {
  expect(sameOrigin(target, "https://c.example/base")).toBe(same);
  expect(sameOrigin("data:,x", "data:,x")).toBe(false);
});
