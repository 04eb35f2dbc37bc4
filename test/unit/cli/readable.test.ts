import { describe, expect, test } from "vitest";
import { readableBody } from "../../../src/cli/readable.ts";

const TYPE = "application/json";

describe("a body as people and jq read it", () => {
  test("is its JSON, numbers as they were written", () => {
    const body = Buffer.from('{"n":12345678901234567890,"a":[1.10]}');
    expect(JSON.stringify(readableBody(body, TYPE))).toBe('{"n":12345678901234567890,"a":[1.10]}');
    expect(readableBody(body, "text/plain")).toBe(body.toString());
    expect(readableBody(Buffer.from("{"), TYPE)).toBe("{");
  });

  test.each([
    ["a million deep", "[".repeat(1_000_000) + "]".repeat(1_000_000)],
    ["more values than anybody reads", `[${"{},".repeat(1_100_000)}{}]`],
  ])("BOUND-1: of %s stays text", (_, text) => {
    expect(readableBody(Buffer.from(text), TYPE)).toBe(text);
  });
});
