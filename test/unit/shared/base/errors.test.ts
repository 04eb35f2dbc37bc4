import * as fc from "fast-check";
import { expect, test } from "vitest";
import { CodedError, codedError, errorText, isCoded } from "../../../../src/shared/base/errors.ts";

test("the text of an error includes its causes, which often say what matters", () => {
  const refused = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), { code: "ECONNREFUSED" });
  expect(errorText(codedError("log_unreachable", "nats://x", { cause: refused }))).toBe(
    "nats://x: connect ECONNREFUSED 127.0.0.1:1",
  );
  expect(errorText(new AggregateError([refused, new Error("::1")], ""))).toBe(
    "connect ECONNREFUSED 127.0.0.1:1",
  );
  expect(errorText(Object.assign(new Error(""), { code: "EPIPE" }))).toBe("EPIPE");
  expect(errorText(new TypeError(""))).toBe("TypeError");
});

test("an error that is its own cause has a text", () => {
  const odd = new Error("odd");
  odd.cause = odd;
  expect(errorText(odd)).toBe("odd");
});

test("anything that is thrown has a text", () => {
  fc.assert(
    fc.property(fc.anything({ withNullPrototype: true, withBigInt: true }), (thrown) => {
      expect(typeof errorText(thrown)).toBe("string");
      expect(typeof errorText(new Error("x", { cause: thrown }))).toBe("string");
    }),
  );
});

test("a code is recognized, another's error is not", () => {
  const error = new CodedError("log_full", "full");
  expect([
    isCoded(error),
    isCoded(error, "log_full"),
    isCoded(error, "internal"),
    isCoded(new Error("log_full")),
  ]).toEqual([true, true, false, false]);
});
