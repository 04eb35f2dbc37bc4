import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeAnswer, encodeAnswer, type Answer } from "../../../../src/shared/messages/answer.ts";
import { anything, pack } from "../foreign-bytes.ts";

describe("answers", () => {
  const answer: Answer = {
    kind: "answer",
    status: 201,
    headers: [["content-type", "application/json"]],
    body: Uint8Array.of(1),
  };

  test("come back as they were", () => {
    const back = decodeAnswer(encodeAnswer(answer));
    expect(back).toMatchObject({
      kind: "answer",
      status: 201,
      headers: [["content-type", "application/json"]],
    });
    expect(decodeAnswer(encodeAnswer({ kind: "accepted", reason: "backlog" }))).toEqual({
      kind: "accepted",
      reason: "backlog",
    });
  });

  test.each([
    { ...answer, status: "200" },
    { ...answer, headers: {} },
    { ...answer, headers: [["a", 1]] },
    { ...answer, headers: ["a"] },
    { ...answer, headers: [["a"]] },
    { ...answer, headers: Array.from({ length: 20_000 }, () => ["a", ""]) },
    { ...answer, body: "text" },
    { kind: "accepted" },
    { kind: "other" },
  ])("%j is none", (wrong) => {
    expect(decodeAnswer(pack(wrong))).toBeUndefined();
  });

  test("whatever the bytes are, it is an answer or none", () => {
    fc.assert(fc.property(anything, (data) => void decodeAnswer(data)));
  });
});
