import { expect, test } from "vitest";
import { ConnectionError, GatewayError } from "../../../../src/client/sessions/index.ts";
import { codedFailure } from "../../../../src/cli/sessions/coded.ts";

test.each([
  [
    "a code of the catalogue is kept",
    new GatewayError("turns_full", "429: too many", { status: 429 }),
    { code: "turns_full", message: "too many" },
  ],
  [
    "another one is told",
    new GatewayError("forbidden", "403: <html>", { status: 403 }),
    { code: "sessions_refused", message: "forbidden: <html>" },
  ],
  [
    "no answer",
    new ConnectionError("unreachable", "no connection to host"),
    { code: "sessions_unreachable", message: expect.stringContaining("no connection to host") as string },
  ],
])("%s", (_, error, expected) => {
  expect(codedFailure(error)).toMatchObject({ ...expected, cause: error });
});

test("anything else is not translated", () => {
  const error = new TypeError("x");
  expect(codedFailure(error)).toBe(error);
});
