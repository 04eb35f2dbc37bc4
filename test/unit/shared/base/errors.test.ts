import * as fc from "fast-check";
import { expect, test } from "vitest";
import { codedError, errorText } from "../../../../src/shared/base/errors.ts";

test("the text of an error tells its causes: foreign errors often say what matters only there", () => {
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
